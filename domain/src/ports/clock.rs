//! The only way anyone learns what time it is.

use super::BoxFuture;
use crate::kernel::Timestamp;

/// A clock that can be read and waited for; tests have one they turn by hand.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Completes at or after this instant.
    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'_, ()>;
}
