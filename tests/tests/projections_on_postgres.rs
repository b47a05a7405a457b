//! Read models are what the log makes of them, kept in PostgreSQL: the same tests, the same text.

#[path = "projections/models.rs"]
mod models;

use std::path::Path;
use std::sync::Arc;

use carelog_domain::ports::SqlStore;
use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_tests::servers::postgres::PostgresServer;

fn read_store(_folder: &Path) -> Arc<dyn SqlStore> {
    let fresh = async {
        let server = PostgresServer::shared();
        let settings = PostgresSettings::new(server.url(&server.database().await));
        PostgresStore::connect(settings).await.expect("connected")
    };
    Arc::new(tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(fresh)))
}
