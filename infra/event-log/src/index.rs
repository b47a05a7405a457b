//! By what events are found again: stream, tag, command id. The newest events are indexed in memory
//! ([`memory`]); what is older is in tables.

pub(crate) mod memory;
