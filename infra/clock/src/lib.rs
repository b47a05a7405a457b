//! The machine's clock.

use std::time::Duration;

use carelog_domain::kernel::Timestamp;
use carelog_domain::ports::{BoxFuture, Clock};

/// The clock of this machine. Wakes at least once a minute while waiting, so that a clock that was set is noticed.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The longest a sleep trusts the clock not to be set.
const NAP_MAX: Duration = Duration::from_secs(60);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from(chrono::Utc::now())
    }

    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let left = instant.micros() - self.now().micros();
                let Ok(left) = u64::try_from(left) else { return };
                if left == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_micros(left).min(NAP_MAX)).await;
            }
        })
    }
}
