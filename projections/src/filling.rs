//! Read models that are filled for the first time: after an upgrade to another layout, or when a database was lost. Until
//! one has come to where the log ended when this process began, its rows are some of the answer and nobody is shown them;
//! processes of the version before show theirs.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::Failure;

use crate::operations::prune;
use crate::running::Running;
use crate::start::{Deps, filled};
use crate::worker::Shared;

/// How often it is looked whether one is filled.
const LOOKED_EVERY: Duration = Duration::from_millis(200);

/// The read models that are being filled, and how far.
pub(crate) struct Filling {
    shared: Arc<Shared>,
    deps: Deps,
    /// Sizes of the log, by partition.
    until: Vec<u64>,
    left: Vec<Arc<Running>>,
}

impl Filling {
    /// Those that are not filled, after a look whether some are: nothing is filled by nothing.
    pub(crate) async fn begin(shared: Arc<Shared>, deps: Deps) -> Result<Filling, Failure> {
        let heads = shared.log.head().await?;
        let size = |partition| heads.iter().find(|head| head.partition == partition).map_or(0, |head| head.size);
        let until: Vec<u64> = (0..shared.log.partitions()).map(Partition).map(size).collect();
        let left: Vec<Arc<Running>> = shared.models.iter().filter(|model| !model.is_filled()).cloned().collect();
        let mut filling = Filling { shared, deps, until, left };
        filling.look().await?;
        for model in &filling.left {
            tracing::info!(model = model.name(), "being filled; it is shown when it has come to the log's end");
        }
        Ok(filling)
    }

    /// Looks until all are filled, or everything stops. What was before them is removed then, where nobody else uses it.
    pub(crate) async fn finish(mut self) {
        let mut stopping = self.shared.stopping.subscribe();
        while !self.left.is_empty() {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(LOOKED_EVERY) => {}
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
        for model in self.left.clone() {
            // As the store has it: of any process that works on it, and durable.
            let Some(stored) = model.home.stored().await? else { continue };
            let marks = filled(stored.marks, self.shared.log.partitions());
            let is_filled = stored.filled || marks.iter().zip(&self.until).all(|(mark, until)| mark.size >= *until);
            if !is_filled {
                continue;
            }
            if !stored.filled {
                model.home.set_filled().await?;
                tracing::info!(model = model.name(), "filled");
            }
            model.note_filled();
        }
        self.left.retain(|model| !model.is_filled());
        Ok(())
    }
}
