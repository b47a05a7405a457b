//! Versions of streams that tables were asked for. Every append to a stream has to know its last version; once the
//! stream's events have left the index in memory, that is a block of a table and a frame of a segment to read. What
//! many commands rest on is asked for again and again, so the answers are kept, and kept true.

use std::num::NonZeroUsize;

use carelog_domain::kernel::Version;
use lru::LruCache;

/// Streams kept; least recently used ones go first.
const STREAMS_MAX: NonZeroUsize = NonZeroUsize::new(64 * 1024).expect("more than none");

/// For each stream in it, the version of its last accepted event.
pub(super) struct Versions(LruCache<Box<str>, Version>);

impl Versions {
    pub(super) fn new() -> Versions {
        Versions(LruCache::new(STREAMS_MAX))
    }

    pub(super) fn get(&mut self, stream: &str) -> Option<Version> {
        self.0.get(stream).copied()
    }

    /// What the tables say of a stream that has no event in memory.
    pub(super) fn found(&mut self, stream: &str, version: Version) {
        self.0.put(stream.into(), version);
    }

    /// One more event of a stream.
    pub(super) fn moved(&mut self, stream: &str, version: Version) {
        if let Some(known) = self.0.get_mut(stream) {
            *known = version;
        }
    }

    /// Events that were accepted are taken back.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
