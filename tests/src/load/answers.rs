//! What an answer over HTTP means to the history.

use serde_json::Value;

use crate::history::audit::places;
use crate::history::{Answer, Done, Observation};

/// An answer that came whole.
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Whether it says when to come again.
    pub retry_after: bool,
    /// Its body.
    pub body: Value,
}

impl Reply {
    /// Reads it; or how it broke off.
    pub(super) async fn of(response: reqwest::Result<reqwest::Response>) -> Result<Reply, String> {
        let broke = |error: reqwest::Error| match (error.is_connect(), error.is_timeout()) {
            (true, _) => "not connected".to_owned(),
            (_, true) => "no answer in time".to_owned(),
            _ => format!("broke off: {error:?}"),
        };
        let response = response.map_err(broke)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().contains_key("retry-after");
        let body = response.json().await.map_err(broke)?;
        Ok(Reply { status, retry_after, body })
    }

    /// The problem's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// What every answer may be instead of one.
    pub fn unavailable(&self) -> Option<Answer> {
        let come_again = ["still-running", "too-busy", "too-many-requests"].contains(&self.code());
        (self.status >= 500 || come_again)
            .then(|| Answer::Unavailable { code: self.code().to_owned(), retry_after: self.retry_after })
    }
}

/// The answer to a change.
pub(super) fn answer_to_command(reply: &Reply, says: impl Fn(&str, &Value) -> Option<Observation>) -> Answer {
    if let Some(answer) = reply.unavailable() {
        return answer;
    }
    match reply.status {
        200..300 => Answer::Done(done(&reply.body)),
        _ => Answer::Refused { code: reply.code().to_owned(), observed: says(reply.code(), &reply.body) },
    }
}

fn done(body: &Value) -> Done {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("not an acknowledgement: {body}")).to_owned();
    Done {
        stream: text(&body["stream"]),
        version: body["version"].as_u64().expect("a version"),
        events: body["events"].as_array().expect("events").iter().map(text).collect(),
        token: places(&text(&body["token"])),
        repeated: body["repeated"].as_bool().expect("a word"),
    }
}

/// The version that a refused `If-Match` tells of.
pub fn version_found(detail: &str) -> Option<u64> {
    let after = detail.split("at version ").nth(1)?;
    after.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}
