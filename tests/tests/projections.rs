//! Read models are what the log makes of them, kept in SQLite and sled.

#[path = "projections/models.rs"]
mod models;

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
