//! An event together with all that the log keeps about it.

use serde::{Deserialize, Serialize};

use super::actor::RecordedActor;
use super::{CommandId, EventId, HospitalId, Position, Revision, StreamName, Tag, Timestamp, Version};

/// What the log keeps beside an event's data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The event's id.
    pub id: EventId,
    /// Its place in the log.
    pub position: Position,
    /// The stream it belongs to; its slot is the stream's.
    pub stream: StreamName,
    /// Its place in the stream, from 1.
    pub version: Version,
    /// The shape its data is stored in.
    pub revision: Revision,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// True when whoever imported it had to assume the time (the source gave a date only); always false for live
    /// traffic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub occurred_assumed: bool,
    /// When it was written down; never goes back within a partition.
    pub recorded_at: Timestamp,
    /// The hospital it happened at, if any.
    pub hospital: Option<HospitalId>,
    /// Who caused it.
    pub actor: RecordedActor,
    /// The command that caused it.
    pub command: CommandId,
    /// Its index in the command's batch, from 0.
    pub index: u16,
    /// How many events the batch has.
    pub batch_length: u16,
    /// The first command of the chain of causes this belongs to.
    pub correlation: CommandId,
    /// The event that caused the command, if an event did.
    pub causation: Option<EventId>,
    /// W3C trace context of the command.
    pub traceparent: Option<String>,
    /// By what it can be found again.
    pub tags: Vec<Tag>,
}

/// An event as the log holds it.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded<E> {
    /// What happened.
    pub event: E,
    /// When, where, by whom, why.
    pub context: Context,
}

impl<E> Recorded<E> {
    /// The same context with another view of the event.
    pub fn map<F>(self, view: impl FnOnce(E) -> F) -> Recorded<F> {
        Recorded { event: view(self.event), context: self.context }
    }
}
