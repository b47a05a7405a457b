//! One request, one command: reads headers and body, sends the command, answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::response::{IntoResponse, Response};
use carelog_domain::kernel::{Actor, CommandId, Token};
use carelog_domain::ports::{CommandBus, CommandDone, CommandRequest};
use http::{Extensions, HeaderMap, StatusCode};
use serde_json::{Map, Value};
use tracing::Instrument;

use super::answer::Done;
use super::headers::{self, Said};
use super::operations::Operation;
use super::registrations::Ended;
use super::{Rest, Shared};
use crate::problem::Problem;

/// Carries one operation out. The command has its time-out; what is done and only waited for has the client's.
pub(crate) async fn operation(operation: &'static Operation, State(shared): Rest, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let answered = async {
        let (done, wait) = in_time(&shared, carry_out(operation, &shared, request)).await?;
        finish(operation, &shared, done, wait).await
    };
    answered.await.unwrap_or_else(|problem| problem.of(path).into_response())
}

/// Ends the waiting for a command that takes too long; whatever was begun in a task of its own goes on.
pub(crate) async fn in_time<T>(shared: &Shared, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(shared.api.limits.command_timeout, work).await.unwrap_or_else(|_| Err(timed_out()))
}

async fn carry_out(
    operation: &'static Operation,
    shared: &Arc<Shared>,
    request: Request,
) -> Result<(CommandDone, Option<Duration>), Problem> {
    let (mut parts, body) = request.into_parts();
    let actor = actor(&parts.extensions)?;
    let parameters = RawPathParams::from_request_parts(&mut parts, &()).await.map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-parameter", "The address cannot be read")
            .detail(error.to_string())
    })?;
    let said = Said::read(&parts.headers, operation.needs_version)?;
    let body = json(&parts.headers, body, shared.api.limits.body_bytes_max).await?;
    let command = (operation.read)(with_parameters(body, &parameters)?)?;
    let request = CommandRequest {
        id: CommandId::of_client_key(&actor.tenant, operation.name, &said.key),
        command,
        actor,
        credential: said.credential,
        occurred_at: said.occurred_at,
        occurred_assumed: said.occurred_assumed,
        if_match: said.if_match,
        correlation: None,
        cause: None,
        traceparent: (shared.api.traceparent)().or(said.traceparent),
    };
    Ok((send(shared, request).await?, said.wait))
}

/// Sends a command in a task of its own: a client that hangs up, or a time-out, does not stop it halfway.
async fn send(shared: &Shared, request: CommandRequest) -> Result<CommandDone, Problem> {
    let bus = shared.api.bus.clone();
    let task = tokio::spawn(async move { bus.send(request).await }.in_current_span());
    match task.await {
        Ok(result) => Ok(result?),
        Err(_) => Err(internal()),
    }
}

/// A task that panicked.
pub(crate) fn internal() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The command was not carried out")
}

/// Answers a success, after whatever is to be waited for.
async fn finish(
    operation: &'static Operation,
    shared: &Arc<Shared>,
    done: CommandDone,
    wait: Option<Duration>,
) -> Result<Response, Problem> {
    let mut done_body = Done::of(done.clone());
    if operation.waits_for_registration {
        match ended(shared, &done, shared.api.limits.registration_wait).await? {
            Some(token) => done_body.token.merge(&token),
            None => return Ok(done_body.respond_pending()),
        }
    }
    settle(shared, &mut done_body, &done, wait).await?;
    Ok(done_body.respond(operation.makes))
}

/// Waits for the sagas, when asked to.
pub(crate) async fn settle(
    shared: &Shared,
    body: &mut Done,
    done: &CommandDone,
    wait: Option<Duration>,
) -> Result<(), Problem> {
    let Some(at_most) = wait else { return Ok(()) };
    let settled = shared.api.settlement.settled(done.command, &done.token, at_most).await?;
    body.settled = Some(settled.is_some());
    if let Some(token) = settled {
        body.token.merge(&token);
    }
    Ok(())
}

/// Waits for the end of the registration (or addition) a command asked for; where that was written, or `None` when it
/// takes longer.
pub(crate) async fn ended(shared: &Shared, done: &CommandDone, at_most: Duration) -> Result<Option<Token>, Problem> {
    match shared.registrations.ended(done, at_most).await? {
        Some(Ended::Completed(position)) => Ok(Some(Token::from_iter([position]))),
        Some(Ended::NothingAsked) => Ok(Some(Token::empty())),
        Some(Ended::Refused(code)) => Err(refused(&code)),
        None => Ok(None),
    }
}

/// The problem behind the code a registration or an addition was refused with.
fn refused(code: &str) -> Problem {
    use carelog_domain::patient::PatientRejection;
    use carelog_domain::rejection::Rejection;
    if code == "identifier-taken" {
        return Rejection::from(PatientRejection::IdentifierTaken).into();
    }
    let known = carelog_domain::rejection::all_codes().into_iter().find(|(known, _)| *known == code);
    let known = known.map(|(code, class)| Rejection {
        code,
        class,
        field: None,
        message: "the request was refused; the page of its code says why".to_owned(),
    });
    known.map_or_else(
        || Problem::new(StatusCode::CONFLICT, "internal", "The request was refused").detail(code),
        Problem::from,
    )
}

/// Who asks; put there by the layer that authenticates.
pub(crate) fn actor(extensions: &Extensions) -> Result<Actor, Problem> {
    extensions.get::<Actor>().cloned().ok_or_else(|| {
        tracing::error!("a request reached a handler without an actor: the layer that authenticates is missing");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server is not set up rightly")
    })
}

/// The body as JSON; an empty one is an empty object.
async fn json(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Value, Problem> {
    let bytes = bytes(body, bytes_max).await?;
    headers::expect_json(headers, bytes.is_empty())?;
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-json", "The body is not JSON").detail(format!(
            "line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}

/// The body, unless it is too large.
pub(crate) async fn bytes(body: Body, bytes_max: usize) -> Result<bytes::Bytes, Problem> {
    let read = axum::body::to_bytes(body, bytes_max).await;
    read.map_err(|error| {
        let mut source: Option<&dyn std::error::Error> = Some(&error);
        while let Some(cause) = source {
            if cause.to_string().contains("length limit") {
                return too_large(bytes_max);
            }
            source = cause.source();
        }
        Problem::new(StatusCode::BAD_REQUEST, "malformed-json", "The body ended too early")
    })
}

/// The body is larger than it may be.
pub(crate) fn too_large(bytes_max: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large")
        .detail(format!("it has at most {bytes_max} bytes"))
}

/// The command took longer than it may.
pub(crate) fn timed_out() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timed-out", "It took too long")
        .detail("whether it was done is not known; send it again with the same key")
        .retry_after(1)
}

/// Puts the parameters of the path into the body, where the operation expects them.
fn with_parameters(body: Value, parameters: &RawPathParams) -> Result<Value, Problem> {
    let Value::Object(mut fields) = body else {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed-body",
            "The body is not what this operation takes",
        )
        .at("/")
        .detail("expected a JSON object"));
    };
    for (name, value) in parameters {
        let there = fields.insert(name.to_owned(), Value::String(value.to_owned()));
        if there.is_some() {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "unknown-field", "The address says this already")
                .at(format!("/{name}"))
                .detail("leave the field out of the body"));
        }
    }
    Ok(Value::Object(fields))
}
