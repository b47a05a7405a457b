//! The query API over real projections, SQLite and sled: what may be seen, by whom, how fresh, and how it comes over HTTP,
//! server-sent events and WebSocket.

#[path = "query_api/http.rs"]
mod http;
#[path = "query_api/live.rs"]
mod live;
#[path = "query_api/past.rs"]
mod past;
#[path = "query_api/reading.rs"]
mod reading;
#[path = "query_api/seeing.rs"]
mod seeing;
#[path = "query_api/then.rs"]
mod then;
#[path = "query_api/world.rs"]
mod world;

use std::path::Path;
use std::sync::Arc;

use carelog_documents::SledDocuments;
use carelog_domain::ports::{DocumentStore, SqlStore};
use carelog_sqlite::SqliteStore;

async fn read_store(folder: &Path) -> Arc<dyn SqlStore> {
    Arc::new(SqliteStore::open(folder.join("models.sqlite")).expect("sqlite"))
}

async fn document_store(folder: &Path) -> Arc<dyn DocumentStore> {
    Arc::new(SledDocuments::open(folder.join("documents")).expect("documents"))
}
