//! The query API over read models in PostgreSQL and DynamoDB: every query that it can put together runs there as it does on
//! SQLite and sled, and finds the same.

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

use carelog_domain::ports::{DocumentStore, SqlStore};
use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_tests::servers::dynamodb::DynamoServer;
use carelog_tests::servers::postgres::PostgresServer;

async fn read_store(_folder: &Path) -> Arc<dyn SqlStore> {
    let server = PostgresServer::shared();
    let settings = PostgresSettings::new(server.url(&server.database().await));
    Arc::new(PostgresStore::connect(settings).await.expect("connected"))
}

async fn document_store(_folder: &Path) -> Arc<dyn DocumentStore> {
    Arc::new(DynamoServer::shared().fresh().await)
}
