//! Waiting for what was accepted to become durable, by as many as built on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carelog_domain::kernel::{Context, Position};
use carelog_domain::ports::{BoxFuture, EventLog, Failure};
use futures::FutureExt;
use futures::future::Shared;

/// Completes when a batch is durable; may be awaited by many.
pub(crate) type Durable = Shared<BoxFuture<'static, Result<(), Arc<Failure>>>>;

/// Lets many wait for one batch.
pub(crate) fn shared(durable: BoxFuture<'static, Result<(), Failure>>) -> Durable {
    let durable: BoxFuture<'static, _> = Box::pin(durable.map(|done| done.map_err(Arc::new)));
    durable.shared()
}

/// What is known to be durable, by partition: the size of the durable log. Behind the truth, never ahead of it.
pub(crate) struct Watermarks(Vec<AtomicU64>);

impl Watermarks {
    pub(crate) fn new(partitions: u16) -> Watermarks {
        Watermarks((0..partitions).map(|_| AtomicU64::new(0)).collect())
    }

    /// What to wait for before anything decided on the event at `position` may be told; `None` if it is durable.
    pub(crate) async fn wait_for(&self, log: &dyn EventLog, last: &Context) -> Result<Option<Durable>, Failure> {
        if self.is_below(last.position) {
            return Ok(None);
        }
        for head in log.head().await? {
            if let Some(known) = self.0.get(usize::from(head.partition.0)) {
                known.fetch_max(head.size, Ordering::Relaxed);
            }
        }
        if self.is_below(last.position) {
            return Ok(None);
        }
        match log.find_command(last.stream.slot(), last.command).await? {
            Some(accepted) => Ok(Some(shared(accepted.durable))),
            // Another process has taken the partition over, and may have found nothing of it.
            None => Err(Failure::passing("event log", "what was decided on was taken back; ask again")),
        }
    }

    fn is_below(&self, position: Position) -> bool {
        let known = self.0.get(usize::from(position.partition.0));
        known.is_some_and(|known| position.offset < known.load(Ordering::Relaxed))
    }
}
