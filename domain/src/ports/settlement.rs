//! Knowing when the sagas are done with what a command caused.

use std::time::Duration;

use super::{BoxFuture, Failure};
use crate::kernel::{CommandId, Token};

/// Answers whether the sagas have handled everything a command led to.
pub trait Settlement: Send + Sync {
    /// Waits until every event of `written`, and everything sagas made of it under the same correlation, has been
    /// handled; returns the positions of all of it, or `None` when `at_most` ran out first.
    fn settled(
        &self,
        correlation: CommandId,
        written: &Token,
        at_most: Duration,
    ) -> BoxFuture<'_, Result<Option<Token>, Failure>>;
}
