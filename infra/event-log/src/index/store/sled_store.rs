//! The index in sled. Only large, sorted blocks are written, in the background; see docs/decisions for why.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{IndexStore, StoreError};

/// How much sled keeps in memory.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// How long an opening waits for the last one to let go of the folder.
const LET_GO_WITHIN: Duration = Duration::from_secs(10);

pub(crate) struct SledStore(sled::Db);

impl SledStore {
    /// Opens the folder. The log's own lock says that nobody else uses it, but the pool of threads that all of sled
    /// shares may hold a closed database for some moments more: its lock is waited for.
    pub(crate) fn open(folder: &Path) -> Result<SledStore, StoreError> {
        let config = sled::Config::default().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let begun = Instant::now();
        loop {
            match config.open() {
                Err(error) if is_held(&error) && begun.elapsed() < LET_GO_WITHIN => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                opened => return opened.map(SledStore).map_err(StoreError::from_store),
            }
        }
    }
}

/// Sled gives a held lock no kind of its own.
fn is_held(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(io) if io.to_string().contains("could not acquire lock"))
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
