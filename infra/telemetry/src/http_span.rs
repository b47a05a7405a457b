//! One span a request, continuing the caller's trace; its duration by route and status.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use carelog_schemas::trace_context;
use http::Method;
use tracing::Instrument;

/// The layer. Only the route's pattern is recorded, never the path: paths hold ids, queries may hold more.
pub async fn http_span(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = method_name(request.method());
    let span = tracing::info_span!(
        target: "carelog::http", "http", otel.name = %format_args!("{method} {route}"), otel.kind = "server",
        http.request.method = method, http.route = %route, http.response.status_code = tracing::field::Empty,
    );
    let parent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    if let Some(parent) = parent {
        trace_context::adopt(&span, parent);
    }
    let begun = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.to_string())];
    metrics::histogram!("carelog_http_request_duration_seconds", &labels).record(begun.elapsed().as_secs_f64());
    response
}

/// A method as metrics and traces name it. The token is the client's to choose: whatever is not of HTTP is one word, or
/// anybody could make as many series as they like.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_nobody_knows_is_no_label_of_its_own() {
        let method = |token: &str| Method::from_bytes(token.as_bytes()).expect("a token");
        assert_eq!(method_name(&method("PATCH")), "PATCH");
        assert_eq!(["get", "BREW", "X-1"].map(|token| method_name(&method(token))), ["other"; 3]);
    }
}
