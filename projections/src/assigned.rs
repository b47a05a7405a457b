//! Works on the partitions that are assigned to this process: begins at the stored checkpoints when one comes, stops at
//! once when one is taken away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Assigned, BoxStream, Failure};
use futures::StreamExt;
use futures::future::join_all;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::chunk::Reader;
use crate::feed::Feed;
use crate::state::Doing;
use crate::worker::{Halt, Shared, Worker};

/// After this long it is tried again to begin with a partition whose stores could not be read.
const BEGUN_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The partitions that are worked on in this process.
#[derive(Default)]
pub(crate) struct Here(Mutex<BTreeSet<Partition>>);

impl Here {
    pub(crate) fn contains(&self, partition: Partition) -> bool {
        self.0.lock().contains(&partition)
    }

    /// True when all partitions of a log are worked on here.
    pub(crate) fn is_all(&self, partitions: u16) -> bool {
        self.0.lock().len() == usize::from(partitions)
    }
}

/// The workers of the partitions, as they come and go.
pub(crate) struct Assignments {
    shared: Arc<Shared>,
    reader: Arc<Reader>,
    at_work: BTreeMap<Partition, AtWork>,
}

/// A partition that is worked on.
struct AtWork {
    number: u64,
    taken_away: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Assignments {
    pub(crate) fn new(shared: Arc<Shared>, reader: Arc<Reader>) -> Assignments {
        Assignments { shared, reader, at_work: BTreeMap::new() }
    }

    /// Follows what is assigned until everything stops, and ends what was begun then.
    pub(crate) async fn follow(mut self, mut changes: BoxStream<'static, Assigned>, mut assigned: Assigned) {
        let mut stopping = self.shared.stopping.subscribe();
        loop {
            let missing = assigned.keys().any(|partition| !self.at_work.contains_key(partition));
            let again = async {
                if missing { tokio::time::sleep(BEGUN_AGAIN_AFTER).await } else { std::future::pending().await }
            };
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => break,
                Some(next) = changes.next() => assigned = next,
                () = again => {}
            }
            if let Err(failure) = self.become_assigned(&assigned).await {
                tracing::warn!(error = %failure, "a partition cannot be begun with yet; trying again");
            }
        }
        let tasks = self.at_work.into_values().flat_map(|at_work| at_work.tasks);
        join_all(tasks.map(ended)).await;
    }

    /// Ends what is assigned no more, and begins what is and was not.
    pub(crate) async fn become_assigned(&mut self, assigned: &Assigned) -> Result<(), Failure> {
        let over = |(partition, at_work): (&Partition, &AtWork)| {
            (assigned.get(partition) != Some(&at_work.number)).then_some(*partition)
        };
        let over: Vec<Partition> = self.at_work.iter().filter_map(over).collect();
        join_all(over.iter().filter_map(|partition| self.at_work.remove(partition)).map(AtWork::end)).await;
        for partition in over {
            self.leave(partition).await;
        }
        let mut all = Ok(());
        let mut stopping = self.shared.stopping.subscribe();
        for (&partition, &number) in assigned {
            if self.at_work.contains_key(&partition) || partition.0 >= self.shared.log.partitions() {
                continue;
            }
            // One that cannot be begun with keeps no other waiting, nor a stop.
            let begun = tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return all,
                begun = self.begin(partition, number) => begun,
            };
            all = all.and(begun.map(|begun| {
                self.at_work.insert(partition, begun);
            }));
        }
        all
    }

    /// Nothing of what was known of the partition is used any more.
    async fn leave(&self, partition: Partition) {
        self.shared.here.0.lock().remove(&partition);
        for model in &self.shared.models {
            model.home.forget(model.live_now().set, partition);
            model.set_doing(partition, Doing::Running);
            let labels = [("model", model.name().to_owned()), ("partition", partition.0.to_string())];
            metrics::gauge!("carelog_projection_lag_events", &labels).set(0.0);
            metrics::gauge!("carelog_projection_stopped", &labels).set(0.0);
        }
        tracing::info!(partition = partition.0, "read models of this partition are kept up elsewhere from now on");
    }

    /// Begins with a partition, every read model where the store has it.
    async fn begin(&self, partition: Partition, number: u64) -> Result<AtWork, Failure> {
        let shared = &self.shared;
        shared.skipped.refresh(shared.sql.as_ref()).await?;
        let feed = Feed::new(partition, Arc::clone(&self.reader));
        let mut workers = Vec::with_capacity(shared.models.len());
        for model in &shared.models {
            workers.push(Worker::placed(shared, model, &feed).await?);
        }
        let heads = shared.log.head().await?;
        let end = heads.iter().find(|head| head.partition == partition).map_or(0, |head| head.size);
        let begun = |(worker, halted): &(Worker, Option<Halt>)| halted.is_none().then_some(worker.mark.size);
        // When no read model is of this log the feed waits at its end for one that is built anew.
        let from = workers.iter().filter_map(begun).min().unwrap_or(end).min(end);
        shared.here.0.lock().insert(partition);
        let taken_away = watch::Sender::new(false);
        let mut tasks = Vec::with_capacity(workers.len() + 1);
        for (worker, halted) in workers {
            let source = halted.is_none().then(|| feed.join());
            tasks.push(tokio::spawn(unless(taken_away.subscribe(), worker.run(halted, source))));
        }
        let running = feed.run(from, shared.stopping.subscribe());
        tasks.push(tokio::spawn(unless(taken_away.subscribe(), running)));
        Ok(AtWork { number, taken_away, tasks })
    }
}

impl AtWork {
    /// Ends it where it stands: what is not written by now is somebody else's to write.
    async fn end(self) {
        self.taken_away.send_replace(true);
        join_all(self.tasks.into_iter().map(ended)).await;
    }
}

/// Does the work, and drops it where it stands when the partition is taken away.
async fn unless(mut taken_away: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        // Whoever can take it away goes when everything stops: then what was begun is finished.
        Ok(_) = taken_away.wait_for(|taken_away| *taken_away) => {}
        () = work => {}
    }
}

async fn ended(task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(error = %error, "a projection worker did not end well");
    }
}
