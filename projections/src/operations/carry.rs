//! Carrying an operation out, to its end and alone. It runs in a task of its own: whoever asked may go away (Ctrl-C, a
//! lost connection) and it still ends in order, never between a switch in the store and the workers' hearing of it.

use std::sync::Arc;

use carelog_domain::ports::Failure;
use tokio::sync::OwnedMutexGuard;

use super::progress::{Progress, Report};
use super::subject::{OperationError, Subject};
use crate::projection::Registered;
use crate::running::Running;
use crate::start::{Deps, Projections};

/// What an operation was asked to work on.
pub(crate) struct Asked {
    pub(crate) deps: Deps,
    pub(crate) projection: &'static Registered,
    pub(crate) running: Option<Arc<Running>>,
    /// True when all partitions are worked on by the running program.
    pub(crate) all_here: bool,
}

impl Asked {
    pub(crate) fn of(deps: &Deps, running: Option<&Projections>, model: &str) -> Result<Asked, OperationError> {
        let unknown = || OperationError::UnknownModel(model.to_owned());
        let projection = deps.projection(model).ok_or_else(unknown)?;
        let all_here = running.is_some_and(Projections::has_all);
        let running = running.map(|running| running.model(model).cloned().ok_or_else(unknown)).transpose()?;
        Ok(Asked { deps: deps.clone(), projection, running, all_here })
    }

    /// Carries the work out, if nobody else works on the read model; a second one is refused, as it would only wait for
    /// minutes to do what the first has just done. Without a running program nothing is held: its folder is one process's.
    pub(crate) async fn carried_out<T, F>(
        self,
        operation: &'static str,
        progress: &(dyn Fn(Progress) + Sync),
        work: impl FnOnce(Subject) -> F + Send + 'static,
    ) -> Result<T, OperationError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, OperationError>> + Send + 'static,
    {
        let report = Report::new(operation, self.projection.model.name);
        let alone = self.running.as_ref().map(|running| Alone::with(running, &report)).transpose()?;
        let mut heard = report.heard();
        let mut task = tokio::spawn(async move {
            let done = work(Subject::of(self, report).await?.steady()).await;
            drop(alone);
            done
        });
        loop {
            tokio::select! {
                ended = &mut task => return ended.unwrap_or_else(|error| {
                    Err(Failure::lasting("projections", "the operation was ended; see the program's log").caused_by(error).into())
                }),
                said = heard.next() => progress(said),
            }
        }
    }
}

/// A read model that one operation has for itself, and shows that it has.
struct Alone {
    running: Arc<Running>,
    _guard: OwnedMutexGuard<()>,
}

impl Alone {
    fn with(running: &Arc<Running>, report: &Report) -> Result<Alone, OperationError> {
        let Ok(guard) = Arc::clone(&running.operating).try_lock_owned() else {
            let operation = running.underway.lock().as_ref().map_or("another operation", |report| report.operation);
            return Err(OperationError::Busy { model: running.name().to_owned(), operation });
        };
        *running.underway.lock() = Some(report.clone());
        Ok(Alone { running: Arc::clone(running), _guard: guard })
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        *self.running.underway.lock() = None;
    }
}
