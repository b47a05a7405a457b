//! Imports of other systems' pasts.

use super::table::tables;
use super::{Model, Source};

/// Read model `imports`.
pub static MODEL: Model = Model { name: "imports", revision: 1, tables: &[&IMPORTS], documents: false };

tables! {
    /// An import of one folder into a hospital.
    IMPORTS = "imports" from Source::Stream("import"), key [hospital manifest], index [] {
        hospital: Text!,
        manifest: Text!,
        /// `running` or `finished`.
        state: Text!,
        watermark: Int,
        started_at: Int,
        finished_at: Int,
    }
}
