//! Queries over HTTP: `GET` with the query in the URL, `POST` with it in JSON. A `GET` never changes anything, as there
//! are no mutations at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{Request, ServerError, Variables};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::negotiation::{Media, is_json};
use super::{Fault, actor_of};
use crate::asking::Wish;
use crate::operation::{Answered, Api, Ran};
use crate::persisted::{self, Persisted};
use crate::problem::Problem;

pub(super) async fn handle(State(api): State<Arc<Api>>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if wants_a_page(&parts) {
        return Redirect::to("/graphiql").into_response();
    }
    match answer(&api, parts, body).await {
        Ok(response) => response,
        Err(fault) => fault.into_response(),
    }
}

async fn answer(api: &Arc<Api>, parts: Parts, body: Body) -> Result<Response<Body>, Fault> {
    if !matches!(parts.method, Method::GET | Method::POST) {
        return Err(Fault::method("GET, POST"));
    }
    let media = Media::accepted(&parts.headers).ok_or_else(not_acceptable)?;
    let actor = actor_of(&parts)?;
    let wish = wish_of(&parts.headers)?;
    let mut request = read(api, &parts, body).await?;
    if parts.method == Method::GET && api.is_mutation(&mut request) {
        return Err(Fault::method("POST"));
    }
    Ok(respond(api.answer(request, actor, wish).await, media))
}

/// Reads the operation from the URL or the body.
pub(super) async fn read(api: &Api, parts: &Parts, body: Body) -> Result<Request, Fault> {
    let bytes_max = api.deps.limits.body_bytes_max;
    let asked = if parts.method == Method::GET {
        let Query(asked) = Query::<InUrl>::try_from_uri(&parts.uri)
            .map_err(|_| parameter("the URL has no readable query, operationName, variables or extensions"))?;
        asked.parsed()?
    } else {
        if !is_json(&parts.headers) {
            let message = "send the operation as application/json in UTF-8";
            return Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", message));
        }
        let bytes = axum::body::to_bytes(body, bytes_max).await.map_err(|_| {
            let message = format!("an operation with its variables has at most {bytes_max} bytes");
            Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", message)
        })?;
        serde_json::from_slice::<InBody>(&bytes).map_err(|error| {
            // Neither names the content.
            if error.is_data() {
                malformed("the body is not {query, operationName, variables, extensions}")
            } else {
                Fault::new(StatusCode::BAD_REQUEST, "malformed-json", "the body is not JSON")
            }
        })?
    };
    asked.into_request(&api.persisted)
}

pub(super) fn wish_of(headers: &HeaderMap) -> Result<Wish, Fault> {
    Wish::from_headers(headers)
        .map_err(|Problem { code, message, .. }| Fault::new(StatusCode::BAD_REQUEST, code, message))
}

/// An operation as clients send it, in a body or in a message.
#[derive(Deserialize)]
pub(super) struct InBody {
    query: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    extensions: Option<Extensions>,
}

impl InBody {
    pub(super) fn into_request(self, persisted: &Persisted) -> Result<Request, Fault> {
        let asked = self.extensions.and_then(|extensions| extensions.persisted_query);
        let query = persisted.resolve(self.query, asked).map_err(|Problem { code, message, .. }| {
            // An unknown hash is an answer, not a fault: the client goes on by sending the query.
            let unknown = code == "persisted-query-not-found";
            Fault::new(if unknown { StatusCode::OK } else { StatusCode::BAD_REQUEST }, code, message)
        })?;
        let variables = Variables::from_json(Value::Object(self.variables.unwrap_or_default()));
        let request = Request::new(query).variables(variables);
        Ok(match self.operation_name.filter(|name| !name.is_empty()) {
            Some(name) => request.operation_name(name),
            None => request,
        })
    }
}

/// What is understood of the extensions; others are let through.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Extensions {
    persisted_query: Option<persisted::Asked>,
}

#[derive(Deserialize)]
struct InUrl {
    query: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl InUrl {
    fn parsed(self) -> Result<InBody, Fault> {
        Ok(InBody {
            query: self.query,
            operation_name: self.operation_name,
            variables: object(self.variables, "variables")?,
            extensions: object(self.extensions, "extensions")?,
        })
    }
}

fn object<T: serde::de::DeserializeOwned>(text: Option<String>, name: &str) -> Result<Option<T>, Fault> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => serde_json::from_str(&text).map_err(|_| parameter(&format!("`{name}` is not a JSON object"))),
    }
}

/// An answer as it is sent: one that was refused has no `data` at all.
#[derive(Serialize)]
struct Sent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a async_graphql::Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'a BTreeMap<String, async_graphql::Value>,
}

fn respond(answered: Answered, media: Media) -> Response<Body> {
    let Answered { response, ran } = answered;
    let data = Some(&response.data).filter(|_| ran == Ran::Executed);
    let sent = Sent { data, errors: &response.errors, extensions: &response.extensions };
    let body = serde_json::to_vec(&sent).expect("a GraphQL answer has text keys and becomes JSON");
    // An answer holds personal data and is different a moment later: nobody may keep it.
    let headers = [(header::CONTENT_TYPE, media.content_type()), (header::CACHE_CONTROL, "no-store")];
    (media.status(ran), headers, body).into_response()
}

/// A browser that opens `/graphql` itself gets the console.
fn wants_a_page(parts: &Parts) -> bool {
    let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    parts.method == Method::GET && parts.uri.query().is_none_or(str::is_empty) && accept.contains("text/html")
}

fn malformed(message: &str) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "malformed-body", message)
}

fn parameter(message: &str) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "malformed-parameter", message)
}

fn not_acceptable() -> Fault {
    let message = "answers come as application/graphql-response+json or application/json";
    Fault::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", message)
}
