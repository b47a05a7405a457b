//! What followed from a command, and whether the sagas are done with it.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use carelog_domain::kernel::{Actor, CommandId, Context, Partition, Token};
use carelog_domain::policy::{self, Permission};
use carelog_domain::ports::{Direction, EventFilter, EventLog, Failure, Stored};
use carelog_domain::rejection::Rejection;
use futures::future;
use http::StatusCode;
use http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Rest, Shared, headers, run};
use crate::problem::Problem;

/// Events looked through, in each partition, for what followed: newest first, back to the command.
const LOOK_THROUGH_MAX: usize = 20_000;
const CHUNK: usize = 1_000;
/// How long a command is looked for while it is not certain what it did.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// What a command led to.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    command: CommandId,
    /// Whether everything sagas make of it is done.
    settled: bool,
    /// Positions of all of it, for queries.
    #[schemars(with = "String")]
    token: Token,
    /// What the command itself did.
    events: Vec<EventLine>,
    /// What followed from it, oldest first.
    followed: Vec<EventLine>,
    /// False when so much was written since that not all of it was looked through.
    complete: bool,
}

/// An event without its data.
#[derive(Serialize, JsonSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventLine {
    #[schemars(with = "String")]
    position: String,
    stream: String,
    version: u64,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    occurred_at: String,
    recorded_at: String,
    /// Who or which process caused it.
    user: String,
}

impl EventLine {
    fn of(context: &Context, event_type: Option<&str>) -> EventLine {
        EventLine {
            position: context.position.to_string(),
            stream: context.stream.as_str().to_owned(),
            version: context.version.0,
            event_type: event_type.map(str::to_owned),
            occurred_at: context.occurred_at.to_string(),
            recorded_at: context.recorded_at.to_string(),
            user: context.actor.user.clone(),
        }
    }
}

/// `GET /v1/commands/{id}`; `Carelog-Wait: settled` waits here too.
pub(crate) async fn show(State(shared): Rest, Path(id): Path<String>, parts: Parts) -> Response {
    let path = parts.uri.path().to_owned();
    match status(&shared, &id, &parts).await {
        Ok(status) => Json(status).into_response(),
        Err(problem) => problem.of(path).into_response(),
    }
}

async fn status(shared: &Shared, id: &str, parts: &Parts) -> Result<Status, Problem> {
    let actor = run::actor(&parts.extensions)?;
    let wait = headers::wait(&parts.headers)?.unwrap_or(Duration::ZERO);
    let id: CommandId = id.parse().map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-parameter", "The address cannot be read").at("id")
    })?;
    let unknown = || Problem::not_found("command-unknown", "There is no such command");
    let events = find(&*shared.api.log, id).await?.ok_or_else(unknown)?;
    let first = events.first().ok_or_else(unknown)?;
    permitted(&actor, first)?;
    let own: Token = events.iter().map(|context| context.position).collect();
    // What the command did is known without the sagas' store.
    let settled = shared.api.settlement.settled(first.correlation, &own, wait).await.unwrap_or_else(|failure| {
        tracing::warn!(error = &failure as &dyn std::error::Error, "whether a command is settled is not known");
        None
    });
    let (followed, complete) = followed(shared, first).await?;
    let mut token = own;
    settled.iter().for_each(|more| token.merge(more));
    followed.iter().for_each(|stored| token.include(stored.context.position));
    let line = |stored: &Stored| EventLine::of(&stored.context, Some(&stored.event_type));
    Ok(Status {
        command: id,
        settled: settled.is_some(),
        token,
        events: events.iter().map(|context| EventLine::of(context, None)).collect(),
        followed: followed.iter().map(line).collect(),
        complete,
    })
}

/// What the command did, wherever it was carried out. While a partition changes hands that is not certain for a moment;
/// then it is looked for again.
async fn find(log: &dyn EventLog, id: CommandId) -> Result<Option<Vec<Context>>, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        match find_now(log, id).await {
            Err(failure) if failure.retry_helps && Instant::now() < until => tokio::time::sleep(PAUSE).await,
            found => return found,
        }
    }
}

/// Before a command is unknown, all that others wrote by now is read; before one is told, it is durable.
async fn find_now(log: &dyn EventLog, id: CommandId) -> Result<Option<Vec<Context>>, Failure> {
    let mut found = log.find_command_anywhere(id).await?;
    if found.is_none() {
        future::try_join_all((0..log.partitions()).map(|number| log.catch_up(Partition(number)))).await?;
        found = log.find_command_anywhere(id).await?;
    }
    let Some(found) = found else { return Ok(None) };
    found.durable.await?;
    Ok(Some(found.events))
}

/// Whoever sent it may look, and whoever may read the history.
fn permitted(actor: &Actor, first: &Context) -> Result<(), Problem> {
    if first.actor.user == actor.user {
        return Ok(());
    }
    let permitted = policy::permits(actor, Permission::ReadHistory, first.hospital);
    permitted.map_err(|refusal| Rejection::from(refusal).into())
}

/// Events of the same chain of causes, oldest first, and whether all were seen.
async fn followed(shared: &Shared, first: &Context) -> Result<(Vec<Stored>, bool), Failure> {
    let (mut found, mut complete) = (vec![], true);
    let everything = EventFilter::default();
    for head in shared.api.log.head().await? {
        let mut from = head.size.checked_sub(1);
        let mut seen = 0;
        while let Some(offset) = from {
            let read = shared.api.log.read(head.partition, offset, Direction::Backward, &everything, CHUNK);
            let (chunk, next) = read.await?;
            seen += chunk.len();
            let past = chunk.iter().any(|stored| stored.context.recorded_at < first.recorded_at);
            let follows = |stored: &Stored| {
                stored.context.correlation == first.correlation && stored.context.command != first.command
            };
            found.extend(chunk.into_iter().filter(follows));
            if past {
                break;
            }
            if seen >= LOOK_THROUGH_MAX {
                complete = false;
                break;
            }
            from = next;
        }
    }
    found.sort_by_key(|stored| (stored.context.recorded_at, stored.context.position));
    Ok((found, complete))
}
