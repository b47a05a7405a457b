//! Assignments that a test moves about, as a consumer group does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Assigned, Assignment, BoxStream};
use futures::{StreamExt, stream};
use tokio::sync::watch;

/// What one process is assigned for one role. Clones are the same.
#[derive(Clone)]
pub struct MovingAssignment(Arc<watch::Sender<Assigned>>);

impl MovingAssignment {
    /// Nothing, to begin with.
    pub fn none() -> MovingAssignment {
        MovingAssignment(Arc::new(watch::Sender::new(Assigned::new())))
    }

    /// These partitions from now on; one that it has already stays the same assignment.
    pub fn set(&self, partitions: impl IntoIterator<Item = u16>) {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let wanted: BTreeSet<Partition> = partitions.into_iter().map(Partition).collect();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.0.send_modify(|assigned| {
            assigned.retain(|partition, _| wanted.contains(partition));
            for partition in wanted {
                assigned.entry(partition).or_insert(number);
            }
        });
    }
}

impl Assignment for MovingAssignment {
    fn follow(&self) -> BoxStream<'static, Assigned> {
        let mut assigned = self.0.subscribe();
        assigned.mark_changed(); // The first answer is at once.
        let next = |mut assigned: watch::Receiver<Assigned>| async move {
            assigned.changed().await.ok()?;
            let now = assigned.borrow_and_update().clone();
            Some((now, assigned))
        };
        stream::unfold(assigned, next).boxed()
    }
}
