//! Subscriptions as server-sent events: the distinct connections mode of the graphql-sse protocol. One request is one
//! operation; each answer is an event `next`, the end an event `complete`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use carelog_domain::ports::BoxStream;
use futures::{FutureExt, StreamExt};
use http::request::Parts;
use http::{Method, StatusCode, header};

use super::http_requests::{read, wish_of};
use super::{Fault, actor_of};
use crate::operation::{Api, was_refused};

/// Comments keep proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) async fn handle(State(api): State<Arc<Api>>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match answers(api, parts, body).await {
        Ok(answers) => stream(answers),
        Err(fault) => fault.into_response(),
    }
}

/// What is wrong with the document itself is told before a stream begins, as the protocol asks for; what goes wrong later
/// comes as an answer.
fn stream(answers: BoxStream<'static, async_graphql::Response>) -> Response<Body> {
    let mut answers = answers.peekable();
    let first = std::pin::Pin::new(&mut answers).peek().now_or_never().flatten();
    if let Some(refusal) = first.filter(|first| was_refused(first) && first.errors.iter().all(|e| e.path.is_empty())) {
        let kind = [(header::CONTENT_TYPE, "application/graphql-response+json; charset=utf-8")];
        return (StatusCode::BAD_REQUEST, kind, text(refusal)).into_response();
    }
    let events = answers.map(|answer| Event::default().event("next").data(text(&answer)));
    let end = futures::stream::iter([Event::default().event("complete").data("")]);
    let events = events.chain(end).map(Ok::<_, Infallible>);
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

fn text(answer: &async_graphql::Response) -> String {
    serde_json::to_string(answer).expect("a GraphQL answer has text keys and becomes JSON")
}

async fn answers(
    api: Arc<Api>,
    parts: Parts,
    body: Body,
) -> Result<BoxStream<'static, async_graphql::Response>, Fault> {
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
    Ok(api.stream(request, actor, wish).boxed())
}
