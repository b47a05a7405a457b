//! The read model an operation is about: its home and live set, and the running workers, if there are any.

use std::sync::Arc;

use carelog_domain::ports::Failure;
use carelog_schemas::read_models::Set;
use tokio::sync::RwLockWriteGuard;

use super::carry::Asked;
use super::progress::Report;
use super::steady::{Patience, Steady};
use crate::home::{Home, Mark};
use crate::projection::Registered;
use crate::running::{Live, Running, Skipped};
use crate::start::{Deps, filled};
use crate::state::Fault;

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// There is no such read model.
    #[error("there is no read model {0}; `list` names them")]
    UnknownModel(String),
    /// An event cannot be taken.
    #[error("{model} cannot take event {} at {}: {}; retry or skip it", fault.event, fault.position, fault.message)]
    Poison {
        /// The read model.
        model: String,
        /// The event.
        fault: Box<Fault>,
    },
    /// There is no second set.
    #[error("{0} has no second set to compare or switch to; rebuild it without switching first")]
    NothingBeside(String),
    /// Another operation has it.
    #[error("a {operation} of {model} is under way; let it end, then ask again")]
    Busy {
        /// The read model.
        model: String,
        /// What is under way.
        operation: &'static str,
    },
    /// A port could not.
    #[error(transparent)]
    Failed(Failure),
}

impl From<Failure> for OperationError {
    fn from(failure: Failure) -> OperationError {
        OperationError::Failed(failure)
    }
}

/// A read model, prepared.
pub(crate) struct Subject {
    pub(crate) deps: Deps,
    pub(crate) projection: &'static Registered,
    pub(crate) home: Arc<dyn Home>,
    pub(crate) skipped: Skipped,
    pub(crate) report: Report,
    running: Option<Arc<Running>>,
    /// True when all partitions are worked on in this process.
    all_here: bool,
    live: Set,
}

/// The live set, held so that no worker writes to it.
pub(crate) struct Held<'a> {
    pub(crate) set: Set,
    guard: Option<(&'a Running, RwLockWriteGuard<'a, Live>)>,
}

impl Held<'_> {
    /// Another set is live from now on.
    pub(crate) fn switched(mut self, set: Set) {
        if let Some((running, live)) = &mut self.guard {
            running.switch(live, set);
        }
    }
}

impl Subject {
    pub(crate) async fn of(asked: Asked, report: Report) -> Result<Subject, OperationError> {
        let Asked { deps, projection, running, all_here } = asked;
        let home = running.as_ref().map_or_else(|| deps.home(projection), |running| Arc::clone(&running.home));
        let live = match &running {
            Some(running) => match home.stored().await? {
                Some(stored) => running.follow_live(stored.set).await?.set,
                None => running.live_now().set,
            },
            None => home.prepare().await?.set,
        };
        // A program that runs has prepared the read model of skips; without one it may not be there yet, and nothing
        // was skipped.
        let skipped = Skipped::default();
        if running.is_some() || skips_are_there(&deps).await? {
            skipped.refresh(deps.sql.as_ref()).await?;
        }
        Ok(Subject { deps, projection, home, skipped, report, running, all_here, live })
    }

    /// The same for work that takes long: what fails in passing is asked again.
    pub(crate) fn steady(mut self) -> Subject {
        self.home = Arc::new(Steady { home: Arc::clone(&self.home), patience: self.patience() });
        self
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience { model: self.name(), stopping: self.running.as_ref().map(|running| running.stopping.clone()) }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.projection.model.name
    }

    /// Keeps workers from writing until dropped, everything they wrote durable.
    pub(crate) async fn hold(&self) -> Result<Held<'_>, OperationError> {
        let held = match &self.running {
            Some(running) => {
                let guard = running.live.write().await;
                Held { set: guard.set, guard: Some((running, guard)) }
            }
            None => Held { set: self.live, guard: None },
        };
        self.home.settle(held.set, None).await?;
        Ok(held)
    }

    pub(crate) fn live(&self) -> Set {
        self.live
    }

    /// Marks of a set, one a partition.
    pub(crate) async fn marks(&self, set: Set) -> Result<Vec<Mark>, OperationError> {
        Ok(filled(self.home.marks(set).await?, self.deps.log.partitions()))
    }

    /// True when nobody but the workers of this process, which can be held, writes to the live set. Without a running
    /// program the folder is one process's.
    pub(crate) fn is_alone(&self) -> bool {
        self.running.is_none() || self.all_here
    }

    /// False as an error: the program stops, and a long operation with it.
    pub(crate) fn still_wanted(&self) -> Result<(), OperationError> {
        match &self.running {
            Some(running) if *running.stopping.borrow() => {
                Err(Failure::passing("projections", "the program stops; ask again when it runs").into())
            }
            _ => Ok(()),
        }
    }

    /// Workers that did not start because of their checkpoint may start now.
    pub(crate) fn resume(&self) {
        if let Some(running) = &self.running {
            running.resume();
        }
    }
}

async fn skips_are_there(deps: &Deps) -> Result<bool, Failure> {
    let Some(skips) = deps.projection("skips") else { return Ok(false) };
    Ok(deps.home(skips).look().await?.is_some())
}
