//! What an operator sees of the sagas, and what they can do: list, show, retry, wait.

use std::time::Duration;

use carelog_domain::kernel::{Actor, Partition, Position, Timestamp};
use carelog_domain::ports::{CommandDone, CommandError, CommandRequest, Credential, Failure, Head};
use carelog_domain::process::ProcessRejection;
use carelog_domain::process::commands::RetrySagaStep;
use carelog_domain::streams;
use serde::Serialize;
use serde_json::Value;

use super::letters::DeadLetter;
use super::{SagaEngine, Shared, checkpoint};
use crate::saga::command_id;

/// How the sagas stand.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// By partition.
    pub partitions: Vec<PartitionOverview>,
    /// By saga.
    pub sagas: Vec<SagaOverview>,
    /// What waits for somebody.
    pub dead_letters: Vec<DeadLetter>,
}

/// How far a partition is handled.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionOverview {
    /// The partition.
    pub partition: Partition,
    /// Everything before this offset is handled.
    pub handled: u64,
    /// The durable end of the log.
    pub head: u64,
    /// Reactions on their way.
    pub in_flight: usize,
    /// True when its sagas run in the process that was asked; of the others the stores tell, a moment late.
    pub here: bool,
}

/// One saga.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SagaOverview {
    /// Its name.
    pub name: &'static str,
    /// The event types it takes.
    pub takes: &'static [&'static str],
    /// How many of its alarms are set.
    pub alarms: usize,
    /// How many of its instances are parked.
    pub dead_letters: usize,
}

/// One event of an instance's story: what it took in, and what it made of it. Personal values stay sealed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Where it is.
    pub position: Position,
    /// The stream it is in.
    pub stream: String,
    /// What happened.
    pub event_type: String,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Its data.
    pub data: Value,
}

impl SagaEngine {
    /// How the sagas stand.
    ///
    /// # Errors
    /// When the log cannot say where it ends.
    pub async fn list(&self) -> Result<Overview, Failure> {
        let shared = &self.shared;
        let dead_letters = shared.dead_letters().await?;
        let heads = shared.log.head().await?;
        let (mut partitions, mut alarms) = (vec![], vec![]);
        for head in &heads {
            let partition = head.partition;
            let place = shared.settling.place(partition);
            shared.settling.look_at(partition).await?;
            let seen = shared.settling.seen(partition);
            let in_flight = place.as_ref().map_or(seen.open.len(), |place| place.progress.in_flight());
            let (handled, here) = (seen.low_water(), place.is_some());
            partitions.push(PartitionOverview { partition, handled, head: head.size, in_flight, here });
            alarms.extend(match place {
                Some(place) => place.alarms.sagas(),
                None => {
                    let set = checkpoint::alarms(&*shared.documents, partition).await?;
                    set.into_iter().map(|alarm| alarm.saga).collect()
                }
            });
        }
        let sagas = shared.kinds.iter().map(|kind| SagaOverview {
            name: kind.name,
            takes: kind.takes,
            alarms: alarms.iter().filter(|saga| *saga == kind.name).count(),
            dead_letters: dead_letters.iter().filter(|letter| letter.saga == kind.name).count(),
        });
        Ok(Overview { partitions, sagas: sagas.collect(), dead_letters: dead_letters.clone() })
    }

    /// The story of one instance in log order; `None` when there is no such saga.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn show(&self, saga: &str, instance: &str) -> Result<Option<Vec<Entry>>, Failure> {
        let shared = &self.shared;
        let Some(kind) = shared.kinds.iter().find(|kind| kind.name == saga) else { return Ok(None) };
        // A name that cannot be a stream's names no instance.
        let Ok(own) = format!("{saga}:{instance}").parse() else { return Ok(Some(vec![])) };
        let mut all = vec![];
        for stream in (kind.sources)(instance).into_iter().chain([own]) {
            all.extend(shared.stream(&stream).await?);
        }
        all.sort_by_key(|stored| stored.context.position);
        let entry = |stored: carelog_domain::ports::Stored| Entry {
            position: stored.context.position,
            stream: stored.context.stream.to_string(),
            recorded_at: stored.context.recorded_at,
            occurred_at: stored.context.occurred_at,
            data: serde_json::from_slice(&stored.data).unwrap_or(Value::Null),
            event_type: stored.event_type,
        };
        Ok(Some(all.into_iter().map(entry).collect()))
    }

    /// Has a dead letter tried again; asking twice for the same failure is one retry.
    ///
    /// # Errors
    /// When there is no such dead letter, or the command is refused or fails.
    pub async fn retry(
        &self,
        saga: &str,
        instance: &str,
        step: &str,
        actor: Actor,
        credential: Credential,
    ) -> Result<CommandDone, CommandError> {
        let shared = &self.shared;
        if !shared.kinds.iter().any(|kind| kind.name == saga) {
            return Err(CommandError::Rejected(ProcessRejection::SagaUnknown.into()));
        }
        let letters = shared.dead_letters().await.map_err(CommandError::Failed)?;
        let is_it = |letter: &DeadLetter| letter.saga == saga && letter.instance == instance && letter.step == step;
        let letter = letters.into_iter().find(is_it);
        let Some(letter) = letter else { return Err(CommandError::Rejected(ProcessRejection::StepUnknown.into())) };
        let id = command_id(saga, instance, &format!("retry:{step}:{}", letter.failed_offset));
        let (saga, instance, step) = (saga.to_owned(), instance.to_owned(), step.to_owned());
        let command = RetrySagaStep { saga, instance, step };
        let request = CommandRequest {
            credential,
            traceparent: carelog_schemas::trace_context::current(),
            ..CommandRequest::now(id, command, actor)
        };
        shared.bus.send(request).await
    }

    /// Waits until everything that is in the log now, and everything it leads to at once, is handled. False when the
    /// time ran out.
    ///
    /// # Errors
    /// When the log cannot say where it ends.
    pub async fn wait(&self, at_most: Duration) -> Result<bool, Failure> {
        let shared = &self.shared;
        let until = tokio::time::Instant::now() + at_most;
        loop {
            let heads = shared.log.head().await?;
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            let handled = || {
                let done = |head: &Head| shared.settling.low_water(head.partition) >= head.size;
                heads.iter().all(done).then_some(())
            };
            let _waiting = shared.settling.wait_for(heads.iter().map(|head| head.partition));
            if shared.wait_for(left, handled).await.is_none() {
                return Ok(false);
            }
            // The last of it may have been written meanwhile: only an end that did not move is an end.
            if shared.log.head().await? == heads {
                return Ok(true);
            }
        }
    }

    /// The stream of an instance's own records.
    pub fn stream_of(saga: &str, instance: &str) -> carelog_domain::kernel::StreamName {
        streams::saga(saga, instance)
    }
}

impl Shared {
    /// The dead letters of all partitions: of those worked on elsewhere as they were last saved.
    async fn dead_letters(&self) -> Result<Vec<DeadLetter>, Failure> {
        let places = self.settling.places();
        let is_here = |letter: &DeadLetter| places.iter().any(|place| place.partition.0 == letter.partition);
        let mut letters = if places.len() == usize::from(self.log.partitions()) {
            vec![]
        } else {
            checkpoint::all_letters(&*self.documents).await?
        };
        letters.retain(|letter| !is_here(letter));
        letters.extend(places.iter().flat_map(|place| place.letters.all()));
        letters.sort_by(|a, b| (&a.saga, &a.instance).cmp(&(&b.saga, &b.instance)));
        Ok(letters)
    }
}
