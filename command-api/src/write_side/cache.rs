//! Hot states by stream: what was accepted last, before it is durable. Least recently used ones go first.

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
/// States kept, over all shards. A day of 40 slots takes about 5 KiB, most others less than 1 KiB.
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

/// States by stream.
pub(crate) struct StateCache {
    shards: Vec<Mutex<LruCache<StreamName, Hot>>>,
    hasher: RandomState,
}

impl StateCache {
    pub(crate) fn new() -> StateCache {
        let each = NonZeroUsize::new(STATES_MAX / SHARDS).expect("there are more states than shards");
        StateCache {
            shards: (0..SHARDS).map(|_| Mutex::new(LruCache::new(each))).collect(),
            hasher: RandomState::new(),
        }
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
        self.shards.iter().for_each(|shard| shard.lock().clear());
    }

    fn shard(&self, stream: &StreamName) -> &Mutex<LruCache<StreamName, Hot>> {
        &self.shards[self.hasher.hash_one(stream) as usize % SHARDS]
    }
}
