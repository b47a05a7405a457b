//! Read models are what the log makes of them, kept in PostgreSQL and DynamoDB: the same tests, the same text.

#[path = "projections/cut.rs"]
mod cut;
#[path = "projections/models.rs"]
mod models;

use std::path::Path;
use std::sync::Arc;

use carelog_domain::ports::{DocumentStore, SqlStore};
use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_tests::servers::dynamodb::DynamoServer;
use carelog_tests::servers::postgres::PostgresServer;

fn read_store(_folder: &Path) -> Arc<dyn SqlStore> {
    Arc::new(at_once(async {
        let server = PostgresServer::shared();
        let settings = PostgresSettings::new(server.url(&server.database().await));
        PostgresStore::connect(settings).await.expect("connected")
    }))
}

fn document_store(_folder: &Path) -> Arc<dyn DocumentStore> {
    Arc::new(at_once(DynamoServer::shared().fresh()))
}

fn at_once<T>(connecting: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(connecting))
}
