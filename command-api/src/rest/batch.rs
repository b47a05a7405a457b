//! Many commands in one request: NDJSON in, NDJSON out, a result per line in the order of the lines.
//!
//! ```text
//! {"id": "7", "operation": "BookAppointment", "key": "k7", "occurredAt": "2024-12-01T09:00:00Z", "body": {...}}
//! {"id":"7","status":201,"result":{"id":"...","version":1,...}}      {"id":"8","status":409,"problem":{...}}
//! ```
//!
//! Lines of one slot (a hospital, a patient) are decided in their order; others run beside them. The next line does
//! not wait until the one before is durable, only until its place is fixed; results are told when they are durable. A
//! line that is refused does not stop the rest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use carelog_domain::command::Command;
use carelog_domain::kernel::{Actor, CommandId, PatientId, Timestamp, Version};
use carelog_domain::ports::{CommandRequest, Credential};
use futures::future::Shared as SharedFuture;
use futures::{FutureExt, Stream, StreamExt, stream};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::answer::Done;
use super::headers::{self, essence};
use super::operations::{Makes, Operation};
use super::{Permit, Rest, Shared, run};
use crate::problem::Problem;
use crate::write_side::Target;

/// Longest line. An event has at most 65,535 bytes.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// Lines forgotten about at once, when as many are known to be over.
const FORGET_AT: usize = 4096;

/// One line of a batch.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Line {
    /// The client's name for the line, repeated in its result.
    id: String,
    /// The command's name, such as `BookAppointment`.
    operation: String,
    /// The idempotency key; the same as over REST.
    key: String,
    /// When it happened; needs the permission to import.
    occurred_at: Option<Timestamp>,
    /// True when the importer had to assume that time.
    #[serde(default)]
    occurred_assumed: bool,
    /// The version the leading stream must be at.
    if_match: Option<u64>,
    /// The body of the operation, with the parameters of its path as fields.
    body: Value,
}

/// The result of one line.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LineResult {
    /// The line's name; `null` for a line that could not be read.
    id: Option<String>,
    /// The line's number, from 1.
    line: u64,
    /// As over REST.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Done>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// `POST /v1/batch`.
pub(crate) async fn carry_out(State(shared): Rest, request: Request) -> Response {
    let actor = match run::actor(request.extensions()) {
        Ok(actor) => actor,
        Err(problem) => return problem.into_response(),
    };
    if !matches!(essence(request.headers()).as_str(), "application/x-ndjson" | "application/jsonl") {
        return headers::unsupported("application/x-ndjson").of("/v1/batch").into_response();
    }
    let lines_max = shared.api.limits.batch_lines_max;
    let permit = request.extensions().get::<Permit>().cloned();
    let (span, traceparent) = (Span::current(), headers::traceparent(request.headers()));
    let credential = headers::credential(request.headers());
    let mut batch = Batch { shared, actor, credential, order: HashMap::new(), span, traceparent, _permit: permit };
    let results = lines(request.into_body().into_data_stream())
        .enumerate()
        .map(move |(index, line)| batch.begin(index as u64 + 1, line))
        .buffered(lines_max)
        .map(|result| {
            let mut text = serde_json::to_vec(&result)?;
            text.push(b'\n');
            Ok::<_, serde_json::Error>(Bytes::from(text))
        });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(results)).into_response()
}

type Turn = SharedFuture<oneshot::Receiver<()>>;

struct Batch {
    shared: Arc<Shared>,
    actor: Actor,
    credential: Credential,
    /// For each key: when the last line with it has had its turn.
    order: HashMap<u128, Turn>,
    /// The request's: lines are begun after its handler has answered.
    span: Span,
    /// What the client said, for when spans are not exported.
    traceparent: Option<String>,
    _permit: Option<Permit>,
}

impl Batch {
    /// Puts a line into its place and begins it; it goes on by itself.
    fn begin(&mut self, number: u64, line: Result<Bytes, Problem>) -> impl Future<Output = LineResult> + use<> {
        let read = line.and_then(|line| read(&line));
        let (id, ready) = match read {
            Ok((line, id)) => (id, self.prepare(line)),
            Err(problem) => (None, Err(problem)),
        };
        let running = ready.map(|ready| tokio::spawn(ready.carry_out(self.shared.clone())));
        let shared = self.shared.clone();
        async move {
            let ended = async { running?.await.unwrap_or_else(|_| Err(run::internal())) };
            match run::in_time(&shared, ended).await {
                Ok((status, done)) => {
                    LineResult { id, line: number, status: status.as_u16(), result: Some(done), problem: None }
                }
                Err(problem) => {
                    LineResult { id, line: number, status: problem.status, result: None, problem: Some(problem) }
                }
            }
        }
    }

    fn prepare(&mut self, line: Line) -> Result<Ready, Problem> {
        let operation = Operation::named(&line.operation).ok_or_else(|| {
            Problem::new(StatusCode::BAD_REQUEST, "operation-unknown", "There is no such operation")
                .at("/operation")
                .detail("the names are in the API description at /openapi.json, as operationId")
        })?;
        let key = headers::key(Some(&line.key)).map_err(|problem| problem.at("/key"))?;
        let id = CommandId::of_client_key(&self.actor.tenant, operation.name, key);
        let command = (operation.read)(line.body).map_err(|problem| {
            let field = problem.field.clone().unwrap_or_default();
            problem.at(format!("/body{field}"))
        })?;
        let keys = keys(&command, id, line.occurred_at)?;
        let (over, turn) = oneshot::channel();
        let turn = turn.shared();
        let before = keys.into_iter().filter_map(|key| self.order.insert(key, turn.clone())).collect();
        if self.order.len() > FORGET_AT {
            self.order.retain(|_, turn| turn.peek().is_none());
        }
        let span = tracing::info_span!(parent: &self.span, "command", otel.name = operation.name, command.id = %id);
        let traceparent = span.in_scope(self.shared.api.traceparent).or_else(|| self.traceparent.clone());
        let request = CommandRequest {
            id,
            command,
            actor: self.actor.clone(),
            credential: self.credential.clone(),
            occurred_at: line.occurred_at,
            occurred_assumed: line.occurred_assumed,
            if_match: line.if_match.map(Version),
            correlation: None,
            cause: None,
            traceparent,
        };
        Ok(Ready { operation, request, before, over, span })
    }
}

/// What a line must not overtake: everything of its slot, and what came before about the same patient.
fn keys(command: &Command, id: CommandId, occurred_at: Option<Timestamp>) -> Result<Vec<u128>, Problem> {
    let target = Target::of(command, id)?;
    let patient = match command {
        Command::BookAppointment(book) => Some(book.patient),
        Command::RequestLink(link) => Some(link.patient),
        Command::CorrectPatient(correct) => Some(correct.patient),
        Command::ChangeContacts(change) => Some(change.patient),
        Command::AddIdentifier(add) => Some(add.patient),
        Command::RequestRegistration(_) => occurred_at.map(|at| PatientId::derive(id, target.slot, at, 0)),
        _ => None,
    };
    let slot = u128::from(target.slot.number());
    let registers = matches!(command, Command::RequestRegistration(_) | Command::AddIdentifier(_));
    // A registration waits for its saga: that must hold up nobody but those who need the patient.
    let slot = (!registers).then_some(slot);
    Ok(slot.into_iter().chain(patient.map(|patient| patient.0.as_u128())).collect())
}

struct Ready {
    operation: &'static Operation,
    request: CommandRequest,
    before: Vec<Turn>,
    over: oneshot::Sender<()>,
    span: Span,
}

impl Ready {
    async fn carry_out(self, shared: Arc<Shared>) -> Result<(StatusCode, Done), Problem> {
        let Ready { operation, request, before, over, span } = self;
        futures::future::join_all(before).await; // A line that was given up has had its turn too.
        let started = Instant::now();
        let work = async {
            let verdict = shared.api.bus.accept(request).await;
            let over = if operation.waits_for_registration {
                Some(over)
            } else {
                let _ = over.send(()); // Nobody waits when nothing comes after.
                None
            };
            let result = verdict.settled().await;
            crate::write_side::measure(operation.name, &result, started.elapsed());
            let done = result?;
            let mut body = Done::of(done.clone());
            if operation.waits_for_registration {
                match run::ended(&shared, &done, shared.api.limits.registration_wait).await? {
                    Some(token) => body.token.merge(&token),
                    None => return Ok((StatusCode::ACCEPTED, body)),
                }
            }
            drop(over);
            let status = if operation.makes == Makes::Change { StatusCode::OK } else { StatusCode::CREATED };
            Ok((status, body))
        };
        work.instrument(span).await
    }
}

fn read(line: &[u8]) -> Result<(Line, Option<String>), Problem> {
    let malformed = |detail: String| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-line", "The line cannot be read").detail(detail)
    };
    let line: Line = serde_json::from_slice(line).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            let field = error.to_string().split('`').nth(1).map(str::to_owned);
            let problem = malformed("expected id, operation, key and body, each in its type".to_owned());
            match field {
                Some(field) => problem.at(format!("/{field}")),
                None => problem,
            }
        }
        _ => malformed(format!("it is not JSON at column {}", error.column())),
    })?;
    let id = Some(line.id.clone());
    Ok((line, id))
}

/// The lines of a body; one that is too long is cut off and refused by itself.
fn lines(body: BodyDataStream) -> impl Stream<Item = Result<Bytes, Problem>> {
    let splitter = Splitter { body, buffer: BytesMut::new(), skipping: false, ended: false };
    let lines = stream::unfold(splitter, |mut splitter| async {
        let line = splitter.next().await?;
        Some((line, splitter))
    });
    lines.filter(|line| futures::future::ready(!matches!(line, Ok(line) if line.trim_ascii().is_empty())))
}

struct Splitter {
    body: BodyDataStream,
    buffer: BytesMut,
    /// The rest of a line that was refused for its length.
    skipping: bool,
    ended: bool,
}

impl Splitter {
    async fn next(&mut self) -> Option<Result<Bytes, Problem>> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(std::mem::take(&mut searched) + end + 1).freeze();
                let long = line.len() > LINE_BYTES_MAX; // It may come whole in one piece.
                match std::mem::take(&mut self.skipping) {
                    true => continue,
                    false if long => return Some(Err(run::too_large(LINE_BYTES_MAX))),
                    false => return Some(Ok(line)),
                }
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                self.buffer.clear();
                if !std::mem::replace(&mut self.skipping, true) {
                    return Some(Err(run::too_large(LINE_BYTES_MAX)));
                }
            }
            if self.ended {
                let rest = std::mem::take(&mut self.buffer).freeze();
                return (!rest.is_empty() && !self.skipping).then_some(Ok(rest));
            }
            searched = self.buffer.len();
            match self.body.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                // A body cut short: what was whole was carried out, the rest of a line is nothing.
                Some(Err(_)) => {
                    self.ended = true;
                    self.buffer.clear();
                }
                None => self.ended = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn split(chunks: &[&'static [u8]]) -> Vec<Result<Bytes, u16>> {
        let chunks: Vec<Result<Bytes, std::io::Error>> =
            chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk))).collect();
        let body = Body::from_stream(stream::iter(chunks));
        lines(body.into_data_stream()).map(|line| line.map_err(|problem| problem.status)).collect().await
    }

    #[tokio::test]
    async fn lines_come_whole_however_the_body_is_cut() {
        let lines = split(&[b"{\"a\"", b":1}\n\n{\"b\":", b"2}"]).await;
        let texts: Vec<_> = lines.into_iter().map(|line| line.expect("a line").trim_ascii().to_vec()).collect();
        assert_eq!(texts, [b"{\"a\":1}".to_vec(), b"{\"b\":2}".to_vec()]);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_refused_alone() {
        let long: &'static [u8] = Box::leak(vec![b'x'; LINE_BYTES_MAX + 2].into_boxed_slice());
        let lines = split(&[long, long, b"\n{}\n"]).await;
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], Err(413));
        assert_eq!(lines[1].as_deref().expect("a line").trim_ascii(), b"{}");
        let whole: &'static [u8] = Box::leak([long, b"\n{}\n"].concat().into_boxed_slice());
        let lines = split(&[whole]).await;
        assert_eq!((lines.len(), &lines[0]), (2, &Err(413)));
    }
}
