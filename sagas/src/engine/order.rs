//! Turns: whatever has the same key goes one after the other, in the order in which the turns were taken.

use std::collections::HashMap;

use tokio::sync::oneshot;

/// Who is last in each line. Turns are taken by one task, in log order.
#[derive(Default)]
pub(crate) struct Lines {
    last: HashMap<String, oneshot::Receiver<()>>,
    prune_at: usize,
}

/// A place in a line. The next in line goes on when it is dropped.
pub(crate) struct Turn {
    before: Option<oneshot::Receiver<()>>,
    _after: oneshot::Sender<()>,
}

const PRUNE_AT_MIN: usize = 4096;

impl Lines {
    /// The next place in a line.
    pub(crate) fn turn(&mut self, key: &str) -> Turn {
        if self.last.len() >= self.prune_at.max(PRUNE_AT_MIN) {
            // A closed channel is a line in which nobody stands any more.
            self.last.retain(|_, last| matches!(last.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
            self.prune_at = self.last.len() * 2;
        }
        let (after, next) = oneshot::channel();
        let before = self.last.insert(key.to_owned(), next);
        Turn { before, _after: after }
    }
}

impl Turn {
    /// Completes when everyone before is done.
    pub(crate) async fn wait(&mut self) {
        if let Some(before) = self.before.take() {
            // Nothing is ever sent: the sender is dropped with its turn.
            let _ = before.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_waits_for_all_turns_before_it_and_for_no_other_line() {
        let mut lines = Lines::default();
        let (first, mut second, mut other) = (lines.turn("a"), lines.turn("a"), lines.turn("b"));
        other.wait().await;
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(20), second.wait()).await;
        assert!(waiting.is_err(), "the first has not gone yet");
        drop(first);
        let mut third = lines.turn("a");
        drop(second);
        third.wait().await;
    }
}
