//! The index in sled. Only large, sorted blocks are written, in the background; see docs/decisions for why.

use std::path::Path;

use super::{IndexStore, StoreError};

/// How much sled keeps in memory.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

pub(crate) struct SledStore(sled::Db);

impl SledStore {
    pub(crate) fn open(folder: &Path) -> Result<SledStore, StoreError> {
        let config = sled::Config::default().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        config.open().map(SledStore).map_err(StoreError::from_store)
    }
}

impl IndexStore for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(key).map_err(StoreError::from_store)?.map(|value| value.to_vec()))
    }

    fn put(&self, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), StoreError> {
        for (key, value) in entries {
            self.0.insert(key, value).map_err(StoreError::from_store)?;
        }
        Ok(())
    }

    fn with_prefix(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        let entries = self.0.scan_prefix(prefix);
        entries
            .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
            .collect::<Result<_, _>>()
            .map_err(StoreError::from_store)
    }

    fn remove(&self, keys: Vec<Vec<u8>>) -> Result<(), StoreError> {
        for key in keys {
            self.0.remove(key).map_err(StoreError::from_store)?;
        }
        Ok(())
    }

    fn remove_prefix(&self, prefix: &[u8]) -> Result<(), StoreError> {
        for key in self.0.scan_prefix(prefix).keys() {
            self.0.remove(key.map_err(StoreError::from_store)?).map_err(StoreError::from_store)?;
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.0.flush().map(|_| ()).map_err(StoreError::from_store)
    }
}
