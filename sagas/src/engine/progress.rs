//! How far a partition's events are handled: what was dispatched, and what of it is still on its way.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::seen::Seen;

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
    /// Every record of a reaction that is done stands before this offset.
    recorded: u64,
}

impl Progress {
    /// Progress that begins at a checkpoint, when earlier records stand before `recorded`.
    pub(crate) fn from(next: u64, recorded: u64) -> Progress {
        Progress { inner: Mutex::new(Inner { next, open: BTreeMap::new(), recorded }) }
    }

    /// A record of a reaction stands at this offset; said before the reaction ends.
    pub(crate) fn recorded(&self, offset: u64) {
        let mut inner = self.inner.lock();
        inner.recorded = inner.recorded.max(offset + 1);
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

    /// What is handled: true, but of what is on its way no more than `named_max`, and nothing after that.
    pub(crate) fn seen(&self, named_max: usize) -> Seen {
        let inner = self.inner.lock();
        let mut open = inner.open.keys().copied().take_while(|offset| *offset < inner.next);
        let named: Vec<u64> = open.by_ref().take(named_max).collect();
        Seen { next: open.next().unwrap_or(inner.next), open: named, recorded: inner.recorded }
    }

    /// How many reactions are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.inner.lock().open.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::seen::OPEN_MAX;

    #[test]
    fn a_checkpoint_never_passes_a_reaction_that_is_still_on_its_way() {
        let progress = Progress::from(5, 5);
        progress.begin(6);
        progress.begin(6);
        progress.dispatched(10);
        assert_eq!((progress.low_water(), progress.next(), progress.in_flight()), (6, 10, 2));
        progress.end(6);
        assert_eq!(progress.low_water(), 6);
        progress.end(6);
        assert_eq!((progress.low_water(), progress.in_flight()), (10, 0));
    }

    #[test]
    fn what_is_told_names_what_is_open_and_never_goes_beyond_what_it_can_name() {
        let progress = Progress::from(0, 7);
        let told = |seen: &Seen| seen.next - seen.open.len() as u64;
        let (mut before, all) = (progress.seen(OPEN_MAX), OPEN_MAX as u64 + 2);
        for offset in 0..all {
            progress.begin(offset);
            progress.dispatched(offset + 1);
            let seen = progress.seen(OPEN_MAX);
            assert!(!seen.is_handled(offset) && told(&seen) >= told(&before), "{seen:?} after {before:?}");
            before = seen;
        }
        assert_eq!((before.next, before.open.len(), before.recorded), (all - 2, OPEN_MAX, 7));
        for offset in (0..all).rev() {
            progress.recorded(1_000 - offset);
            progress.end(offset);
            let seen = progress.seen(OPEN_MAX);
            assert!(told(&seen) >= told(&before), "{seen:?} after {before:?}");
            assert!((0..offset).all(|open| !seen.is_handled(open)) && progress.seen(usize::MAX).is_handled(offset));
            before = seen;
        }
        assert_eq!(before, Seen { next: all, open: vec![], recorded: 1_001 });
        assert_eq!((before.low_water(), before.needs()), (all, 1_001));
    }
}
