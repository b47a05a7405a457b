//! Starting and stopping: homes prepared, checkpoints compared with the log, feeds and workers begun.

use std::collections::BTreeSet;
use std::sync::Arc;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Assignment, Clock, DocumentStore, EventLog, Failure, Head, KeyStore, SqlStore};
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::assigned::{Assignments, Here};
use crate::catching_up::CatchingUp;
use crate::chunk::Reader;
use crate::document_home::DocumentHome;
use crate::heed;
use crate::home::{Home, Mark};
use crate::lag::{self, Lag};
use crate::looking::{self, Looking};
use crate::operations::{Report, Underway};
use crate::projection::Registered;
use crate::running::{self, Running, Skipped};
use crate::sql_home::SqlHome;
use crate::state::{Doing, Line};
use crate::worker::Shared;

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
    /// Which partitions are worked on here; of the others only the stores are looked at.
    pub assigned: Arc<dyn Assignment>,
    /// The read models, [`ALL`](crate::ALL) of them in a program.
    pub read_models: &'static [Registered],
    /// True when no other process uses the stores: what other versions of the program left there is removed, once the read
    /// models of this one are filled.
    pub alone: bool,
}

impl Deps {
    pub(crate) fn home(&self, projection: &'static Registered) -> Arc<dyn Home> {
        let model = projection.model;
        if model.documents {
            return Arc::new(DocumentHome::new(Arc::clone(&self.documents), model));
        }
        Arc::new(SqlHome::new(Arc::clone(&self.sql), model))
    }

    pub(crate) fn projection(&self, model: &str) -> Option<&'static Registered> {
        self.read_models.iter().find(|projection| projection.model.name == model)
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
    /// Prepares every read model and begins to follow the partitions of the log that are assigned. A read model whose
    /// checkpoint is not of this log does not start; [`Projections::registry`] says so.
    ///
    /// # Errors
    /// When a store or the log cannot be used at all.
    pub async fn start(deps: Deps) -> Result<Arc<Projections>, Failure> {
        let partitions = deps.log.partitions();
        let stopping = watch::Sender::new(false);
        let mut models = Vec::with_capacity(deps.read_models.len());
        for projection in deps.read_models {
            let home = deps.home(projection);
            let stored = home.prepare().await?;
            models.push(Arc::new(Running::new(projection, home, stored, partitions, stopping.subscribe())));
        }
        let shared = Arc::new(Shared {
            log: Arc::clone(&deps.log),
            sql: Arc::clone(&deps.sql),
            clock: Arc::clone(&deps.clock),
            skipped: Skipped::default(),
            models,
            here: Here::default(),
            looking: Looking::default(),
            stopping,
        });
        shared.skipped.refresh(shared.sql.as_ref()).await?;
        let catching_up = CatchingUp::begin(Arc::clone(&shared), deps.clone()).await?;
        let all: Vec<&Registered> = deps.read_models.iter().collect();
        let mut assignments = Assignments::new(Arc::clone(&shared), deps.reader(&all));
        let mut changes = deps.assigned.follow();
        let assigned = changes.next().await.unwrap_or_default();
        if let Err(failure) = assignments.become_assigned(&assigned).await {
            shared.stopping.send_replace(true); // What was begun with ends again.
            return Err(failure);
        }
        let tasks = vec![
            tokio::spawn(assignments.follow(changes, assigned)),
            tokio::spawn(looking::look(Arc::clone(&shared))),
            tokio::spawn(catching_up.finish()),
            tokio::spawn(heed::heed(Arc::clone(&shared))),
            tokio::spawn(lag::sample(Arc::clone(&shared))),
        ];
        Ok(Arc::new(Projections { deps, shared, tasks: Mutex::new(tasks) }))
    }

    /// True when all partitions are worked on in this process.
    pub(crate) fn has_all(&self) -> bool {
        self.shared.here.is_all(self.shared.log.partitions())
    }

    pub(crate) fn looking(&self) -> &Looking {
        &self.shared.looking
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

    /// Every read model and partition: how far it has come, and what it is doing. What is kept up in another process is
    /// told from the stores.
    ///
    /// # Errors
    /// When the log cannot say how long it is, or a store does not answer.
    pub async fn registry(&self) -> Result<Vec<Line>, Failure> {
        let heads = self.deps.log.head().await?;
        let faults = running::faults(self.deps.sql.as_ref()).await?;
        let mut lines = Vec::new();
        for model in self.models() {
            let set = model.live_now().set;
            let marks = filled(model.home.marks(set).await?, self.deps.log.partitions());
            let sizes = model.progress.borrow().clone();
            for mark in marks {
                let partition = mark.partition;
                let applied = sizes.get(usize::from(partition.0)).copied().unwrap_or(mark.size);
                let (applied, doing) = if self.shared.here.contains(partition) {
                    (applied, model.doing(partition))
                } else {
                    let stopped = faults.standing(model.key(), &mark).cloned();
                    (mark.size, stopped.map_or(Doing::Running, Doing::Stopped))
                };
                let doing = doing.shown(model.is_filled());
                lines.push(line(model.name(), set.word(), applied, &mark, &heads, doing));
            }
        }
        Ok(lines)
    }

    /// The read models that do not follow the log now, known without asking a store.
    pub fn standing(&self) -> BTreeSet<&'static str> {
        let stands = |model: &&Arc<Running>| {
            (0..self.deps.log.partitions()).any(|each| !matches!(model.doing(Partition(each)), Doing::Running))
        };
        self.models().iter().filter(stands).map(|model| model.name()).collect()
    }

    /// The read models that nobody is shown yet: they are being filled for the first time.
    pub fn filling(&self) -> BTreeSet<&'static str> {
        self.models().iter().filter(|model| !model.is_filled()).map(|model| model.name()).collect()
    }

    /// The read models that have not come to where the log ended when this process began: those that are being filled, and
    /// those that nobody kept up for a while.
    pub fn catching_up(&self) -> BTreeSet<&'static str> {
        self.models().iter().filter(|model| !model.is_caught_up()).map(|model| model.name()).collect()
    }

    /// Lets stopped partitions of a read model try their event again, in whichever process they are worked on (within a
    /// second or two); returns how many there were.
    ///
    /// # Errors
    /// When the store that keeps the faults on record does not answer.
    pub async fn retry(&self, model: &str) -> Result<usize, Failure> {
        let Some(model) = self.model(model) else { return Ok(0) };
        let on_record = running::forget_faults(self.deps.sql.as_ref(), model.key()).await?;
        Ok(model.retry(None).max(on_record))
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
