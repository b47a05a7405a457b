//! Events that are nothing to a read model. Its checkpoint moves over them as well, but not by a transaction for each chunk
//! of them: most read models want nothing of most chunks. It moves once for all that comes within a moment, a longer one
//! while they keep coming, at once where somebody waits for it, and with the next change in any case. Until then the
//! checkpoint is all that is known anywhere: whoever goes on from it reads these events again, which changes nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Halt, PAUSE_MIN, Worker};
use crate::apply::Refusal;
use crate::chunk::{Chunk, Item};
use crate::home::Mark;

/// So long the checkpoint stays behind when such events begin to come. Whoever waits in another process looks at the store
/// a few times a second.
const PASSED_FOR: Duration = Duration::from_millis(100);
/// And so long after it was moved over some: each read model of each partition moves its own.
const AGAIN_AFTER: Duration = Duration::from_millis(400);

/// Events after the mark of which the read model wants none.
pub(super) struct Passed {
    to: Mark,
    /// When the checkpoint is to be moved over them.
    due: Instant,
}

impl Passed {
    /// True where it reaches further than the mark.
    pub(super) fn is_beyond(&self, mark: &Mark) -> bool {
        self.to.size > mark.size
    }
}

impl Worker {
    /// How many events of the partition it needs no more.
    pub(super) fn reached(&self) -> u64 {
        self.passed.as_ref().map_or(self.mark.size, |passed| passed.to.size)
    }

    /// Passes by a chunk that is nothing to the read model; false where it is something, or nobody should wait longer.
    pub(super) fn pass_by(&mut self, chunk: &Chunk) -> bool {
        let reached = self.reached();
        if chunk.end <= reached {
            return true;
        }
        let wants = |item: &Item| item.position.offset >= reached && self.model.projection.wants(&item.event_type);
        let due = self.passed.as_ref().map_or_else(|| self.due_from_now(), |passed| passed.due);
        let is_due = due <= Instant::now() || self.shared.looking.is_waited_for(self.model.name());
        if is_due || chunk.start > reached || chunk.items.iter().any(wants) {
            return false;
        }
        self.passed = Some(Passed { to: chunk.mark(), due });
        metrics::counter!("carelog_projection_events_total", "model" => self.model.name())
            .increment(chunk.items.len() as u64);
        true
    }

    /// When the checkpoint is to be moved over what begins to be passed by now.
    fn due_from_now(&self) -> Instant {
        let first = Instant::now() + PASSED_FOR;
        self.wrote_passed.map_or(first, |wrote| first.max(wrote + AGAIN_AFTER))
    }

    /// Returns when the checkpoint should be moved over what was passed by; never while nothing was.
    pub(super) async fn passed_is_due(&self) {
        let Some(passed) = &self.passed else { return std::future::pending().await };
        tokio::select! {
            () = tokio::time::sleep_until(passed.due) => {}
            () = self.shared.looking.waited_for(self.model.name()) => {}
        }
    }

    /// Moves the checkpoint over what was passed by.
    pub(super) async fn write_passed(&mut self) -> Result<(), Halt> {
        if self.passed.is_none() {
            return Ok(());
        }
        let mut pause = PAUSE_MIN;
        while let Some(passed) = &self.passed {
            let to = passed.to.clone();
            match self.pass(to).await {
                Ok(()) => (self.passed, self.wrote_passed) = (None, Some(Instant::now())),
                Err(Refusal::Poison(fault)) => return Err(Halt::Poison(fault)),
                Err(Refusal::Moved(found)) => {
                    self.say_moved(&found);
                    self.find_place().await?;
                }
                Err(Refusal::Port(failure)) => self.pause(&mut pause, failure.to_string()).await?,
            }
        }
        self.settled.applied();
        self.running();
        self.forget_passed_fault().await;
        Ok(())
    }

    async fn pass(&mut self, to: Mark) -> Result<(), Refusal> {
        let model = Arc::clone(&self.model);
        let live = model.live.read().await;
        if live.generation != self.generation {
            return Err(Refusal::Moved(self.mark.clone())); // Switched a moment ago.
        }
        let shared = Arc::clone(&self.shared);
        let passed = shared.applier(&model).pass(live.set, &mut self.mark, to).await;
        model.reached(&self.mark);
        passed
    }
}
