//! One suite for each port; every adapter runs it.

pub mod blob_store;
pub mod document_store;
pub mod event_log;
pub mod key_store;
pub mod publisher;
pub mod sql_store;
