//! Keys that a node has opened, and until when it may believe that nobody erased them.

use std::num::NonZeroUsize;
use std::time::Instant;

use carelog_domain::kernel::Purpose;
use carelog_domain::ports::{DataKey, KeyId, KeyState};
use lru::LruCache;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::sql::KeyLimits;

/// The cache, as far as erasures were seen.
pub(crate) struct OpenedKeys {
    limits: KeyLimits,
    known: Mutex<Known>,
}

struct Known {
    keys: LruCache<(Uuid, Purpose), (u32, KeyState)>,
    /// The number of the last erasure that was taken in.
    erasures: i64,
    /// When the last look that succeeded began.
    seen_at: Instant,
    /// When the last look ended, with or without an answer.
    tried_at: Instant,
}

/// What to do before a key of the cache is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    /// Nothing: erasures were looked for a moment ago.
    NotYet,
    /// Look, and go on if that fails.
    Try,
    /// Look, or fail: it is too long ago.
    Must,
    /// Fail: it is too long ago, and somebody looked in vain a moment ago.
    InVain,
}

impl OpenedKeys {
    /// Nothing is opened yet; erasures up to this one were seen by a look that began then.
    pub(crate) fn new(limits: KeyLimits, erasures: i64, seen_at: Instant) -> OpenedKeys {
        let keys = LruCache::new(NonZeroUsize::new(limits.keys_max).unwrap_or(NonZeroUsize::MIN));
        OpenedKeys { limits, known: Mutex::new(Known { keys, erasures, seen_at, tried_at: seen_at }) }
    }

    pub(crate) fn look(&self) -> Look {
        let known = self.known.lock();
        let believed = known.seen_at.elapsed() < self.limits.believed_for;
        let tried = known.tried_at.elapsed() < self.limits.looks_every;
        match (believed, tried) {
            (true, true) => Look::NotYet,
            (true, false) => Look::Try,
            (false, true) => Look::InVain,
            (false, false) => Look::Must,
        }
    }

    /// A look has ended; those that come next do not have to.
    pub(crate) fn tried(&self) {
        self.known.lock().tried_at = Instant::now();
    }

    pub(crate) fn erasures(&self) -> i64 {
        self.known.lock().erasures
    }

    pub(crate) fn get(&self, subject: Uuid, purpose: Purpose) -> Option<(KeyId, KeyState)> {
        let mut known = self.known.lock();
        let (number, state) = known.keys.get(&(subject, purpose))?;
        Some((KeyId { subject, purpose, number: *number }, state.clone()))
    }

    /// Remembers a key that was read when erasures up to this one were seen. If others were seen since, this key may be
    /// one of theirs, and is not remembered.
    pub(crate) fn remember(&self, id: KeyId, key: &DataKey, seen: i64) {
        let mut known = self.known.lock();
        if known.erasures == seen {
            known.keys.put((id.subject, id.purpose), (id.number, KeyState::Live(key.clone())));
        }
    }

    /// A tombstone that was read: true for ever.
    pub(crate) fn remember_erased(&self, id: KeyId) {
        self.known.lock().keys.put((id.subject, id.purpose), (id.number, KeyState::Erased));
    }

    /// Forgets a key that is about to be erased.
    pub(crate) fn forget(&self, subject: Uuid, purpose: Purpose) {
        self.known.lock().keys.pop(&(subject, purpose));
    }

    /// Takes in what a look found: these were erased, up to this number.
    pub(crate) fn take_in(&self, erased: &[KeyId], erasures: i64, began: Instant) {
        let mut known = self.known.lock();
        for id in erased {
            if let Some(entry) = known.keys.peek_mut(&(id.subject, id.purpose)) {
                *entry = (id.number, KeyState::Erased);
            }
        }
        known.erasures = known.erasures.max(erasures);
        known.seen_at = known.seen_at.max(began);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn opened(looks_every: Duration, believed_for: Duration) -> OpenedKeys {
        OpenedKeys::new(KeyLimits { keys_max: 2, looks_every, believed_for }, 3, Instant::now())
    }

    fn id(number: u128) -> KeyId {
        KeyId { subject: Uuid::from_u128(number), purpose: Purpose::Identity, number: 1 }
    }

    #[test]
    fn a_key_read_before_an_erasure_was_seen_is_not_remembered_after_it() {
        let keys = opened(Duration::MAX, Duration::MAX);
        let seen = keys.erasures();
        keys.take_in(&[id(1)], 4, Instant::now());
        keys.remember(id(1), &DataKey([1; 32]), seen);
        assert_eq!(keys.get(id(1).subject, id(1).purpose), None);
        keys.remember(id(1), &DataKey([1; 32]), keys.erasures());
        keys.take_in(&[id(1)], 5, Instant::now());
        assert_eq!(keys.get(id(1).subject, id(1).purpose), Some((id(1), KeyState::Erased)));
    }

    #[test]
    fn erasures_are_looked_for_in_time_and_believed_in_no_longer_than_that() {
        assert_eq!(opened(Duration::MAX, Duration::MAX).look(), Look::NotYet);
        assert_eq!(opened(Duration::ZERO, Duration::MAX).look(), Look::Try);
        assert_eq!(opened(Duration::ZERO, Duration::ZERO).look(), Look::Must);
        assert_eq!(opened(Duration::MAX, Duration::ZERO).look(), Look::InVain);
    }

    #[test]
    fn no_more_keys_are_kept_than_allowed() {
        let keys = opened(Duration::MAX, Duration::MAX);
        (1..=3).for_each(|number| keys.remember(id(number), &DataKey([1; 32]), 3));
        assert!(
            keys.get(id(1).subject, Purpose::Identity).is_none()
                && keys.get(id(3).subject, Purpose::Identity).is_some()
        );
    }
}
