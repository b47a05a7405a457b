//! Gates: commands that write the same stream pass one after the other, in the order they came. A gate is a stripe
//! that streams share by their hash; a command takes all it needs in ascending order, so that none waits in a circle.

use std::hash::{BuildHasher, RandomState};

use carelog_domain::kernel::StreamName;
use tokio::sync::{Mutex, MutexGuard};

/// Many more than commands at work at once, so that two streams rarely share one by chance.
const STRIPES: usize = 4096;

/// All gates.
pub(crate) struct Gates {
    stripes: Vec<Mutex<()>>,
    hasher: RandomState,
}

/// Gates passed; they open for others when this is dropped.
pub(crate) struct Held<'a> {
    gates: &'a Gates,
    stripes: Vec<usize>,
    _guards: Vec<MutexGuard<'a, ()>>,
}

impl Gates {
    pub(crate) fn new() -> Gates {
        Gates { stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(), hasher: RandomState::new() }
    }

    /// Waits for the gates of all these streams.
    pub(crate) async fn enter(&self, streams: &[StreamName]) -> Held<'_> {
        let mut stripes: Vec<usize> = streams.iter().map(|stream| self.stripe(stream)).collect();
        stripes.sort_unstable();
        stripes.dedup();
        let mut guards = Vec::with_capacity(stripes.len());
        for &stripe in &stripes {
            guards.push(self.stripes[stripe].lock().await);
        }
        Held { gates: self, stripes, _guards: guards }
    }

    fn stripe(&self, stream: &StreamName) -> usize {
        self.hasher.hash_one(stream) as usize % STRIPES
    }
}

impl Held<'_> {
    /// Whether these streams' gates are among those held.
    pub(crate) fn covers(&self, streams: &[StreamName]) -> bool {
        streams.iter().all(|stream| self.stripes.binary_search(&self.gates.stripe(stream)).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_writes_the_same_stream_waits_and_others_do_not() {
        let gates = Gates::new();
        let day = StreamName::new("practitioner-day", "one");
        let held = gates.enter(std::slice::from_ref(&day)).await;
        assert!(held.covers(std::slice::from_ref(&day)));
        let waiting = gates.enter(std::slice::from_ref(&day));
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(held);
        assert!(futures::poll!(&mut waiting).is_ready());
    }
}
