//! One suite for each port; every adapter runs it.

pub mod blob_store;
pub mod key_store;
pub mod event_log;
