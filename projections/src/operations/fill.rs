//! Filling a set from the log, all partitions side by side; the next events are read while the last are written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carelog_domain::ports::Failure;
use carelog_schemas::read_models::Set;
use tokio::sync::mpsc;

use super::steady::Patience;
use super::subject::{OperationError, Subject};
use crate::apply::{Applier, Refusal};
use crate::chunk::{Chunk, Reader};
use crate::home::Mark;

/// Events of one transaction.
const CHUNK_EVENTS: u64 = 4_096;
/// Chunks decoded ahead of what is written.
const CHUNKS_AHEAD: usize = 2;

impl Subject {
    /// Applies events to a set until each partition's mark is at its target size.
    pub(crate) async fn fill(&self, set: Set, marks: &mut [Mark], targets: &[u64]) -> Result<(), OperationError> {
        let done = AtomicU64::new(marks.iter().map(|mark| mark.size).sum());
        let total = targets.iter().sum();
        let reader = self.deps.reader(&[self.projection]);
        let report = |by: u64| {
            let done = done.fetch_add(by, Ordering::Relaxed) + by;
            self.report.say(done, total);
        };
        let partitions = marks.iter_mut().zip(targets);
        let fills = partitions.map(|(mark, target)| self.fill_partition(set, &reader, mark, *target, &report));
        futures::future::try_join_all(fills).await?;
        self.home.settle(set, None).await?;
        Ok(())
    }

    async fn fill_partition(
        &self,
        set: Set,
        reader: &Arc<Reader>,
        mark: &mut Mark,
        target: u64,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<(), OperationError> {
        let mut chunks = read_ahead(Arc::clone(reader), self.patience(), mark.clone(), target);
        let applier = Applier {
            projection: self.projection,
            home: self.home.as_ref(),
            log: &self.deps.log,
            skipped: &self.skipped,
        };
        while let Some(chunk) = chunks.recv().await {
            self.still_wanted()?;
            let (chunk, before) = (chunk?, mark.size);
            assert!(chunk.start <= mark.size, "a chunk was to be applied with events missing before it");
            match applier.take(set, mark, &chunk).await {
                Ok(()) => report(mark.size - before),
                Err(Refusal::Poison(fault)) => {
                    return Err(OperationError::Poison { model: self.name().to_owned(), fault: Box::new(fault) });
                }
                Err(Refusal::Port(failure)) => return Err(failure.into()),
                // Its answer was lost, and it was done when it was asked again.
                Err(Refusal::Moved(found)) if found == chunk.mark() => {
                    *mark = found;
                    report(mark.size - before);
                }
                Err(Refusal::Moved(_)) => {
                    let message = "somebody else is filling the same set; let one of you finish";
                    return Err(Failure::lasting("projections", message).into());
                }
            }
        }
        Ok(())
    }
}

/// Chunks from a mark to a size, read and decoded by a task of their own.
fn read_ahead(
    reader: Arc<Reader>,
    patience: Patience,
    from: Mark,
    target: u64,
) -> mpsc::Receiver<Result<Chunk, Failure>> {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::spawn(async move {
        let mut next = from.size;
        while next < target {
            let limit = usize::try_from((target - next).min(CHUNK_EVENTS)).unwrap_or(usize::MAX);
            let read = match patience.until_done(|| reader.read_some(from.partition, next, limit)).await {
                Ok(None) => return, // The log ends before the target: whoever waits sees the mark.
                Ok(Some(chunk)) => {
                    next = chunk.end;
                    Ok(chunk)
                }
                Err(failure) => Err(failure),
            };
            let failed = read.is_err();
            if sender.send(read).await.is_err() || failed {
                return;
            }
        }
    });
    receiver
}
