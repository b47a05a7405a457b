//! A clock that stands still until a test turns it.

use std::sync::Arc;

use carelog_domain::kernel::Timestamp;
use carelog_domain::ports::{BoxFuture, Clock};
use tokio::sync::watch;

/// Clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl ManualClock {
    /// A clock that shows this instant.
    pub fn at(instant: Timestamp) -> ManualClock {
        ManualClock(Arc::new(watch::Sender::new(instant)))
    }

    /// Turns it, forward or back.
    pub fn set(&self, instant: Timestamp) {
        self.0.send_replace(instant);
    }

    /// Turns it forward.
    pub fn advance_micros(&self, micros: i64) {
        self.0.send_modify(|now| *now = now.plus_micros(micros));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'_, ()> {
        let mut shown = self.0.subscribe();
        Box::pin(async move {
            // The sender lives as long as this clock, which is borrowed.
            let _ = shown.wait_for(|now| *now >= instant).await;
        })
    }
}
