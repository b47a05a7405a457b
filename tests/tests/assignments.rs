//! Roles split over processes: each works on the partitions that it is assigned, over one log, SQLite and sled.

#[path = "assignments/suite.rs"]
mod suite;

use std::path::Path;
use std::sync::Arc;

use carelog_documents::SledDocuments;
use carelog_domain::ports::{DocumentStore, SqlStore};
use carelog_sqlite::SqliteStore;

fn read_store(folder: &Path) -> Arc<dyn SqlStore> {
    Arc::new(SqliteStore::open(folder.join("read.db")).expect("a database"))
}

fn document_store(folder: &Path) -> Arc<dyn DocumentStore> {
    Arc::new(SledDocuments::open(folder.join("documents")).expect("documents"))
}
