//! Batches for partitions that another node owns: how a batch, and what it came to, are written for that node, and the
//! answering side. Only a batch that rests on nothing volatile travels (`Batch::term` is `None`); decisions are made where
//! the partition is owned.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::kernel::actor::RecordedActor;
use carelog_domain::kernel::{
    CommandId, Context, EventId, HospitalId, Position, Revision, Slot, StreamName, Tag, Timestamp, Version,
};
use carelog_domain::ports::{
    Accepted, Answers, AppendError, Batch, BoxFuture, Condition, Expected, Failure, Fingerprint, Node, Peers, ToAppend,
    Unanswered,
};
use serde::{Deserialize, Serialize};

use crate::error::{chain, lasting, passing};
use crate::log::KafkaLog;

/// What the questions are about.
pub const SUBJECT: &str = "appends";

/// A batch as it travels.
#[derive(Serialize, Deserialize)]
struct Sent {
    slot: Slot,
    command: CommandId,
    fingerprint: [u8; 32],
    events: Vec<SentEvent>,
    expected: Vec<(StreamName, Option<Version>)>,
    conditions: Vec<(Tag, Option<u64>)>,
    actor: RecordedActor,
    correlation: CommandId,
    causation: Option<EventId>,
    recorded_after: Option<Timestamp>,
    traceparent: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct SentEvent {
    id: EventId,
    stream: StreamName,
    event_type: String,
    revision: Revision,
    occurred_at: Timestamp,
    occurred_assumed: bool,
    hospital: Option<HospitalId>,
    tags: Vec<Tag>,
    data: String,
}

/// What it came to, as it travels. All of it is durable.
#[derive(Serialize, Deserialize)]
enum Came {
    Accepted { repeated: bool, events: Vec<Context>, fingerprint: [u8; 32] },
    StreamMoved { stream: StreamName, expected: Version, found: Version },
    TagUsed { tag: Tag, found: Position },
    FingerprintDiffers { command: CommandId },
    TooLarge { bytes: usize, bytes_max: usize },
    Failed { why: String, retry_helps: bool },
}

/// Has the owner append a batch. What comes back is durable already.
pub(crate) async fn append(peers: &dyn Peers, node: &Node, batch: Batch) -> Result<Accepted, AppendError> {
    let failed = AppendError::Failed;
    let sent = Sent::try_from(batch).map_err(failed)?;
    let question = serde_json::to_vec(&sent).map_err(|error| failed(unreadable(error)))?;
    match peers.ask(node, SUBJECT, question.into()).await {
        Ok(answer) => serde_json::from_slice::<Came>(&answer).map_err(|error| failed(unreadable(error)))?.result(),
        Err(Unanswered::NotReached(failure) | Unanswered::Unknown(failure)) => Err(failed(failure)),
    }
}

/// Appends what other nodes pass on.
pub struct Appending(Arc<KafkaLog>);

impl Appending {
    /// Appends to this log, where it is owned.
    pub fn to(log: Arc<KafkaLog>) -> Appending {
        Appending(log)
    }
}

impl Answers for Appending {
    fn answer(&self, from: &str, question: Bytes) -> BoxFuture<'_, Result<Bytes, Failure>> {
        tracing::debug!(from, "a batch passed on by another node");
        Box::pin(async move {
            let sent: Sent = serde_json::from_slice(&question).map_err(unreadable)?;
            let came = match self.0.append_here(sent.into()).await {
                Ok(Accepted { repeated, events, fingerprint, durable }) => match durable.await {
                    Ok(()) => Came::Accepted { repeated, events, fingerprint: fingerprint.0 },
                    Err(failure) => Came::failed(&failure),
                },
                Err(error) => error.into(),
            };
            serde_json::to_vec(&came).map(Bytes::from).map_err(unreadable)
        })
    }
}

fn unreadable(error: serde_json::Error) -> Failure {
    lasting("a batch, or what it came to, could not be written for or read from another node").caused_by(error)
}

impl TryFrom<Batch> for Sent {
    type Error = Failure;

    fn try_from(batch: Batch) -> Result<Sent, Failure> {
        let event = |event: ToAppend| {
            let data = String::from_utf8(event.data.into());
            Ok(SentEvent {
                id: event.id,
                stream: event.stream,
                event_type: event.event_type.into_owned(),
                revision: event.revision,
                occurred_at: event.occurred_at,
                occurred_assumed: event.occurred_assumed,
                hospital: event.hospital,
                tags: event.tags,
                data: data.map_err(|error| lasting("the data of an event is no JSON").caused_by(error))?,
            })
        };
        let version = |expected| match expected {
            Expected::Any => None,
            Expected::Exactly(version) => Some(version),
        };
        Ok(Sent {
            slot: batch.slot,
            command: batch.command,
            fingerprint: batch.fingerprint.0,
            events: batch.events.into_iter().map(event).collect::<Result<_, Failure>>()?,
            expected: batch.expected.into_iter().map(|(stream, expected)| (stream, version(expected))).collect(),
            conditions: batch.conditions.into_iter().map(|Condition { tag, after }| (tag, after)).collect(),
            actor: batch.actor,
            correlation: batch.correlation,
            causation: batch.causation,
            recorded_after: batch.recorded_after,
            traceparent: batch.traceparent,
        })
    }
}

impl From<Sent> for Batch {
    fn from(sent: Sent) -> Batch {
        let event = |event: SentEvent| ToAppend {
            id: event.id,
            stream: event.stream,
            event_type: Cow::Owned(event.event_type),
            revision: event.revision,
            occurred_at: event.occurred_at,
            occurred_assumed: event.occurred_assumed,
            hospital: event.hospital,
            tags: event.tags,
            data: event.data.into(),
        };
        let expected = |version: Option<Version>| version.map_or(Expected::Any, Expected::Exactly);
        Batch {
            slot: sent.slot,
            command: sent.command,
            fingerprint: Fingerprint(sent.fingerprint),
            events: sent.events.into_iter().map(event).collect(),
            expected: sent.expected.into_iter().map(|(stream, version)| (stream, expected(version))).collect(),
            conditions: sent.conditions.into_iter().map(|(tag, after)| Condition { tag, after }).collect(),
            term: None,
            actor: sent.actor,
            correlation: sent.correlation,
            causation: sent.causation,
            recorded_after: sent.recorded_after,
            traceparent: sent.traceparent,
        }
    }
}

impl Came {
    fn failed(failure: &Failure) -> Came {
        Came::Failed { why: chain(failure), retry_helps: failure.retry_helps }
    }

    fn result(self) -> Result<Accepted, AppendError> {
        Err(match self {
            Came::Accepted { repeated, events, fingerprint } => {
                let durable = Box::pin(std::future::ready(Ok(())));
                return Ok(Accepted { repeated, events, fingerprint: Fingerprint(fingerprint), durable });
            }
            Came::StreamMoved { stream, expected, found } => AppendError::StreamMoved { stream, expected, found },
            Came::TagUsed { tag, found } => AppendError::TagUsed { tag, found },
            Came::FingerprintDiffers { command } => AppendError::FingerprintDiffers { command },
            Came::TooLarge { bytes, bytes_max } => AppendError::TooLarge { bytes, bytes_max },
            Came::Failed { why, retry_helps: true } => AppendError::Failed(passing(why)),
            Came::Failed { why, retry_helps: false } => AppendError::Failed(lasting(why)),
        })
    }
}

impl From<AppendError> for Came {
    fn from(error: AppendError) -> Came {
        match error {
            AppendError::StreamMoved { stream, expected, found } => Came::StreamMoved { stream, expected, found },
            AppendError::TagUsed { tag, found } => Came::TagUsed { tag, found },
            AppendError::FingerprintDiffers { command } => Came::FingerprintDiffers { command },
            AppendError::TooLarge { bytes, bytes_max } => Came::TooLarge { bytes, bytes_max },
            AppendError::Failed(failure) => Came::failed(&failure),
            // A batch that was passed on names no term.
            over @ AppendError::TermOver { .. } => Came::Failed { why: over.to_string(), retry_helps: true },
        }
    }
}
