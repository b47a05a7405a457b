//! How far a partition's events are handled: what was dispatched, and what of it is still on its way.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// One partition's progress.
#[derive(Default)]
pub(crate) struct Progress {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Every event before this offset was looked at, and what it leads to is registered below.
    next: u64,
    /// Reactions on their way, by the offset of their cause.
    open: BTreeMap<u64, usize>,
}

impl Progress {
    /// Progress that begins at a checkpoint.
    pub(crate) fn from(next: u64) -> Progress {
        Progress { inner: Mutex::new(Inner { next, open: BTreeMap::new() }) }
    }

    /// A reaction to the event at this offset is on its way.
    pub(crate) fn begin(&self, offset: u64) {
        *self.inner.lock().open.entry(offset).or_default() += 1;
    }

    /// It is done, and what it wrote is durable.
    pub(crate) fn end(&self, offset: u64) {
        let mut inner = self.inner.lock();
        if let Some(count) = inner.open.get_mut(&offset) {
            *count -= 1;
            if *count == 0 {
                inner.open.remove(&offset);
            }
        }
    }

    /// Every event before `next` was looked at.
    pub(crate) fn dispatched(&self, next: u64) {
        let mut inner = self.inner.lock();
        inner.next = inner.next.max(next);
    }

    /// The first offset that was not looked at yet.
    pub(crate) fn next(&self) -> u64 {
        self.inner.lock().next
    }

    /// Everything before this offset is handled for good.
    pub(crate) fn low_water(&self) -> u64 {
        let inner = self.inner.lock();
        inner.open.first_key_value().map_or(inner.next, |(&offset, _)| offset)
    }

    /// How many reactions are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.inner.lock().open.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_never_passes_a_reaction_that_is_still_on_its_way() {
        let progress = Progress::from(5);
        progress.begin(6);
        progress.begin(6);
        progress.dispatched(10);
        assert_eq!((progress.low_water(), progress.next(), progress.in_flight()), (6, 10, 2));
        progress.end(6);
        assert_eq!(progress.low_water(), 6);
        progress.end(6);
        assert_eq!((progress.low_water(), progress.in_flight()), (10, 0));
    }
}
