//! How a partition stands on this node, for everyone who waits for it.

use std::sync::Arc;

use crate::record::Ownership;

/// A partition on this node.
#[derive(Clone, Debug)]
pub struct Standing {
    /// What this node is to it.
    pub role: Role,
    /// Everything before this Kafka offset has been read and, where it counts, applied.
    pub read_to: i64,
    /// Who owns it by the log.
    pub owner: Option<Arc<Ownership>>,
}

/// What a node is to a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Role {
    /// It reads what was there when it started.
    CatchingUp,
    /// It reads what the owner writes.
    Following,
    /// It is going to own it.
    TakingOver,
    /// It owns it, in this epoch.
    Owning(u64),
    /// It cannot follow it any further.
    Stopped(Arc<crate::error::Stopped>),
}

impl Standing {
    /// The epoch in which this node owns the partition.
    pub fn owning(&self) -> Option<u64> {
        match self.role {
            Role::Owning(epoch) => Some(epoch),
            _ => None,
        }
    }

    /// Why it stopped, if it did.
    pub fn stopped(&self) -> Option<&crate::error::Stopped> {
        match &self.role {
            Role::Stopped(why) => Some(why),
            _ => None,
        }
    }
}
