//! By what events are found again: stream, tag, command id. The newest events are indexed in memory; from time to time
//! they become a *table*: entries (hash -> offset, version) sorted, cut into blocks, stored with a filter and merged
//! level by level in the background. All of it can be thrown away: it is built again from the segments.

pub(crate) mod block;
pub(crate) mod filter;
pub(crate) mod key;
pub(crate) mod manifest;
pub(crate) mod memory;
pub(crate) mod merge;
pub(crate) mod set;
pub(crate) mod store;
pub(crate) mod table;
pub(crate) mod upkeep;
