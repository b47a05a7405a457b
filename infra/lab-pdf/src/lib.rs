//! Reads lab report PDFs: text by position, then rows of values. The file comes from outside, so it is read by a child
//! process with limits on memory, time, pages and output ([`ChildLabReader`] starts it, [`child_main`] is what runs in
//! it). [`extract`] is the reading itself: bytes in, an [`Extraction`] or the reason why not out; it opens no file.
//!
//! ```text
//! bytes -> pdf (glyphs by position) -> layout (words, lines) -> table (columns, rows) -> value, unit, range, flag
//!                                                            -> heading (whose report it is)
//! ```

mod child;
mod child_lab_reader;
mod extract;
mod layout;
mod limits;
mod pdf;
mod report;

pub use child::child_main;
pub use child_lab_reader::ChildLabReader;
pub use extract::extract;
pub use limits::Limits;

pub use carelog_domain::laboratory::{Extraction, FailureReason};
