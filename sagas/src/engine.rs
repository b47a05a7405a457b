//! The engine: follows every partition of the log, lets the sagas react, carries out what they ask for, rings their
//! alarms. See docs/sagas.md for what happens when it is killed between any two of its records.

mod alarms;
mod chains;
mod checkpoint;
mod follower;
mod instances;
mod lab;
mod letters;
mod order;
mod progress;
mod reaction;
mod records;
mod report;
mod ringer;
mod settle;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{BlobStore, Clock, CommandBus, DocumentStore, EventLog, Failure, KeyStore, LabReader};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::catalog::{self, Kind};
use alarms::Alarms;
use chains::Chains;
use checkpoint::Checkpointer;
use follower::Follower;
pub use letters::DeadLetter;
use letters::Letters;
use progress::Progress;
pub use report::{Entry, Overview, PartitionOverview, SagaOverview};

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
    /// Limits.
    pub config: SagasConfig,
}

/// Limits of the engine.
#[derive(Clone, Debug)]
pub struct SagasConfig {
    /// How many instances of a partition are kept hot.
    pub instances_max: usize,
    /// How many correlations are remembered for those who wait.
    pub correlations_max: usize,
    /// How many files are read at once.
    pub lab_reports_at_once: usize,
    /// How often a step is tried before it is a dead letter.
    pub attempts_max: u32,
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
            correlations_max: 100_000,
            lab_reports_at_once: 2,
            attempts_max: 8,
            retry_first: Duration::from_millis(50),
            retry_longest: Duration::from_secs(10),
            checkpoint_every: Duration::from_secs(1),
        }
    }
}

/// The running engine.
pub struct SagaEngine {
    shared: Arc<Shared>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    checkpointer: tokio::sync::Mutex<Checkpointer>,
}

impl SagaEngine {
    /// Checks the checkpoints against the log and starts.
    ///
    /// # Errors
    /// When a checkpoint is beyond the log or on another root, or a port fails.
    pub async fn start(deps: Deps) -> Result<Arc<SagaEngine>, Failure> {
        let shared = Arc::new(Shared::restore(deps).await?);
        let engine = Arc::new(SagaEngine {
            shared: shared.clone(),
            workers: Mutex::new(vec![]),
            checkpointer: tokio::sync::Mutex::default(),
        });
        let mut workers = vec![];
        for partition in shared.partitions() {
            workers.push(tokio::spawn(Follower::new(shared.clone(), partition).run()));
            workers.push(tokio::spawn(ringer::ring(shared.clone(), partition)));
        }
        let saver = Arc::downgrade(&engine);
        let every = shared.config.checkpoint_every;
        workers.push(tokio::spawn(async move {
            while shared.pause(every).await {
                let Some(engine) = saver.upgrade() else { return };
                engine.save().await;
            }
        }));
        *engine.workers.lock() = workers;
        Ok(engine)
    }

    /// Stops: steps that are on their way end, nothing new begins, and a checkpoint is saved.
    pub async fn stop(&self) {
        self.shared.stop.send_replace(true);
        let workers = std::mem::take(&mut *self.workers.lock());
        for worker in workers {
            if let Err(error) = worker.await {
                self.shared.trouble("a worker of the sagas ended badly", &error);
            }
        }
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        self.save().await;
    }

    async fn save(&self) {
        if let Err(failure) = self.checkpointer.lock().await.save(&self.shared).await {
            self.shared.trouble("a checkpoint of the sagas could not be saved", &failure);
        }
        metrics::gauge!("carelog_saga_dead_letters").set(self.shared.letters.all().len() as f64);
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
    places: Vec<Place>,
    letters: Letters,
    chains: Chains,
    lab_room: Semaphore,
    tasks: TaskTracker,
    /// Moves whenever something was handled.
    tick: watch::Sender<u64>,
    stop: watch::Sender<bool>,
}

/// What belongs to one partition.
struct Place {
    progress: Progress,
    alarms: Alarms,
    started_at: u64,
}

impl Shared {
    async fn restore(deps: Deps) -> Result<Shared, Failure> {
        let mut heads = deps.log.head().await?;
        heads.sort_by_key(|head| head.partition);
        let mut places = vec![];
        for head in &heads {
            let restored = checkpoint::restore(&*deps.documents, &*deps.log, head).await?;
            places.push(Place {
                progress: Progress::from(restored.next),
                alarms: Alarms::restored(restored.alarms, restored.imports),
                started_at: restored.next,
            });
        }
        let letters = checkpoint::restore_letters(&*deps.documents).await?;
        let chains = Chains::new(deps.config.correlations_max);
        letters.iter().flat_map(|letter| &letter.waiting).for_each(|correlation| chains.park(*correlation));
        Ok(Shared {
            lab_room: Semaphore::new(deps.config.lab_reports_at_once),
            log: deps.log,
            keys: deps.keys,
            bus: deps.bus,
            documents: deps.documents,
            blobs: deps.blobs,
            clock: deps.clock,
            lab_reader: deps.lab_reader,
            config: deps.config,
            kinds: catalog::all(),
            places,
            letters: Letters::restored(letters),
            chains,
            tasks: TaskTracker::new(),
            tick: watch::Sender::new(0),
            stop: watch::Sender::new(false),
        })
    }

    fn partitions(&self) -> impl Iterator<Item = Partition> + use<> {
        (0..self.places.len())
            .map(|number| Partition(u16::try_from(number).expect("partitions are counted in 16 bits")))
    }

    fn progress(&self, partition: Partition) -> &Progress {
        &self.places[usize::from(partition.0)].progress
    }

    fn alarms(&self, partition: Partition) -> &Alarms {
        &self.places[usize::from(partition.0)].alarms
    }

    fn started_at(&self, partition: Partition) -> u64 {
        self.places[usize::from(partition.0)].started_at
    }

    fn ticked(&self) {
        self.tick.send_modify(|tick| *tick = tick.wrapping_add(1));
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

    /// Waits until the follower has looked at everything that is in the partition now; false when the engine stops.
    async fn caught_up(&self, partition: Partition) -> Result<bool, Failure> {
        let heads = self.log.head().await?;
        let size = heads.iter().find(|head| head.partition == partition).map_or(0, |head| head.size);
        let looked = || (self.progress(partition).next() >= size).then_some(());
        Ok(self.wait_for(Duration::MAX / 4, looked).await.is_some())
    }
}
