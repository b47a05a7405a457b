//! LocalLog: the event log as files of this machine. Append-only segments, group commit, a Merkle root from the first
//! frame on, and an index that can be thrown away. docs/log-format.md draws the bytes; docs/ARCHITECTURE.md says where
//! this stands. Nothing here knows a hospital.

mod batch_header;
pub mod disk;
mod done;
mod error;
mod faults;
mod group;
mod index;
mod log;
mod merkle;
mod options;
mod partition;
mod segment_header;
mod segments;
mod slot_map;
mod verify;

pub use error::{Damage, OpenError};
pub use faults::Faults;
pub use index::store::{IndexStore, MemoryStore, StoreError};
pub use log::{Following, LocalLog, LogStats, PartitionStats};
pub use options::{IndexHome, Options, SEGMENT_BYTES_MAX};
pub use partition::{Applier, ApplyError, Outbox, Shipment};
pub use verify::{Progress, Verified};
