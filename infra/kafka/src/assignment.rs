//! Which partitions a role of this process works on: what a consumer group of that role assigns.

use std::collections::BTreeMap;
use std::sync::Arc;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Assigned, Assignment, BoxStream};
use futures::{StreamExt, stream};
use tokio::sync::watch;

/// What the group assigns, as long as the log is open that was asked for it.
pub struct GroupAssignment(watch::Sender<Assigned>);

impl GroupAssignment {
    pub(crate) fn new(now: watch::Sender<Assigned>) -> Arc<GroupAssignment> {
        Arc::new(GroupAssignment(now))
    }
}

/// What was assigned, as a change of what was assigned before: what is kept keeps its number.
pub(crate) fn changed(assigned: &mut Assigned, partitions: &[u16], number: u64) {
    let before = std::mem::take(assigned);
    let kept = |partition: Partition| (partition, before.get(&partition).copied().unwrap_or(number));
    *assigned = partitions.iter().map(|partition| kept(Partition(*partition))).collect::<BTreeMap<_, _>>();
}

impl Assignment for GroupAssignment {
    fn follow(&self) -> BoxStream<'static, Assigned> {
        let mut first = self.0.subscribe();
        first.mark_changed();
        stream::unfold(first, |mut now| async move {
            now.changed().await.ok()?;
            let assigned = now.borrow_and_update().clone();
            Some((assigned, now))
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_has_another_number_and_what_is_kept_the_same() {
        let mut assigned = Assigned::new();
        changed(&mut assigned, &[0, 1], 1);
        changed(&mut assigned, &[1], 2);
        changed(&mut assigned, &[0, 1], 3);
        assert_eq!(assigned, Assigned::from([(Partition(0), 3), (Partition(1), 1)]));
    }
}
