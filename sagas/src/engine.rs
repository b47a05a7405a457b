//! The engine: follows the partitions of the log that are assigned to it, lets the sagas react, carries out what they ask for, rings their
//! alarms. See docs/sagas.md for what happens when it is killed between any two of its records.

mod alarms;
mod assigned;
mod checkpoint;
mod follower;
mod instances;
mod lab;
mod letters;
mod order;
mod place;
mod progress;
mod reaction;
mod records;
mod report;
mod ringer;
mod seen;
mod settle;
mod settling;
mod troubles;

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::ports::{
    Assignment, BlobStore, Clock, CommandBus, DocumentStore, EventLog, Failure, KeyStore, LabReader, Settlement,
};
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::catalog::Kind;
use assigned::Assignments;
pub use letters::DeadLetter;
use place::Place;
pub use report::{Entry, Overview, PartitionOverview, SagaOverview};
pub use settling::Settling;
use troubles::Troubles;

/// What the engine works with.
pub struct Deps {
    /// Where events come from and its own records go to.
    pub log: Arc<dyn EventLog>,
    /// Opens personal values.
    pub keys: Arc<dyn KeyStore>,
    /// Where commands go.
    pub bus: Arc<dyn CommandBus>,
    /// Where checkpoints, alarms and dead letters are kept.
    pub documents: Arc<dyn DocumentStore>,
    /// Uploaded files.
    pub blobs: Arc<dyn BlobStore>,
    /// What time it is, for alarms.
    pub clock: Arc<dyn Clock>,
    /// Reads uploaded files.
    pub lab_reader: Arc<dyn LabReader>,
    /// Which partitions the sagas of this process work on.
    pub assigned: Arc<dyn Assignment>,
    /// Limits.
    pub config: SagasConfig,
}

/// Limits of the engine.
#[derive(Clone, Debug)]
pub struct SagasConfig {
    /// How many instances of a partition are kept hot.
    pub instances_max: usize,
    /// How many files are read at once.
    pub lab_reports_at_once: usize,
    /// How often a step is tried at least before it is a dead letter.
    pub attempts_max: u32,
    /// For how long at least: a store that is away comes back, and steps must not need a person's hand then.
    pub retry_for: Duration,
    /// How long after the first failure it is tried again; doubles each time.
    pub retry_first: Duration,
    /// The longest time between two attempts.
    pub retry_longest: Duration,
    /// How often checkpoints are saved.
    pub checkpoint_every: Duration,
}

impl Default for SagasConfig {
    fn default() -> SagasConfig {
        SagasConfig {
            instances_max: 20_000,
            lab_reports_at_once: 2,
            attempts_max: 8,
            retry_for: Duration::from_secs(24 * 60 * 60),
            retry_first: Duration::from_millis(50),
            retry_longest: Duration::from_secs(10),
            checkpoint_every: Duration::from_secs(1),
        }
    }
}

/// The running engine.
pub struct SagaEngine {
    shared: Arc<Shared>,
    working: Mutex<Vec<JoinHandle<()>>>,
}

impl SagaEngine {
    /// Checks the checkpoints of the assigned partitions against the log and starts.
    ///
    /// # Errors
    /// When a checkpoint is beyond the log or on another root, or a port fails.
    pub async fn start(deps: Deps) -> Result<Arc<SagaEngine>, Failure> {
        let mut changes = deps.assigned.follow();
        let assigned = changes.next().await.unwrap_or_default();
        let shared = Arc::new(Shared::of(deps));
        let mut assignments = Assignments::new(shared.clone());
        if let Err(failure) = assignments.become_assigned(&assigned).await {
            shared.stop.send_replace(true); // What was begun with ends again.
            return Err(failure);
        }
        let counted = shared.clone();
        let working = vec![
            tokio::spawn(assignments.follow(changes, assigned)),
            tokio::spawn(async move {
                while counted.pause(counted.config.checkpoint_every).await {
                    let letters: usize = counted.settling.places().iter().map(|place| place.letters.all().len()).sum();
                    metrics::gauge!("carelog_saga_dead_letters").set(letters as f64);
                }
            }),
        ];
        Ok(Arc::new(SagaEngine { shared, working: Mutex::new(working) }))
    }

    /// Stops: steps that are on their way end, nothing new begins, and checkpoints are saved.
    pub async fn stop(&self) {
        self.shared.stop.send_replace(true);
        let working = std::mem::take(&mut *self.working.lock());
        for task in working {
            if let Err(error) = task.await {
                self.shared.trouble("a worker of the sagas ended badly", &error);
            }
        }
    }

    /// The port by which others wait for the sagas.
    pub fn settlement(&self) -> Arc<dyn Settlement> {
        self.shared.settling.clone()
    }
}

/// What all tasks of the engine share.
pub(crate) struct Shared {
    log: Arc<dyn EventLog>,
    keys: Arc<dyn KeyStore>,
    bus: Arc<dyn CommandBus>,
    documents: Arc<dyn DocumentStore>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    lab_reader: Arc<dyn LabReader>,
    config: SagasConfig,
    kinds: Vec<Arc<Kind>>,
    /// What is worked on here, and what is known of the rest.
    settling: Arc<Settling>,
    lab_room: Semaphore,
    troubles: Troubles,
    stop: watch::Sender<bool>,
}

impl Shared {
    fn of(deps: Deps) -> Shared {
        let settling = Settling::start(deps.log.clone(), deps.documents.clone());
        Shared {
            lab_room: Semaphore::new(deps.config.lab_reports_at_once),
            log: deps.log,
            keys: deps.keys,
            bus: deps.bus,
            documents: deps.documents,
            blobs: deps.blobs,
            clock: deps.clock,
            lab_reader: deps.lab_reader,
            config: deps.config,
            kinds: settling.kinds.clone(),
            settling,
            troubles: Troubles::default(),
            stop: watch::Sender::new(false),
        }
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// The future's result, or `None` when the engine stops before.
    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.stop.subscribe();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => None,
            result = future => Some(result),
        }
    }

    /// Waits; false when the engine stops.
    async fn pause(&self, time: Duration) -> bool {
        self.unless_stopped(tokio::time::sleep(time)).await.is_some()
    }

    /// Looks again whenever more was handled; `None` when the time ran out or the engine stops.
    async fn wait_for<T>(&self, at_most: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
        let mut tick = self.settling.ticks();
        let deadline = tokio::time::sleep(at_most);
        tokio::pin!(deadline);
        loop {
            tick.borrow_and_update();
            if let Some(found) = ready() {
                return Some(found);
            }
            let ticked = async {
                tokio::select! {
                    changed = tick.changed() => changed.is_ok(),
                    () = &mut deadline => false,
                }
            };
            if self.unless_stopped(ticked).await != Some(true) {
                return ready();
            }
        }
    }

    /// Waits until the follower has looked at everything that is in the partition now; false when the engine stops.
    async fn caught_up(&self, place: &Place) -> Result<bool, Failure> {
        let heads = self.log.head().await?;
        let size = heads.iter().find(|head| head.partition == place.partition).map_or(0, |head| head.size);
        let looked = || (place.progress.next() >= size).then_some(());
        Ok(self.wait_for(Duration::MAX / 4, looked).await.is_some())
    }
}
