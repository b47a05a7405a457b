//! The port `SqlStore` on PostgreSQL 13 and later: the very text that SQLite runs, in a schema of its own, directly or
//! through pgbouncer in transaction mode; queries that may be a little behind can be answered by a replica.
//!
//! ```text
//! write   BEGIN .. | statements, all sent before the first answer | COMMIT      three round trips
//! read    all queries as one statement, parsed once for a connection            one
//!         BEGIN REPEATABLE READ READ ONLY .. queries .. COMMIT, behind a pooler one
//! ```
//! See docs/decisions/0013-postgresql.md for what was weighed and measured.

mod address;
mod arrays;
mod cancel;
mod failure;
mod migrations;
mod parameter;
mod pipeline;
mod replica;
mod server;
mod session;
mod settings;
mod tls;
mod transaction;
mod whole;

use std::sync::Arc;

use carelog_domain::ports::{BoxFuture, Failure, FreshEnough, Rows, SqlStore, Statement};

use failure::PORT;
use replica::Replica;
use server::Server;
pub use settings::PostgresSettings;

/// A read store in a PostgreSQL database.
pub struct PostgresStore {
    primary: Arc<Server>,
    replica: Option<Replica>,
}

impl PostgresStore {
    /// Connects, and makes what is missing in the schema. The replica is not needed for that.
    ///
    /// # Errors
    /// When an address cannot be used, the primary cannot be reached or is not fit, or the schema is of another version.
    pub async fn connect(settings: PostgresSettings) -> Result<PostgresStore, Failure> {
        let primary = Arc::new(Server::new(&settings.url, &settings)?);
        let replica = settings.replica_url.as_ref().map(|url| Server::new(url, &settings)).transpose()?;
        migrations::migrate(&primary, &settings).await?;
        Ok(PostgresStore { primary, replica: replica.map(Replica::new) })
    }
}

impl SqlStore for PostgresStore {
    /// Once begun it goes on to its end, also when nobody waits for it any more.
    fn write(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<Vec<u64>, Failure>> {
        let primary = Arc::clone(&self.primary);
        Box::pin(async move {
            let writing = tokio::spawn(async move { transaction::write(&primary, &statements).await });
            writing.await.map_err(|error| Failure::lasting(PORT, "a write panicked").caused_by(error))?
        })
    }

    fn read(&self, queries: Vec<Statement>) -> BoxFuture<'_, Result<Vec<Rows>, Failure>> {
        Box::pin(async move { transaction::read(&self.primary, &queries).await })
    }

    fn read_fresh_enough<'a>(
        &'a self,
        queries: Vec<Statement>,
        fresh_enough: FreshEnough<'a>,
    ) -> BoxFuture<'a, Result<Vec<Rows>, Failure>> {
        Box::pin(async move {
            let found = match &self.replica {
                Some(replica) => replica.read(&queries, fresh_enough).await,
                None => None,
            };
            match found {
                Some(found) => Ok(found),
                None => transaction::read(&self.primary, &queries).await,
            }
        })
    }
}
