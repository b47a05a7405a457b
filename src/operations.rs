//! What operators do: see how everything stands, verify, rebuild, retry, skip, export the ledger. Every function answers
//! JSON, so that the command line and HTTP show the same.

pub(crate) mod http;
mod ledger;
mod status;
mod underway;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ::http::HeaderMap;
use ::http::header::AUTHORIZATION;
use carelog_domain::kernel::{Actor, Position};
use carelog_domain::policy::{self, Permission};
use carelog_domain::ports::{CommandError, Credential, Failure};
use carelog_domain::rejection::Rejection;
use carelog_event_log::Verified;
use carelog_projections::{Projections, operations as projecting};
use serde_json::{Value, json};

use crate::wiring::{Platform, Roles};

/// Operations on a running platform.
pub(crate) struct Operations {
    platform: Arc<Platform>,
    /// The status as it was last counted.
    counted: tokio::sync::Mutex<Option<(Instant, Value)>>,
    board: underway::Board,
}

/// Who has an operation carried out that is a command, which another process may be asked to decide.
pub(crate) struct By {
    actor: Actor,
    credential: Credential,
}

impl By {
    fn of(actor: Actor, headers: &HeaderMap) -> By {
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        By { actor, credential: Credential::new(authorization.map(str::to_owned)) }
    }
}

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperationError {
    /// Somebody asked for something that is not there, or may not.
    #[error("{0}")]
    Rejected(Rejection),
    /// There is no such saga, or nothing happened in that instance.
    #[error("there is no saga {saga} with an instance {instance}; `carelog sagas list` names them")]
    UnknownSaga {
        /// What was asked for.
        saga: String,
        /// Of which instance.
        instance: String,
    },
    /// A body or parameter cannot be read: the code, and what was expected.
    #[error("{1}")]
    Malformed(&'static str, String),
    /// It is for whoever runs, and only the folder was opened.
    #[error("nothing runs in the folder of a stopped server; start it with `carelog serve` and ask again")]
    NotRunning,
    /// A port could not.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// A command could not be carried out.
    #[error(transparent)]
    Command(CommandError),
    /// A read model could not be worked on.
    #[error(transparent)]
    ReadModel(#[from] projecting::OperationError),
}

type Answer = Result<Value, OperationError>;

impl Operations {
    pub(crate) fn new(platform: Arc<Platform>) -> Operations {
        Operations { platform, counted: tokio::sync::Mutex::default(), board: underway::Board::default() }
    }

    fn permit(actor: &Actor, permission: Permission) -> Result<(), OperationError> {
        policy::permits(actor, permission, None).map_err(|refusal| OperationError::Rejected(refusal.into()))
    }

    /// Numbers about the log.
    pub(crate) async fn log_stats(&self) -> Answer {
        let log = self.platform.engine.clone();
        let stats = blocking(move || log.local().stats()).await??;
        let partitions: Vec<Value> = stats
            .partitions
            .iter()
            .map(|each| {
                json!({
                    "partition": each.head.partition, "events": each.head.size, "root": each.head.root.to_string(),
                    "lastRecordedAt": each.head.recorded_at, "segments": each.segments, "bytes": each.segment_bytes,
                })
            })
            .collect();
        Ok(json!({ "partitions": partitions }))
    }

    /// Checks every frame of the log, and the checkpoints of whoever reads it.
    pub(crate) async fn log_verify(&self) -> Answer {
        let log = self.platform.engine.clone();
        let shown = self.board.begin("verify", "log");
        let total = self.platform.log.head().await?.iter().map(|head| head.size).sum();
        let report = shown.report.clone();
        let mut read = BTreeMap::new();
        let progress = move |progress: carelog_event_log::Progress| {
            read.insert(progress.partition, progress.read);
            report.say(read.values().sum(), total);
        };
        let checked = match blocking(move || log.local().verify(progress)).await? {
            Ok(checked) => checked,
            Err(failure) if failure.retry_helps => return Err(failure.into()),
            Err(failure) => {
                let causes = std::iter::successors(Some(&failure as &dyn std::error::Error), |error| error.source());
                let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
                return Ok(json!({ "agrees": false, "partitions": [], "differences": [text] }));
            }
        };
        let mut differences = Vec::new();
        let marks = projecting::checkpoints(&self.platform.sql, &self.platform.documents).await?;
        for (model, mark) in marks.into_iter().filter(|(_, mark)| mark.size > 0) {
            let known_by = format!("read model {model}");
            let checked =
                self.platform.engine.local().verify_checkpoint(&known_by, mark.partition, mark.size, mark.root);
            differences.extend(checked.err().map(|error| error.to_string()));
        }
        let partition = |each: &Verified| {
            json!({
                "partition": each.partition, "events": each.size, "streams": each.streams, "bytes": each.frame_bytes,
                "root": each.root.to_string(),
            })
        };
        let partitions: Vec<Value> = checked.iter().map(partition).collect();
        Ok(json!({ "agrees": differences.is_empty(), "partitions": partitions, "differences": differences }))
    }

    /// How the sagas stand.
    pub(crate) async fn sagas(&self) -> Answer {
        Ok(to_json(&self.roles()?.sagas.list().await?))
    }

    /// The story of one instance.
    pub(crate) async fn saga(&self, saga: &str, instance: &str) -> Answer {
        let story = self.roles()?.sagas.show(saga, instance).await?;
        let story = story
            .filter(|story| !story.is_empty())
            .ok_or_else(|| OperationError::UnknownSaga { saga: saga.to_owned(), instance: instance.to_owned() })?;
        Ok(json!({ "saga": saga, "instance": instance, "events": to_json(&story) }))
    }

    /// Has a failed step tried again.
    pub(crate) async fn saga_retry(&self, saga: &str, instance: &str, step: &str, by: By) -> Answer {
        let retried = self.roles()?.sagas.retry(saga, instance, step, by.actor, by.credential);
        let done = retried.await.map_err(command_error)?;
        Ok(json!({ "token": done.token, "repeated": done.repeated }))
    }

    /// Waits until everything is handled.
    pub(crate) async fn sagas_wait(&self, at_most: std::time::Duration) -> Answer {
        Ok(json!({ "settled": self.roles()?.sagas.wait(at_most).await? }))
    }

    /// Every read model by partition: what it is doing and how far behind the log it is.
    pub(crate) async fn projections(&self) -> Answer {
        let lines = self.lines().await?;
        let row = |line: &carelog_projections::Line| {
            let mut row = to_json(line);
            row["behind"] = json!(line.lag());
            row
        };
        Ok(json!({ "readModels": lines.iter().map(row).collect::<Vec<_>>() }))
    }

    /// What the stores hold of read models in layouts of other versions of the program.
    pub(crate) async fn projections_others(&self) -> Answer {
        Ok(json!({ "others": projecting::others(&self.platform.read_deps).await? }))
    }

    /// Removes that.
    pub(crate) async fn projections_prune(&self) -> Answer {
        let removed = projecting::prune(&self.platform.read_deps).await?;
        tracing::warn!(removed = removed.join(", "), "read models of other versions were removed by an operator");
        Ok(json!({ "removed": removed }))
    }

    /// Compares a read model, or all, with the log.
    pub(crate) async fn projections_verify(&self, name: Option<&str>, deep: bool) -> Answer {
        let mut checked = Vec::new();
        let mut agrees = true;
        for name in self.named(name)? {
            let (deps, running) = self.readers();
            let shown = self.board.begin("verify", name);
            let progress = |so_far: projecting::Progress| shown.report.say(so_far.done, so_far.total);
            let verdict = projecting::verify(&deps, running, name, deep, &progress).await?;
            agrees &= verdict.holds();
            let mut row = to_json(&verdict);
            row["agrees"] = json!(verdict.holds());
            row["verdict"] = json!(verdict.to_string());
            checked.push(row);
        }
        Ok(json!({ "agrees": agrees, "readModels": checked }))
    }

    /// Fills a new set beside the live one, and switches if told to.
    pub(crate) async fn projection_rebuild(&self, name: &str, switching: bool) -> Answer {
        let (deps, running) = self.readers();
        let shown = self.board.begin("rebuild", self.one(name)?);
        let progress = |so_far: projecting::Progress| shown.report.say(so_far.done, so_far.total);
        Ok(to_json(&projecting::rebuild(&deps, running, name, switching, &progress).await?))
    }

    /// Projects again beside and compares; the live set stays.
    pub(crate) async fn projection_diff(&self, name: &str) -> Answer {
        let (deps, running) = self.readers();
        self.projection_rebuild(name, false).await?;
        let differences = projecting::diff(&deps, running, name).await?;
        Ok(json!({ "model": name, "agrees": differences.is_empty(), "differences": to_json(&differences) }))
    }

    /// Tries the event a stopped read model could not take once more.
    pub(crate) async fn projection_retry(&self, name: &str) -> Answer {
        self.one(name)?;
        Ok(json!({ "model": name, "partitionsTryingAgain": self.roles()?.projections.retry(name).await? }))
    }

    /// Lets a stopped read model skip an event.
    pub(crate) async fn projection_skip(&self, name: &str, position: Position, reason: &str, by: By) -> Answer {
        self.one(name)?;
        let bus = self.platform.bus.as_ref();
        let skipped = projecting::skip(bus, by.actor, by.credential, name, position, reason);
        let done = skipped.await.map_err(command_error)?;
        Ok(json!({ "model": name, "skipped": position, "token": done.token }))
    }

    fn readers(&self) -> (carelog_projections::Deps, Option<&Projections>) {
        (self.platform.read_deps.clone(), self.platform.roles.as_ref().map(|roles| &*roles.projections))
    }

    /// How every read model stands, by partition.
    async fn lines(&self) -> Result<Vec<carelog_projections::Line>, Failure> {
        match &self.platform.roles {
            Some(roles) => roles.projections.registry().await,
            None => projecting::list(&self.platform.read_deps).await,
        }
    }

    fn roles(&self) -> Result<&Roles, OperationError> {
        self.platform.roles.as_ref().ok_or(OperationError::NotRunning)
    }

    fn named(&self, name: Option<&str>) -> Result<Vec<&'static str>, OperationError> {
        match name {
            Some(name) => Ok(vec![self.one(name)?]),
            None => Ok(carelog_schemas::read_models::MODELS.iter().map(|model| model.name).collect()),
        }
    }

    fn one(&self, name: &str) -> Result<&'static str, OperationError> {
        let known = carelog_schemas::read_models::MODELS.iter().map(|model| model.name).find(|known| *known == name);
        known.ok_or_else(|| projecting::OperationError::UnknownModel(name.to_owned()).into())
    }
}

fn command_error(error: CommandError) -> OperationError {
    match error {
        CommandError::Rejected(rejection) => OperationError::Rejected(rejection),
        other => OperationError::Command(other),
    }
}

fn to_json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("reports are plain data with text keys, which always become JSON")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::passing("operations", "the work was ended").caused_by(error))
}
