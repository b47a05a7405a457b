//! An index in memory that outlives a log, for tests with thousands of restarts.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{IndexStore, StoreError};

/// Clones share what is stored.
#[derive(Clone, Default, Debug)]
pub struct MemoryStore(Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>);

impl IndexStore for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().get(key).cloned())
    }

    fn put(&self, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), StoreError> {
        self.0.lock().extend(entries);
        Ok(())
    }

    fn with_prefix(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        let map = self.0.lock();
        let from = map.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(from.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn remove(&self, keys: Vec<Vec<u8>>) -> Result<(), StoreError> {
        let mut map = self.0.lock();
        keys.iter().for_each(|key| {
            map.remove(key);
        });
        Ok(())
    }

    fn remove_prefix(&self, prefix: &[u8]) -> Result<(), StoreError> {
        self.0.lock().retain(|key, _| !key.starts_with(prefix));
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
