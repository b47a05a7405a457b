//! The contract of `SqlStore` on its adapters, and what only one of them promises.

#[path = "sql_store/cutting_proxy.rs"]
mod cutting_proxy;
#[path = "sql_store/encryption.rs"]
mod encryption;
#[path = "sql_store/postgres.rs"]
mod postgres;
#[path = "sql_store/replica.rs"]
mod replica;
#[path = "sql_store/sqlite.rs"]
mod sqlite;

use std::sync::Arc;

use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_sqlite::SqliteStore;
use carelog_tests::contract;
use carelog_tests::servers::pgbouncer::PgBouncer;
use carelog_tests::servers::postgres::PostgresServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(folder.path().join("read.db")).expect("opened");
    contract::sql_store::run(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_keeps_the_contract() {
    let server = PostgresServer::shared();
    let settings = PostgresSettings::new(server.url(&server.database().await));
    let store = PostgresStore::connect(settings).await.expect("connected");
    contract::sql_store::run(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_behind_pgbouncer_in_transaction_mode_keeps_the_contract() {
    let server = PostgresServer::shared();
    // Fewer connections than the store's, so that transactions change places all the time.
    for bouncer in [PgBouncer::before(server, 3), PgBouncer::ignoring_options(server, 3)] {
        let settings = PostgresSettings::new(bouncer.url(&server.database().await));
        let store = PostgresStore::connect(settings).await.expect("connected");
        contract::sql_store::run(Arc::new(store)).await;
    }
}
