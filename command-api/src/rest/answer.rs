//! What a command's success looks like over HTTP.

use axum::Json;
use axum::response::{IntoResponse, Response};
use carelog_domain::kernel::{CommandId, EventId, Token};
use carelog_domain::ports::CommandDone;
use http::header::{ETAG, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::operations::Makes;

/// What a command came to.
#[derive(Serialize, JsonSchema, Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Done {
    /// The id of what was made or changed.
    pub id: Uuid,
    /// The version of the leading stream; also the `ETag`, for `If-Match`.
    pub version: u64,
    /// The leading stream.
    #[schemars(with = "String")]
    pub stream: String,
    /// Positions written, for queries that should see them; also the header `Carelog-Token`.
    #[schemars(with = "String")]
    pub token: Token,
    /// The command; `GET /v1/commands/{id}` shows what followed.
    pub command: CommandId,
    /// Ids of the events.
    pub events: Vec<EventId>,
    /// True when the same key had done it before.
    pub repeated: bool,
    /// With `Carelog-Wait: settled`: whether the sagas were done in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<bool>,
}

impl Done {
    pub(crate) fn of(done: CommandDone) -> Done {
        Done {
            id: done.subject,
            version: done.version.0,
            stream: done.stream.as_str().to_owned(),
            token: done.token,
            command: done.command,
            events: done.events,
            repeated: done.repeated,
            settled: None,
        }
    }

    /// Where it can be found.
    pub(crate) fn location(&self, makes: Makes) -> Option<String> {
        match makes {
            Makes::New(path) => Some(format!("{path}{}", self.id)),
            Makes::Part => Some(format!("/v1/commands/{}", self.command)),
            Makes::Change => None,
        }
    }

    /// The whole answer.
    pub(crate) fn respond(self, makes: Makes) -> Response {
        let status = if makes == Makes::Change { StatusCode::OK } else { StatusCode::CREATED };
        let location = self.location(makes);
        self.respond_with(status, location)
    }

    /// Accepted, but what it led to has not ended yet: where to look for it.
    pub(crate) fn respond_pending(self) -> Response {
        let location = format!("/v1/commands/{}", self.command);
        self.respond_with(StatusCode::ACCEPTED, Some(location))
    }

    fn respond_with(self, status: StatusCode, location: Option<String>) -> Response {
        let headers = [
            (ETAG, Some(format!("\"{}\"", self.version))),
            (HeaderName::from_static("carelog-token"), Some(self.token.to_string())),
            (LOCATION, location),
        ];
        let mut response = (status, Json(self)).into_response();
        for (name, value) in headers {
            let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
            if let Some(value) = value {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
