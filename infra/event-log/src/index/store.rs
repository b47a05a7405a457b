//! Where index tables are kept: sled, or memory for tests. Nothing in it is the truth.

mod memory;
mod sled_store;

pub use memory::MemoryStore;
pub(crate) use sled_store::SledStore;

/// The index could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{what}; stop the program, delete the folder `index` of the log and start again: it is built anew")]
pub struct StoreError {
    what: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    pub(crate) fn broken(what: impl Into<String>) -> StoreError {
        StoreError { what: what.into(), source: None }
    }

    /// The store said no.
    pub fn from_store(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
        StoreError { what: "the index could not be read or written".to_owned(), source: Some(source.into()) }
    }
}

/// Keys and values in key order.
pub trait IndexStore: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Stores values, in no order.
    fn put(&self, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), StoreError>;

    /// All keys that begin so, with their values, in key order.
    fn with_prefix(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError>;

    /// Removes these keys.
    fn remove(&self, keys: Vec<Vec<u8>>) -> Result<(), StoreError>;

    /// Removes everything that begins so.
    fn remove_prefix(&self, prefix: &[u8]) -> Result<(), StoreError>;

    /// Makes everything stored before durable.
    fn flush(&self) -> Result<(), StoreError>;
}
