//! What a log is opened with.

use std::path::PathBuf;
use std::sync::Arc;

use carelog_domain::ports::Clock;

use crate::disk::{Disk, RealDisk};
use crate::faults::Faults;
use crate::index::store::IndexStore;

/// The largest segment by default.
pub const SEGMENT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Where index tables are kept.
#[derive(Clone)]
pub enum IndexHome {
    /// In sled, in the folder `index` of the log.
    Folder,
    /// In a store that is handed in.
    Given(Arc<dyn IndexStore>),
}

/// How a log is opened; [`Options::new`] has the defaults.
#[derive(Clone)]
pub struct Options {
    /// Where it lives; made if it does not exist.
    pub folder: PathBuf,
    /// How many partitions: fixed when the log is made. 0 means as many as it has, and 1 for a new one.
    pub partitions: u16,
    /// How long a segment file may become. Files begin at 1 MiB and double up to this.
    pub segment_bytes_max: u64,
    /// How many newest events are indexed in memory before they become an index table.
    pub memory_index_events_max: usize,
    /// Where the index is kept.
    pub index: IndexHome,
    /// How many bits of a name's hash the index keeps: 64, fewer in tests that want collisions.
    pub index_hash_bits: u32,
    /// How many bytes of the newest durable frames stay in memory for subscribers.
    pub recent_bytes_max: usize,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// What tests have it do wrong; nothing can be set without the feature `faults`.
    pub faults: Faults,
}

impl Options {
    /// The defaults, for a folder of this machine.
    pub fn new(folder: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Options {
        Options {
            folder: folder.into(),
            partitions: 0,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            memory_index_events_max: 64 * 1024,
            index: IndexHome::Folder,
            index_hash_bits: 64,
            recent_bytes_max: 8 * 1024 * 1024,
            clock,
            disk: Arc::new(RealDisk),
            faults: Faults::default(),
        }
    }
}
