//! Works on the partitions that are assigned to this process: loads one when it comes, drops all that is known of it when
//! it is taken away, loads it again when another process turns out to have handled more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Assigned, BoxStream, Failure, Head};
use futures::StreamExt;
use futures::future::join_all;
use tokio::sync::mpsc;

use super::Shared;
use super::place::Place;

/// After this long it is tried again to load a partition whose documents or log could not be read.
const LOADED_AGAIN_AFTER: Duration = Duration::from_millis(500);

pub(crate) struct Assignments {
    shared: Arc<Shared>,
    at_work: BTreeMap<Partition, (u64, Arc<Place>)>,
    overtaken: (mpsc::UnboundedSender<Partition>, mpsc::UnboundedReceiver<Partition>),
}

impl Assignments {
    pub(crate) fn new(shared: Arc<Shared>) -> Assignments {
        Assignments { shared, at_work: BTreeMap::new(), overtaken: mpsc::unbounded_channel() }
    }

    /// Follows what is assigned until the engine stops, and stops what was begun then.
    pub(crate) async fn follow(mut self, mut changes: BoxStream<'static, Assigned>, mut assigned: Assigned) {
        let shared = self.shared.clone();
        loop {
            let missing = assigned.keys().any(|partition| !self.at_work.contains_key(partition));
            let again = async {
                if missing { tokio::time::sleep(LOADED_AGAIN_AFTER).await } else { std::future::pending().await }
            };
            let change = async {
                tokio::select! {
                    Some(next) = changes.next() => Change::Assigned(next),
                    Some(partition) = self.overtaken.1.recv() => Change::Overtaken(partition),
                    () = again => Change::Again,
                }
            };
            match shared.unless_stopped(change).await {
                None => break,
                Some(Change::Assigned(next)) => assigned = next,
                Some(Change::Overtaken(partition)) => self.leave(partition).await,
                Some(Change::Again) => {}
            }
            match shared.unless_stopped(self.become_assigned(&assigned)).await {
                None => break,
                Some(Ok(())) => {}
                Some(Err(failure)) => shared.trouble("a partition cannot be begun with yet; trying again", &failure),
            }
        }
        join_all(self.at_work.values().map(|(_, place)| place.stop(&shared))).await;
    }

    /// Ends what is assigned no more, and begins what is and was not.
    pub(crate) async fn become_assigned(&mut self, assigned: &Assigned) -> Result<(), Failure> {
        let over = |(partition, (number, _)): (&Partition, &(u64, Arc<Place>))| {
            (assigned.get(partition) != Some(number)).then_some(*partition)
        };
        let over: Vec<Partition> = self.at_work.iter().filter_map(over).collect();
        for partition in over {
            self.leave(partition).await;
            tracing::info!(partition = partition.0, "the sagas of this partition run elsewhere from now on");
        }
        let heads = self.shared.log.head().await?;
        let mut begun = Ok(());
        for head in &heads {
            if let Some(number) = assigned.get(&head.partition).filter(|_| !self.at_work.contains_key(&head.partition))
            {
                // One that cannot be loaded keeps no other waiting.
                begun = begun.and(self.begin(head, *number).await);
            }
        }
        begun
    }

    async fn begin(&mut self, head: &Head, number: u64) -> Result<(), Failure> {
        let place = Place::load(&self.shared, head).await?;
        self.shared.settling.take_in(place.clone());
        let (partition, overtaken) = (head.partition, self.overtaken.0.clone());
        place.begin(&self.shared, move || {
            let _ = overtaken.send(partition); // Nobody listens any more when the engine stops.
        });
        self.at_work.insert(partition, (number, place));
        Ok(())
    }

    async fn leave(&mut self, partition: Partition) {
        if let Some((_, place)) = self.at_work.remove(&partition) {
            place.leave().await;
            self.shared.settling.take_out(partition);
        }
    }
}

enum Change {
    Assigned(Assigned),
    Overtaken(Partition),
    Again,
}
