//! Public topics: what others may see of the log, outside of it. Records and how far they go are written together or
//! not at all, so that every event is published once, whatever ends in the middle.

use bytes::Bytes;

use super::{BoxFuture, Failure, Root};
use crate::kernel::{Partition, Timestamp};

/// Writes to public topics. Each partition of the log has one publisher at a time.
pub trait Publisher: Send + Sync {
    /// Makes this the one publisher of a partition: whoever was it before publishes nothing more, and what they left
    /// half done is undone. Returns how far each topic has come, in any order; a topic that is not among them has
    /// nothing yet.
    fn take_over(&self, partition: Partition) -> BoxFuture<'_, Result<Vec<TopicMark>, Failure>>;

    /// How far each topic has come, without taking over.
    fn marks(&self, partition: Partition) -> BoxFuture<'_, Result<Vec<TopicMark>, Failure>>;

    /// Writes all records, in order, and the new marks: all or none. After a failure it may have been either: take over
    /// again and look.
    fn publish(&self, publication: Publication) -> BoxFuture<'_, Result<(), PublishError>>;
}

/// How far a topic has come in a partition of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicMark {
    /// The topic.
    pub topic: String,
    /// How many frames of the partition are published or passed over; the next offset.
    pub next: u64,
    /// The Merkle root over them, so that another log is never taken for this one.
    pub root: Root,
}

/// What is published at once.
#[derive(Clone, PartialEq, Debug)]
pub struct Publication {
    /// The partition of the log it comes from.
    pub partition: Partition,
    /// Where the topics that move must be, by name; 0 for one that has nothing yet.
    pub expected: Vec<(String, u64)>,
    /// The records, in the order of the log.
    pub records: Vec<TopicRecord>,
    /// Where those topics are then.
    pub reached: Vec<TopicMark>,
}

/// One record of a public topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicRecord {
    /// The topic.
    pub topic: &'static str,
    /// Records with the same key stay in order.
    pub key: String,
    /// Texts beside the value, by name.
    pub headers: Vec<(String, String)>,
    /// When it was recorded in the log.
    pub at: Timestamp,
    /// The value.
    pub value: Bytes,
}

/// Why nothing was published, as far as is known.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Another has taken over, or nobody has: this one does not publish the partition.
    #[error("partition {partition} is published by another, or was not taken over here")]
    Superseded {
        /// The partition.
        partition: Partition,
    },
    /// A topic is not where the publication begins.
    #[error("topic {topic} is at {found} of the partition, not at {expected}")]
    Moved {
        /// The topic.
        topic: String,
        /// Where the publication begins.
        expected: u64,
        /// Where the topic is.
        found: u64,
    },
    /// It could not, or nobody knows whether it did.
    #[error("it could not be published")]
    Failed(#[source] Failure),
}
