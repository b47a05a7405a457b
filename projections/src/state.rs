//! What a read model is doing, for people and for metrics.

use carelog_domain::kernel::{EventId, Partition, Position, Timestamp};
use serde::Serialize;

/// A partition of a read model.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Doing {
    /// It follows the log.
    Running,
    /// It follows the log, and is shown to nobody until it has come to its end for the first time.
    Filling,
    /// A port cannot; it tries again by itself.
    Waiting {
        /// Which, and what can be done.
        message: String,
    },
    /// An event cannot be taken: retry it or skip it.
    Stopped(Fault),
    /// Its checkpoint is not of this log: it is ahead of it, or has another root.
    Diverged {
        /// What was found, and what can be done.
        message: String,
    },
}

impl Doing {
    /// The same of a read model that was, or was not, ever filled.
    pub(crate) fn shown(self, filled: bool) -> Doing {
        match self {
            Doing::Running if !filled => Doing::Filling,
            doing => doing,
        }
    }
}

/// The event that stopped a projection.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// Where it is.
    pub position: Position,
    /// Its id.
    pub event: EventId,
    /// Its type.
    pub event_type: String,
    /// Why; nothing personal.
    pub message: String,
}

/// One line of `carelog projections list`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The read model.
    pub model: String,
    /// The live set.
    pub set: String,
    /// The partition.
    pub partition: Partition,
    /// How many events were applied.
    pub applied: u64,
    /// How many the log has.
    pub log_size: u64,
    /// Recorded-at of the last one applied.
    pub recorded_at: Option<Timestamp>,
    /// What it is doing.
    #[serde(flatten)]
    pub doing: Doing,
}

impl Line {
    /// Events still to come.
    pub fn lag(&self) -> u64 {
        self.log_size.saturating_sub(self.applied)
    }
}
