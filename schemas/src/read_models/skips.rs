//! Events that an operator let a projection skip.

use super::table::tables;
use super::{Model, Source};

/// Read model `skips`.
pub static MODEL: Model = Model { name: "skips", revision: 2, tables: &[&SKIPPED_EVENTS], documents: false };

tables! {
    /// One skipped event of one read model.
    SKIPPED_EVENTS = "skipped_events" from Source::Slot, key [model position], index [] {
        model: Text!,
        /// As `0:123`.
        position: Text!,
        reason: Text,
        /// User id of whoever skipped it.
        actor: Text!,
        skipped_at: Int!,
    }
}
