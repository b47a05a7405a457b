//! Making durable what was applied: documents are written in no transaction, so their checkpoint follows them. Nothing that
//! this process answers waits for it, but whoever waits in another one looks for it, and what it does not cover is applied
//! again after a start. So it is moved when nothing more waits to be applied, not each time under a load that never lets
//! up, and after a while in any case.

use std::time::Duration;

use tokio::time::Instant;

use super::{Halt, Worker};
use crate::home::Mark;

/// How long documents may stay unsettled while there is always more to apply.
const WHILE_MORE_WAITS: Duration = Duration::from_secs(1);
/// How soon it is done again where nothing waits: each time takes two requests for each partition.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// And how soon it is tried again where it failed, whether or not more is applied meanwhile.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What is to be made durable, and when.
#[derive(Default)]
pub(super) struct Settled {
    unsettled_since: Option<Instant>,
    /// Not before; at once where it was never done.
    again_at: Option<Instant>,
}

impl Settled {
    /// Something was applied.
    pub(super) fn applied(&mut self) {
        self.unsettled_since.get_or_insert_with(Instant::now);
    }

    /// What was applied here is no longer known: somebody else's place counts.
    pub(super) fn forget(&mut self) {
        self.unsettled_since = None;
    }

    fn is_overdue(&self) -> bool {
        self.unsettled_since.is_some_and(|since| since.elapsed() > WHILE_MORE_WAITS)
    }

    /// True where there is something to settle, which is begun.
    fn begin(&mut self) -> bool {
        self.again_at = Some(Instant::now() + AGAIN_AFTER);
        self.unsettled_since.take().is_some()
    }

    fn failed(&mut self) {
        *self = Settled { unsettled_since: Some(Instant::now()), again_at: Some(Instant::now() + TRIED_AGAIN_AFTER) };
    }
}

impl Worker {
    /// Returns when what was applied should be made durable, nothing more waiting; never where nothing was.
    pub(super) async fn settling_is_due(&self) {
        match self.settled {
            Settled { unsettled_since: None, .. } => std::future::pending().await,
            Settled { again_at: Some(at), .. } => tokio::time::sleep_until(at).await,
            Settled { again_at: None, .. } => {}
        }
    }

    /// Notes that something was applied, and settles where that was put off for long.
    pub(super) async fn applied(&mut self) -> Result<(), Halt> {
        self.settled.applied();
        if self.settled.is_overdue() { self.settle().await } else { Ok(()) }
    }

    pub(super) async fn settle(&mut self) -> Result<(), Halt> {
        let Some(found) = self.settle_here().await else { return Ok(()) };
        self.say_moved(&found);
        self.find_place().await
    }

    /// Settles; where somebody else has moved the checkpoint further, says where it is.
    pub(super) async fn settle_here(&mut self) -> Option<Mark> {
        if !self.settled.begin() {
            return None;
        }
        let set = self.model.live_now().set;
        self.model.home.settle(set, Some(self.feed.partition)).await.unwrap_or_else(|failure| {
            // What was not settled is applied again after a restart, which changes nothing.
            tracing::warn!(model = self.model.name(), error = %failure, "could not be made durable yet");
            self.settled.failed();
            None
        })
    }
}
