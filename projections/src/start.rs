//! Starting and stopping: homes prepared, checkpoints compared with the log, feeds and workers begun.

use std::sync::Arc;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Clock, DocumentStore, EventLog, Failure, Head, KeyStore, SqlStore};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::check;
use crate::chunk::Reader;
use crate::document_home::DocumentHome;
use crate::feed::Feed;
use crate::home::{Home, Mark};
use crate::lag::{self, Lag};
use crate::operations::{Report, Underway};
use crate::projection::{ALL, Registered};
use crate::running::{self, Running, Skipped};
use crate::sql_home::SqlHome;
use crate::state::{Doing, Line};
use crate::worker::{Shared, Worker, diverged};

/// What projections need.
#[derive(Clone)]
pub struct Deps {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Opens personal values.
    pub keys: Arc<dyn KeyStore>,
    /// Where tables are.
    pub sql: Arc<dyn SqlStore>,
    /// Where the chart is.
    pub documents: Arc<dyn DocumentStore>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Deps {
    pub(crate) fn home(&self, projection: &'static Registered) -> Arc<dyn Home> {
        let model = projection.model;
        if model.documents {
            return Arc::new(DocumentHome::new(Arc::clone(&self.documents), model));
        }
        Arc::new(SqlHome { store: Arc::clone(&self.sql), model })
    }

    pub(crate) fn reader(&self, projections: &[&Registered]) -> Arc<Reader> {
        Arc::new(Reader {
            log: Arc::clone(&self.log),
            keys: Arc::clone(&self.keys),
            wanted: projections.iter().flat_map(|projection| projection.events.iter().copied()).collect(),
        })
    }
}

/// All read models, being kept up.
pub struct Projections {
    pub(crate) deps: Deps,
    shared: Arc<Shared>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Projections {
    /// Prepares every read model and begins to follow the log. A read model whose checkpoint is not of this log does
    /// not start; [`Projections::registry`] says so.
    ///
    /// # Errors
    /// When a store or the log cannot be used at all.
    pub async fn start(deps: Deps) -> Result<Arc<Projections>, Failure> {
        let partitions = deps.log.partitions();
        let heads = deps.log.head().await?;
        let stopping = watch::Sender::new(false);
        let mut models = Vec::with_capacity(ALL.len());
        let mut marks = Vec::with_capacity(ALL.len());
        for projection in ALL {
            let home = deps.home(projection);
            let set = home.prepare().await?;
            let faults = running::faults(deps.sql.as_ref()).await?;
            let found = filled(home.marks(set).await?, partitions);
            for mark in found.iter().filter(|mark| faults.is_over(projection.model.name, mark)) {
                running::forget_fault(deps.sql.as_ref(), projection.model.name, mark.partition).await?;
            }
            models.push(Arc::new(Running::new(projection, home, set, &found, &faults, stopping.subscribe())));
            marks.push(found);
        }
        let skipped = Skipped::default();
        skipped.refresh(deps.sql.as_ref()).await?;
        let shared = Arc::new(Shared {
            log: Arc::clone(&deps.log),
            sql: Arc::clone(&deps.sql),
            clock: Arc::clone(&deps.clock),
            skipped,
            models,
            stopping,
        });
        let projections = Arc::new(Projections { deps, shared, tasks: Mutex::default() });
        projections.spawn(&heads, &marks).await?;
        let sampling = tokio::spawn(lag::sample(Arc::clone(&projections.shared)));
        projections.tasks.lock().push(sampling);
        Ok(projections)
    }

    async fn spawn(&self, heads: &[Head], marks: &[Vec<Mark>]) -> Result<(), Failure> {
        let all: Vec<&Registered> = ALL.iter().collect();
        let reader = self.deps.reader(&all);
        for partition in (0..self.deps.log.partitions()).map(Partition) {
            let feed = Feed::new(partition, Arc::clone(&reader));
            let mut from = None;
            for (model, marks) in self.shared.models.iter().zip(marks) {
                let mark = &marks[usize::from(partition.0)];
                if let Some(message) = check::compare(self.deps.log.as_ref(), heads, mark).await? {
                    model.set_doing(partition, diverged(model.name(), partition, message));
                    let worker =
                        Worker::new(Arc::clone(&self.shared), Arc::clone(model), Arc::clone(&feed), mark.clone());
                    self.tasks.lock().push(tokio::spawn(worker.run_once_rebuilt()));
                    continue;
                }
                from = Some(from.map_or(mark.size, |from: u64| from.min(mark.size)));
                let worker = Worker::new(Arc::clone(&self.shared), Arc::clone(model), Arc::clone(&feed), mark.clone());
                self.tasks.lock().push(tokio::spawn(worker.run(Some(feed.join()))));
            }
            // When no read model is of this log the feed waits at its end for one that is built anew.
            let end = heads.iter().find(|head| head.partition == partition).map_or(0, |head| head.size);
            self.tasks.lock().push(tokio::spawn(feed.run(from.unwrap_or(end), self.shared.stopping.subscribe())));
        }
        Ok(())
    }

    /// How far every read model is behind the log, now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn lags(&self) -> Result<Vec<Lag>, Failure> {
        lag::lags(&self.shared).await
    }

    /// The operations that are under way, and how far they have come.
    pub fn underway(&self) -> Vec<Underway> {
        self.models().iter().filter_map(|model| model.underway.lock().as_ref().map(Report::underway)).collect()
    }

    /// Stops following; what was begun is finished, but long operations end early.
    pub async fn stop(&self) {
        self.shared.stopping.send_replace(true);
        let tasks: Vec<_> = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(error = %error, "a projection worker did not end well");
            }
        }
        // An operation whose caller went away may still be at work; it sees that everything stops.
        for model in self.models() {
            drop(model.operating.lock().await);
        }
    }

    /// Every read model and partition: how far it has come, and what it is doing.
    ///
    /// # Errors
    /// When the log cannot say how long it is.
    pub async fn registry(&self) -> Result<Vec<Line>, Failure> {
        let heads = self.deps.log.head().await?;
        let mut lines = Vec::new();
        for model in self.models() {
            let set = model.live.read().await.set;
            let marks = filled(model.home.marks(set).await?, self.deps.log.partitions());
            let sizes = model.progress.borrow().clone();
            for mark in marks {
                let partition = mark.partition;
                let applied = sizes.get(usize::from(partition.0)).copied().unwrap_or(mark.size);
                lines.push(line(model.name(), set.word(), applied, &mark, &heads, model.doing(partition)));
            }
        }
        Ok(lines)
    }

    /// Lets stopped partitions of a read model try their event again; returns how many there were.
    pub fn retry(&self, model: &str) -> usize {
        self.model(model).map_or(0, |model| model.retry(None))
    }

    pub(crate) fn models(&self) -> &[Arc<Running>] {
        &self.shared.models
    }

    pub(crate) fn model(&self, name: &str) -> Option<&Arc<Running>> {
        self.shared.models.iter().find(|model| model.name() == name)
    }
}

pub(crate) fn line(model: &str, set: &str, applied: u64, mark: &Mark, heads: &[Head], doing: Doing) -> Line {
    let log_size = heads.iter().find(|head| head.partition == mark.partition).map_or(0, |head| head.size);
    Line {
        model: model.to_owned(),
        set: set.to_owned(),
        partition: mark.partition,
        applied,
        log_size,
        recorded_at: mark.recorded_at,
        doing,
    }
}

/// A mark for each partition.
pub(crate) fn filled(marks: Vec<Mark>, partitions: u16) -> Vec<Mark> {
    let find = |partition| marks.iter().find(|mark| mark.partition == partition).cloned();
    (0..partitions).map(Partition).map(|each| find(each).unwrap_or_else(|| Mark::start(each))).collect()
}
