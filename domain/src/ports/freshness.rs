//! How far read models have come, so that a query can wait for what a command wrote.

use std::time::Duration;

use super::{BoxFuture, BoxStream, Failure};
use crate::kernel::{Position, Token};

/// The progress of read models.
pub trait Freshness: Send + Sync {
    /// Waits until each of these read models (all of them for an empty list) has applied every position of the token.
    /// `false` when `at_most` ran out first.
    fn reached(&self, models: &[&str], token: &Token, at_most: Duration) -> BoxFuture<'_, Result<bool, Failure>>;

    /// The last position a read model has applied in each partition, whenever it moves, from now on.
    fn progress(&self, model: &str) -> BoxStream<'static, Vec<Position>>;
}
