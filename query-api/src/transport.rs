//! The routes. What carries an operation differs, what answers it does not.

mod graphiql;
mod http_requests;
mod negotiation;
mod sse;
mod websocket;

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use carelog_domain::kernel::Actor;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::operation::Api;

pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/graphql", any(http_requests::handle))
        .route("/graphql/stream", any(sse::handle))
        .route("/graphql/ws", get(websocket::handle))
        .with_state(api)
        .merge(graphiql::router())
}

/// A request that could not even become an operation: a status, a code and a sentence, in the shape of a GraphQL answer.
#[derive(Debug)]
struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Fault {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Fault {
        Fault { status, code, message: message.into(), header: None }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Fault {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }

    fn method(allowed: &'static str) -> Fault {
        let message = format!("only {allowed} work here; commands that change something are REST");
        Fault::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message).with(header::ALLOW, allowed)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response<Body> {
        let body = serde_json::json!({
            "errors": [{ "message": self.message, "extensions": { "code": self.code } }]
        });
        let mut response = (self.status, Json(body)).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// Who asks; without anyone nothing is answered.
fn actor_of(parts: &http::request::Parts) -> Result<Actor, Fault> {
    parts
        .extensions
        .get::<Actor>()
        .cloned()
        .ok_or_else(|| Fault::new(StatusCode::UNAUTHORIZED, "credentials-missing", "nobody is known to ask"))
}
