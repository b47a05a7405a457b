//! Which partitions of the log a role of this process works on. In a cluster a consumer group decides; it says who should
//! work, not who may: for a while two processes may both believe that a partition is theirs, or none.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};

use super::BoxStream;
use crate::kernel::Partition;

/// What is assigned: each partition with the number of its assignment. One that was taken away and given back has another
/// number, so that nobody misses it who did not look in between.
pub type Assigned = BTreeMap<Partition, u64>;

/// Says what is assigned to one role of this process.
pub trait Assignment: Send + Sync {
    /// What is assigned now, at once, and then whenever that has changed; changes in quick succession may be one.
    fn follow(&self) -> BoxStream<'static, Assigned>;
}

/// An assignment that never changes.
#[derive(Clone, Debug)]
pub struct Fixed(Assigned);

impl Fixed {
    /// Every partition of a log: for the process that has it alone.
    pub fn all(partitions: u16) -> Fixed {
        Fixed((0..partitions).map(|partition| (Partition(partition), 0)).collect())
    }

    /// No partition: for a process that does not have the role, but looks at what others make of it.
    pub fn none() -> Fixed {
        Fixed(Assigned::new())
    }
}

impl Assignment for Fixed {
    fn follow(&self) -> BoxStream<'static, Assigned> {
        stream::iter([self.0.clone()]).chain(stream::pending()).boxed()
    }
}
