//! What is written down: event shapes and their upcasters, sealing of personal values, the frame, read-model tables.
//!
//! Everything two crates must agree on that is stored or sent stands here, so that writer and reader never know each
//! other.

pub mod cloud_event;
#[cfg(feature = "faults")]
pub mod faults;
#[cfg(not(feature = "faults"))]
mod faults;
pub mod feed_cursor;
pub mod frame;
pub mod read_models;
pub mod registry;
pub mod sealing;
pub mod topics;
pub mod trace_context;
