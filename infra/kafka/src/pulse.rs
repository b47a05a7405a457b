//! A sign of life of the thread that reads: a node whose reader hangs, or whose disk failed, must not keep its partitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Beaten by the reader, felt by the members of groups.
#[derive(Clone)]
pub(crate) struct Pulse {
    begun: Instant,
    millis: Arc<AtomicU64>,
    unfit: Arc<AtomicBool>,
}

impl Pulse {
    pub(crate) fn new() -> Pulse {
        Pulse { begun: Instant::now(), millis: Arc::default(), unfit: Arc::default() }
    }

    /// The thread is alive.
    pub(crate) fn beat(&self) {
        self.millis.store(self.begun.elapsed().as_millis() as u64, Ordering::Release);
    }

    /// The thread is alive, but this node cannot do its share until it is started again.
    pub(crate) fn is_unfit(&self) {
        self.unfit.store(true, Ordering::Release);
    }

    /// Whether another should do this node's share.
    pub(crate) fn says_unfit(&self) -> bool {
        self.unfit.load(Ordering::Acquire)
    }

    /// How long ago it was alive.
    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.millis.load(Ordering::Acquire)))
    }
}
