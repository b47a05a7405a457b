//! A sign of life of the thread that reads: a node whose reader hangs must not keep its partitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Beaten by the reader, felt by the members of groups.
#[derive(Clone)]
pub(crate) struct Pulse {
    begun: Instant,
    millis: Arc<AtomicU64>,
}

impl Pulse {
    pub(crate) fn new() -> Pulse {
        Pulse { begun: Instant::now(), millis: Arc::default() }
    }

    /// The thread is alive.
    pub(crate) fn beat(&self) {
        self.millis.store(self.begun.elapsed().as_millis() as u64, Ordering::Release);
    }

    /// How long ago it was alive.
    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.millis.load(Ordering::Acquire)))
    }
}
