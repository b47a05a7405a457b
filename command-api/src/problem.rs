//! Refusals and failures as RFC 9457 problem details: a stable code with a page in docs/errors, the field at fault,
//! and never anything personal.

use axum::response::{IntoResponse, Response};
use carelog_domain::ports::{CommandError, Failure};
use carelog_domain::rejection::{Rejection, RejectionClass};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

/// A problem as it is sent.
#[derive(Serialize, JsonSchema, Debug, Clone)]
pub struct Problem {
    /// The page about this code, relative to this server.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here and how to mend it.
    pub detail: String,
    /// Stable; see the pages in docs/errors.
    pub code: &'static str,
    /// The field at fault, as a JSON pointer into the body, or the name of a header or parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The request this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Seconds after which to try again.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with this status, code and title.
    pub fn new(status: StatusCode, code: &'static str, title: &str) -> Problem {
        Problem {
            kind: format!("/docs/errors/{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: title.to_owned(),
            code,
            field: None,
            instance: None,
            retry_after: None,
        }
    }

    /// With the field at fault.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Problem {
        self.field = Some(field.into());
        self
    }

    /// With what is wrong here.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Problem {
        self.detail = detail.into();
        self
    }

    /// With when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    /// With the request it is about.
    #[must_use]
    pub fn of(mut self, instance: impl Into<String>) -> Problem {
        self.instance = Some(instance.into());
        self
    }

    /// What a header lacks or says wrongly.
    pub(crate) fn header(code: &'static str, header: &str, title: &str) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, title).at(header)
    }

    /// No such thing.
    pub(crate) fn not_found(code: &'static str, title: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, code, title)
    }

    /// A port could not.
    pub(crate) fn failure(failure: &Failure) -> Problem {
        tracing::error!(error = failure as &dyn std::error::Error, "a request failed");
        let problem = Problem::new(
            if failure.retry_helps { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR },
            if failure.retry_helps { "unavailable" } else { "internal" },
            "The server could not do it",
        );
        if failure.retry_helps {
            return problem.detail("send it again with the same key in a moment").retry_after(1);
        }
        problem.detail("nothing was changed; the operator finds the cause in the log by the time of this answer")
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        let status = match rejection.class {
            RejectionClass::NotFound => StatusCode::NOT_FOUND,
            RejectionClass::Conflict => StatusCode::CONFLICT,
            RejectionClass::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            RejectionClass::Forbidden => StatusCode::FORBIDDEN,
        };
        let title = rejection.code.replace('-', " ");
        let mut problem = Problem::new(status, rejection.code, &title).detail(rejection.message);
        problem.field = rejection.field.map(|field| format!("/{}", field.replace('.', "/")));
        problem
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Problem {
        let detail = error.to_string();
        match error {
            CommandError::Rejected(rejection) => rejection.into(),
            CommandError::VersionDiffers { .. } => {
                Problem::new(StatusCode::PRECONDITION_FAILED, "version-differs", "The resource has changed")
                    .at("If-Match")
                    .detail(format!("{detail}; look at it again and send its version"))
            }
            CommandError::KeyReused => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", "The idempotency key was used before")
                    .at("Idempotency-Key")
                    .detail(format!("{detail}; use a new key for a new request"))
            }
            CommandError::StillRunning => {
                Problem::new(StatusCode::CONFLICT, "still-running", "The same request is still running")
                    .at("Idempotency-Key")
                    .detail(format!("{detail}; ask again with the same key"))
                    .retry_after(1)
            }
            CommandError::NobodyOwns(failure) => {
                tracing::warn!(error = &failure as &dyn std::error::Error, "a command found nobody to decide it");
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "nobody-owns", "Nobody can decide it at the moment")
                    .detail("nothing was done; send it again with the same key in a moment")
                    .retry_after(2)
            }
            CommandError::OutcomeUnknown(failure) => {
                tracing::error!(error = &failure as &dyn std::error::Error, "the outcome of a command is unknown");
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown", "The outcome is not known yet")
                    .detail(detail)
                    .retry_after(1)
            }
            CommandError::Failed(failure) => Problem::failure(&failure),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        Problem::failure(&failure)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Codes of the API itself, each with its page in docs/errors; the domain has its own.
pub const CODES: &[&str] = &[
    "malformed-json",
    "malformed-body",
    "malformed-header",
    "malformed-parameter",
    "malformed-line",
    "unknown-field",
    "meaningless-value",
    "idempotency-key-missing",
    "idempotency-key-invalid",
    "key-reused",
    "still-running",
    "if-match-missing",
    "version-differs",
    "body-too-large",
    "unsupported-media-type",
    "method-not-allowed",
    "route-unknown",
    "resource-unknown",
    "command-unknown",
    "operation-unknown",
    "stream-unknown",
    "error-page-unknown",
    "too-many-requests",
    "timed-out",
    "unavailable",
    "internal",
    "outcome-unknown",
    "nobody-owns",
    "occurred-at-in-future",
    "occurred-at-before-last",
    "event-too-large",
    "too-busy",
    "not-a-hash",
    "lab-file-missing",
    "lab-file-broken",
    "lab-file-of-another-patient",
];
