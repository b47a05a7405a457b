//! What a reader of feeds is refused with, as RFC 9457 problem details; each code has a page in docs/errors.

use axum::response::{IntoResponse, Response};
use carelog_domain::policy::PolicyRejection;
use carelog_domain::ports::Failure;
use carelog_domain::rejection::Rejection;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// The codes of feeds besides those of the policy.
pub const CODES: [&str; 5] = ["topic-unknown", "malformed-parameter", "too-many-requests", "unavailable", "internal"];

/// A problem as it is sent.
#[derive(Serialize, Debug)]
pub(crate) struct Problem {
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
}

/// With the page about it, relative to this server.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    problem: &'a Problem,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        let status = status.as_u16();
        Problem { title, status, detail: detail.into(), code, field: None, instance: None }
    }

    pub(crate) fn topic_unknown() -> Problem {
        let detail = "GET /v1/topics lists the topics";
        Problem::new(StatusCode::NOT_FOUND, "topic-unknown", "There is no such topic", detail)
    }

    pub(crate) fn parameter(field: &str, expected: &str) -> Problem {
        let (code, title) = ("malformed-parameter", "A parameter cannot be read");
        let problem = Problem::new(StatusCode::BAD_REQUEST, code, title, format!("expected {expected}"));
        Problem { field: Some(field.to_owned()), ..problem }
    }

    pub(crate) fn too_many() -> Problem {
        let (code, title) = ("too-many-requests", "Too many feeds at once");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title, "come again in a moment, or close another feed")
    }

    /// With the request it is about.
    pub(crate) fn of(mut self, path: String) -> Problem {
        self.instance = Some(path);
        self
    }
}

impl From<PolicyRejection> for Problem {
    fn from(refused: PolicyRejection) -> Problem {
        let rejection = Rejection::from(refused);
        Problem::new(StatusCode::FORBIDDEN, rejection.code, "This is not permitted", rejection.message)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        tracing::error!(error = &failure as &dyn std::error::Error, "a feed could not begin");
        let (title, detail) = ("The server could not do it", "come again in a moment");
        match failure.retry_helps {
            true => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title, detail),
            false => {
                let detail = "the operator finds the cause in the log by the time of this answer";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = Body { kind: format!("/docs/errors/{}", self.code), problem: &self };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_has_its_page() {
        let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
        let missing: Vec<_> = super::CODES.iter().filter(|code| !pages.join(format!("{code}.md")).exists()).collect();
        assert!(missing.is_empty(), "write docs/errors pages for {missing:?}");
    }
}
