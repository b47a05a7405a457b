//! Subscriptions as server-sent events: the distinct connections mode of the graphql-sse protocol. One request is one
//! operation; each answer is an event `next`, the end an event `complete`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use http::request::Parts;
use http::{Method, StatusCode, header};

use super::http_requests::{read, wish_of};
use super::{Fault, actor_of};
use crate::operation::Api;

/// Comments keep proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) async fn handle(State(api): State<Arc<Api>>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match stream(api, parts, body).await {
        Ok(events) => Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response(),
        Err(fault) => fault.into_response(),
    }
}

async fn stream(
    api: Arc<Api>,
    parts: Parts,
    body: Body,
) -> Result<impl Stream<Item = Result<Event, Infallible>> + use<>, Fault> {
    if !matches!(parts.method, Method::GET | Method::POST) {
        return Err(Fault::method("GET, POST"));
    }
    let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    if !accept.contains("text/event-stream") && !accept.contains("*/*") {
        let message = "a stream of answers comes as text/event-stream";
        return Err(Fault::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", message));
    }
    let actor = actor_of(&parts)?;
    let wish = wish_of(&parts.headers)?;
    let request = read(&api, &parts, body).await?;
    let answers = api.stream(request, actor, wish).map(|response| {
        let data = serde_json::to_string(&response).expect("a GraphQL answer has text keys and becomes JSON");
        Event::default().event("next").data(data)
    });
    let end = futures::stream::iter([Event::default().event("complete").data("")]);
    Ok(answers.chain(end).map(Ok))
}
