//! Hot states by stream: what was accepted last, before it is durable. Least recently used ones go first.
//!
//! What many commands rest on (a practitioner's day, a patient's schedule) and what belongs to one thing only (an
//! appointment, its invoice) are kept apart. Of the latter every booking makes new ones, which sagas look at once more
//! and then hardly anybody: kept together, they would drive the former out, and the next booking would read a whole day
//! from the log.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::Arc;

use carelog_domain::kernel::{StreamName, Timestamp, Version};
use carelog_domain::ports::Term;
use lru::LruCache;
use parking_lot::Mutex;

use super::durability::Durable;
use super::state::State;

/// Shards, so that commands on different streams do not wait for each other.
const SHARDS: usize = 64;
/// States kept of either kind, over all shards. A day of 40 slots takes about 5 KiB, most others less than 1 KiB.
const STATES_MAX: usize = 64 * 1024;

/// The state of a stream as it was accepted.
#[derive(Clone)]
pub(crate) struct Hot {
    /// The term of its partition in which it was read; in any other it may never have been.
    pub(crate) term: Term,
    /// The state.
    pub(crate) state: Arc<dyn State>,
    /// After which version.
    pub(crate) version: Version,
    /// When its last event occurred.
    pub(crate) last_occurred: Option<Timestamp>,
    /// Completes when its last event is durable; `None` when that is known.
    pub(crate) durable: Option<Durable>,
    /// Whether personal values were opened.
    pub(crate) opened: bool,
}

/// A part of the states, least recently used first to go.
type Shard = Mutex<LruCache<StreamName, Hot>>;

/// States by stream.
pub(crate) struct StateCache {
    /// Of what many commands rest on.
    common: Vec<Shard>,
    /// Of what belongs to one thing.
    single: Vec<Shard>,
    hasher: RandomState,
}

impl StateCache {
    pub(crate) fn new() -> StateCache {
        let each = NonZeroUsize::new(STATES_MAX / SHARDS).expect("there are more states than shards");
        let shards = || (0..SHARDS).map(|_| Mutex::new(LruCache::new(each))).collect();
        StateCache { common: shards(), single: shards(), hasher: RandomState::new() }
    }

    pub(crate) fn get(&self, stream: &StreamName, term: Term) -> Option<Hot> {
        self.shard(stream).lock().get(stream).filter(|hot| hot.term == term).cloned()
    }

    pub(crate) fn version(&self, stream: &StreamName, term: Term) -> Option<Version> {
        self.shard(stream).lock().peek(stream).filter(|hot| hot.term == term).map(|hot| hot.version)
    }

    /// Takes a state out, so that it can be changed in place.
    pub(crate) fn remove(&self, stream: &StreamName) {
        self.shard(stream).lock().pop(stream);
    }

    /// Keeps a state unless one of a later term or version is there, or an equally late one with more of it open.
    pub(crate) fn put(&self, stream: StreamName, hot: Hot) {
        let mut shard = self.shard(&stream).lock();
        let age = |hot: &Hot| (hot.term, hot.version, hot.opened);
        if shard.peek(&stream).is_none_or(|known| age(known) <= age(&hot)) {
            shard.put(stream, hot);
        }
    }

    pub(crate) fn clear(&self) {
        self.common.iter().chain(&self.single).for_each(|shard| shard.lock().clear());
    }

    fn shard(&self, stream: &StreamName) -> &Shard {
        let shards = if is_of_one_thing(stream) { &self.single } else { &self.common };
        &shards[self.hasher.hash_one(stream) as usize % SHARDS]
    }
}

/// Whether only the commands about one thing look at a stream, and other things of its kind never do.
fn is_of_one_thing(stream: &StreamName) -> bool {
    matches!(stream.category(), "appointment" | "invoice" | "lab-report" | "identifier")
}

#[cfg(test)]
mod tests {
    use carelog_domain::kernel::{AppointmentId, LocalDate, RoleId};
    use carelog_domain::{scheduling, streams};
    use uuid::Uuid;

    use super::*;

    fn hot(state: Arc<dyn State>) -> Hot {
        let (term, version) = (Term::default(), Version::NONE);
        Hot { term, state, version, last_occurred: None, durable: None, opened: true }
    }

    #[test]
    fn appointments_that_are_looked_at_once_do_not_drive_out_a_day() {
        let cache = StateCache::new();
        let day = streams::day(RoleId(Uuid::from_u128(1)), LocalDate::MIN);
        cache.put(day.clone(), hot(Arc::<scheduling::Day>::default()));
        let ids = (0..3 * STATES_MAX as u128).map(|number| AppointmentId(Uuid::from_u128(number)));
        let appointments: Vec<StreamName> = ids.map(streams::appointment).collect();
        for appointment in &appointments {
            cache.put(appointment.clone(), hot(Arc::<scheduling::Appointment>::default()));
        }
        assert!(cache.get(&day, Term::default()).is_some(), "the day is gone");
        let kept = appointments.iter().filter(|name| cache.get(name, Term::default()).is_some()).count();
        assert_eq!(kept, STATES_MAX, "appointments are not limited");
    }
}
