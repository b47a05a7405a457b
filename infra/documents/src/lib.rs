//! The port `DocumentStore` on sled 0.34: items under a partition key and a sort key, as DynamoDB would hold them.
//!
//! ```text
//! key    partition key | 0x00 | sort key
//! value  1 byte: 1 item, 0 tombstone | partition, 2 bytes BE | offset, 8 bytes BE | JSON
//! ```
//! Texts order as their bytes, so a partition key's items lie together in the order of their sort keys. A tombstone
//! keeps the position of the delete, so that an older write does not bring the item back.

mod codec;
mod store;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::ports::{BoxFuture, Document, DocumentKey, DocumentStore, DocumentWrite, Failure, Page};

use store::Store;

pub(crate) const PORT: &str = "documents";

/// Memory that sled may keep pages in.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// How long an opening waits for the last one to let go of the folder: the pool of threads that all of sled shares
/// may hold a closed database for some moments more.
const LET_GO_WITHIN: Duration = Duration::from_secs(5);

/// Documents in one folder.
pub struct SledDocuments {
    store: Arc<Store>,
}

impl SledDocuments {
    /// Opens the folder, making it if there is none.
    ///
    /// # Errors
    /// When another process has it open, it is damaged, or it cannot be written.
    pub fn open(folder: impl AsRef<Path>) -> Result<SledDocuments, Failure> {
        let folder = folder.as_ref();
        let failed = |error| open_failure(folder, error);
        let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(Some(1_000));
        let begun = Instant::now();
        let database = loop {
            match config.open() {
                Err(error) if is_held(&error) && begun.elapsed() < LET_GO_WITHIN => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                opened => break opened.map_err(failed)?,
            }
        };
        let tree = database.open_tree("documents").map_err(failed)?;
        Ok(SledDocuments { store: Arc::new(Store::new(tree)) })
    }

    /// Runs on a thread that may wait for the disk.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Failure> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, Failure>> {
        let store = Arc::clone(&self.store);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&store)).await;
            done.map_err(|error| Failure::lasting(PORT, "a call panicked").caused_by(error))?
        })
    }
}

/// Sled gives a held lock no kind of its own.
fn is_held(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(io) if io.to_string().contains("could not acquire lock"))
}

fn open_failure(folder: &Path, error: sled::Error) -> Failure {
    let advice = match &error {
        held if is_held(held) => "another process has it open; stop it first",
        sled::Error::Io(_) => "check that the folder may be read and written and the disk has room",
        sled::Error::Corruption { .. } => {
            "it is damaged; stop, delete the folder and start again: documents are built anew from the log"
        }
        _ => "see the cause",
    };
    Failure::lasting(PORT, format!("could not open {}: {advice}", folder.display())).caused_by(error)
}

impl DocumentStore for SledDocuments {
    fn write(&self, writes: Vec<DocumentWrite>) -> BoxFuture<'_, Result<(), Failure>> {
        self.run(move |store| store.write(writes))
    }

    fn get(&self, key: &DocumentKey) -> BoxFuture<'_, Result<Option<Document>, Failure>> {
        let key = key.clone();
        self.run(move |store| store.get(key))
    }

    fn query(
        &self,
        partition_key: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, Failure>> {
        let (partition_key, prefix, after) = (partition_key.to_owned(), prefix.to_owned(), after.map(str::to_owned));
        self.run(move |store| store.query(&partition_key, &prefix, after.as_deref(), limit))
    }

    fn scan(&self, table: &str, after: Option<&DocumentKey>, limit: usize) -> BoxFuture<'_, Result<Page, Failure>> {
        let (table, after) = (table.to_owned(), after.cloned());
        self.run(move |store| store.scan(&table, after.as_ref(), limit))
    }

    fn clear(&self, table: &str) -> BoxFuture<'_, Result<(), Failure>> {
        let table = table.to_owned();
        self.run(move |store| store.clear(&table))
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), Failure>> {
        self.run(Store::flush)
    }
}
