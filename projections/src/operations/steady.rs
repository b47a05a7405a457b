//! A home that is asked again while it cannot answer: a rebuild or a deep verification takes minutes or hours, and a store
//! that was away for one of them shall not cost all of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{BoxFuture, Failure};
use carelog_schemas::read_models::Set;
use tokio::sync::watch;

use crate::home::{Entry, Home, Mark, Stored, Work};

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A store that has not answered for so long is somebody's to mend first.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(180);

/// Asks again what failed in passing.
#[derive(Clone)]
pub(crate) struct Patience {
    pub(crate) model: &'static str,
    /// True when the program stops, which is not waited for; `None` without a running program.
    pub(crate) stopping: Option<watch::Receiver<bool>>,
}

impl Patience {
    pub(crate) async fn until_done<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let (begun, mut pause) = (Instant::now(), PAUSE_MIN);
        loop {
            let failure = match ask().await {
                Err(failure) if failure.retry_helps && begun.elapsed() < GIVEN_UP_AFTER => failure,
                done => return done,
            };
            if self.is_stopping() {
                return Err(failure);
            }
            tracing::warn!(model = self.model, error = &failure as &dyn std::error::Error, "asking again in a moment");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.as_ref().is_some_and(|stopping| *stopping.borrow())
    }
}

/// The home, asked with patience. Everything asked may be asked twice: a checkpoint moves only from where it is expected,
/// so that work whose answer was lost is refused the second time, with the mark where the work would have it.
pub(crate) struct Steady {
    pub(crate) home: Arc<dyn Home>,
    pub(crate) patience: Patience,
}

impl Home for Steady {
    fn prepare(&self) -> BoxFuture<'_, Result<Stored, Failure>> {
        Box::pin(self.patience.until_done(|| self.home.prepare()))
    }

    fn look(&self) -> BoxFuture<'_, Result<Option<Stored>, Failure>> {
        Box::pin(self.patience.until_done(|| self.home.look()))
    }

    fn set_filled(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.patience.until_done(|| self.home.set_filled()))
    }

    fn marks(&self, set: Set) -> BoxFuture<'_, Result<Vec<Mark>, Failure>> {
        Box::pin(self.patience.until_done(move || self.home.marks(set)))
    }

    fn apply<'a>(&'a self, set: Set, work: &'a Work) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.patience.until_done(move || self.home.apply(set, work)))
    }

    fn stored(&self) -> BoxFuture<'_, Result<Option<Stored>, Failure>> {
        Box::pin(self.patience.until_done(|| self.home.stored()))
    }

    fn settle(&self, set: Set, partition: Option<Partition>) -> BoxFuture<'_, Result<Option<Mark>, Failure>> {
        Box::pin(self.patience.until_done(move || self.home.settle(set, partition)))
    }

    fn forget(&self, set: Set, partition: Partition) {
        self.home.forget(set, partition);
    }

    fn begin(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.patience.until_done(move || self.home.begin(set)))
    }

    fn retire(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.patience.until_done(move || self.home.retire(set)))
    }

    fn discard(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.patience.until_done(move || self.home.discard(set)))
    }

    fn switch<'a>(&'a self, set: Set, marks: &'a [Mark]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.patience.until_done(move || self.home.switch(set, marks)))
    }

    fn page<'a>(
        &'a self,
        set: Set,
        table: usize,
        after: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Failure>> {
        Box::pin(self.patience.until_done(move || self.home.page(set, table, after)))
    }

    fn tables(&self) -> Vec<&'static str> {
        self.home.tables()
    }
}
