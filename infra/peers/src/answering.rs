//! The answering side: what is not sealed by a node for this one, now and for the first time, is turned away unread.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use carelog_domain::kernel::Timestamp;
use carelog_domain::ports::{Answers, Clock, KeyStore};
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;

use crate::asking::{ANSWERED, COULD_NOT, EXPIRES, FROM, TO};
use crate::envelope::{self, Address, Nonce};

/// The longest a question may still be valid; with it, the longest its nonce is remembered.
const VALID_MAX: Duration = Duration::from_secs(90);
/// A batch has at most 8 MiB; JSON makes it longer.
const QUESTION_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Answers other nodes.
pub struct Answering {
    name: String,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    subjects: HashMap<&'static str, Arc<dyn Answers>>,
    seen: Mutex<Seen>,
}

/// Nonces of questions that were taken and could be sent again.
#[derive(Default)]
struct Seen {
    until: HashMap<Nonce, Timestamp>,
    forget_at: usize,
}

/// A question that was opened.
struct Question {
    from: String,
    nonce: Nonce,
    plain: Bytes,
}

impl Answering {
    /// Answers as the node with this name what is asked about these subjects.
    pub fn new(
        name: &str,
        keys: Arc<dyn KeyStore>,
        clock: Arc<dyn Clock>,
        subjects: impl IntoIterator<Item = (&'static str, Arc<dyn Answers>)>,
    ) -> Arc<Answering> {
        let subjects = subjects.into_iter().collect();
        Arc::new(Answering { name: name.to_owned(), keys, clock, subjects, seen: Mutex::default() })
    }

    fn open(&self, headers: &HeaderMap, subject: &str, body: &[u8]) -> Result<Question, &'static str> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let from = text(FROM).filter(|from| envelope::is_name(from)).ok_or("it does not say which node asks")?;
        let to = text(TO).ok_or("it does not say which node is asked")?;
        if to != self.name {
            return Err("another node was to be asked");
        }
        let expires: i64 = text(EXPIRES).and_then(|text| text.parse().ok()).ok_or("it does not say when it expires")?;
        let now = self.clock.now();
        let left = expires.saturating_sub(now.micros());
        if left <= 0 || left > VALID_MAX.as_micros() as i64 {
            return Err("it has expired, or the clocks of the nodes differ by more than 30 seconds");
        }
        let bound = Address { from, to, subject }.of_question(expires);
        let opened = envelope::open(&*self.keys, from, &bound, body);
        let (nonce, plain) = opened.ok_or("no node of this chain sealed it")?;
        match self.seen.lock().is_new(nonce, Timestamp::from_micros(expires), now) {
            true => Ok(Question { from: from.to_owned(), nonce, plain: plain.into() }),
            false => Err("it was asked before"),
        }
    }

    async fn answer(&self, subject: &str, answers: &dyn Answers, question: Question) -> Option<Vec<u8>> {
        let Question { from, nonce, plain } = question;
        let plain = match answers.answer(&from, plain).await {
            Ok(answer) => [&answer[..], &[ANSWERED]].concat(),
            Err(failure) => {
                tracing::error!(error = &failure as &dyn std::error::Error, from, subject, "a node was not answered");
                [failure.to_string().as_bytes(), &[COULD_NOT]].concat()
            }
        };
        let bound = Address { from: &from, to: &self.name, subject }.of_answer(&nonce);
        Some(envelope::seal(&*self.keys, &self.name, &bound, &plain)?.1)
    }
}

impl Seen {
    fn is_new(&mut self, nonce: Nonce, until: Timestamp, now: Timestamp) -> bool {
        if self.until.len() >= self.forget_at {
            self.until.retain(|_, until| *until > now);
            self.forget_at = (self.until.len() * 2).max(1024);
        }
        self.until.insert(nonce, until).is_none()
    }
}

/// The one route, to be served beside those for people and outside their guard: it has its own.
pub fn router(answering: Arc<Answering>) -> Router {
    Router::new().route("/nodes/{subject}", post(asked)).with_state(answering)
}

async fn asked(State(node): State<Arc<Answering>>, Path(subject): Path<String>, request: Request) -> Response {
    let Some(answers) = node.subjects.get(subject.as_str()).cloned() else {
        return (StatusCode::NOT_FOUND, "it answers nothing about this").into_response();
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, QUESTION_BYTES_MAX).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the question is too long or ended early").into_response();
    };
    let question = match node.open(&parts.headers, &subject, &body) {
        Ok(question) => question,
        Err(why) => {
            tracing::warn!(subject, why, "what should be a question of another node was turned away");
            return (StatusCode::FORBIDDEN, why).into_response();
        }
    };
    // Whoever asks may hang up; what was begun goes on to its end.
    let answering = tokio::spawn(async move { node.answer(&subject, &*answers, question).await });
    match answering.await {
        Ok(Some(answer)) => answer.into_response(),
        Ok(None) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
