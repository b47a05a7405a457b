//! Read models that have not come to where the log ended when this process began. One that is filled for the first time,
//! after an upgrade to another layout or when a database was lost, is shown to nobody before: its rows are some of the
//! answer, and processes of the version before show theirs. One that was filled once is shown, but a process whose read
//! models nobody kept up for a while is not one to send queries to before they have caught up.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::Failure;

use crate::operations::prune;
use crate::running::{self, Running};
use crate::start::{Deps, filled};
use crate::worker::Shared;

/// How soon it is looked whether one is filled; each time a little later, up to the longest pause.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The read models that have not caught up, and how far they have to come.
pub(crate) struct CatchingUp {
    shared: Arc<Shared>,
    deps: Deps,
    /// Sizes of the log, by partition.
    until: Vec<u64>,
    left: Vec<Arc<Running>>,
}

impl CatchingUp {
    /// All of them, after a look whether some have: nothing is filled by nothing.
    pub(crate) async fn begin(shared: Arc<Shared>, deps: Deps) -> Result<CatchingUp, Failure> {
        let heads = shared.log.head().await?;
        let size = |partition| heads.iter().find(|head| head.partition == partition).map_or(0, |head| head.size);
        let until: Vec<u64> = (0..shared.log.partitions()).map(Partition).map(size).collect();
        let left = shared.models.clone();
        let mut all = CatchingUp { shared, deps, until, left };
        all.look().await?;
        for model in all.left.iter().filter(|model| !model.is_filled()) {
            tracing::info!(model = model.name(), "being filled; it is shown when it has come to the log's end");
        }
        Ok(all)
    }

    /// Looks until all have caught up, or everything stops. What was before them is removed then, where nobody else uses it.
    pub(crate) async fn finish(mut self) {
        let mut stopping = self.shared.stopping.subscribe();
        let mut pause = PAUSE_MIN;
        while !self.left.is_empty() {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(pause) => pause = (pause * 3 / 2).min(PAUSE_MAX),
            }
            if let Err(failure) = self.look().await {
                tracing::warn!(error = %failure, "whether read models are filled cannot be seen now");
            }
        }
        if !self.deps.alone {
            return;
        }
        match prune(&self.deps).await {
            Ok(removed) if removed.is_empty() => {}
            Ok(removed) => tracing::info!(removed = removed.join(", "), "read models of another version are removed"),
            Err(failure) => {
                tracing::warn!(error = %failure, "read models of another version could not be removed; the next start will")
            }
        }
    }

    async fn look(&mut self) -> Result<(), Failure> {
        let faults = running::faults(self.shared.sql.as_ref()).await?;
        for model in &self.left {
            // As the store has it: of any process that works on it, and durable.
            let Some(stored) = model.home.stored().await? else { continue };
            let marks = filled(stored.marks, self.shared.log.partitions());
            let missing = || marks.iter().zip(&self.until).filter(|(mark, until)| mark.size < **until);
            if missing().next().is_none() {
                if !stored.filled {
                    model.home.set_filled().await?;
                    tracing::info!(model = model.name(), "filled");
                }
                model.note_filled();
                model.note_caught_up();
            } else if stored.filled {
                model.note_filled();
                // One that stands still at an event is shown as it is until somebody mends it, here as everywhere.
                if missing().all(|(mark, _)| faults.standing(model.key(), mark).is_some()) {
                    model.note_caught_up();
                }
            }
        }
        self.left.retain(|model| !model.is_caught_up());
        Ok(())
    }
}
