//! What was accepted here and has to stand in the log that is the truth before it counts.

use std::sync::Arc;

use bytes::Bytes;

use super::Partition;
use crate::group::Group;

/// So many bytes may be on their way to the truth and not applied; the rest waits where it gathers.
const UNDER_WAY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Hands out accepted batches in order, a group at a time.
pub struct Outbox {
    partition: Arc<Partition>,
}

/// Accepted batches, to be sent in order.
pub struct Shipment(Arc<Group>);

impl Outbox {
    pub(super) fn new(partition: Arc<Partition>) -> Outbox {
        Outbox { partition }
    }

    /// Waits for batches and takes all that gathered; `None` once the log is closing and nothing is left.
    pub fn take(&self) -> Option<Shipment> {
        self.partition.next_group(Some(UNDER_WAY_BYTES_MAX)).map(Shipment)
    }
}

impl Shipment {
    /// The epoch in which the batches were accepted.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// All frames in order.
    pub fn frames(&self) -> impl Iterator<Item = Bytes> {
        (self.0.first_offset..self.0.end()).filter_map(|offset| self.0.frame(offset))
    }
}
