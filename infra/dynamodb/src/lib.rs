//! The port `DocumentStore` on DynamoDB: all documents in one table, whose keys are the port's. What begins with `#` is
//! the adapter's own.
//!
//! ```text
//! pk                                    sk                                      attributes
//! chart__1f2e3d4c_a#<patient>           profile                                 p, o: written from; b: JSON in zlib
//! chart__1f2e3d4c_a#<patient>           report#<id>                             p, o, n, w: the body is in n parts, written as w
//! chart__1f2e3d4c_a#<patient>           appointment#<id>                        p, o: a tombstone
//! chart__1f2e3d4c_a#<patient>           #part#<hash of sk>#<p>:<o>#<w>#<number> b
//! #directory#chart__1f2e3d4c_a#<shard>  chart__1f2e3d4c_a#<patient>             which partition keys a table has
//! #directory#chart__1f2e3d4c_a          generation                              g: counts the times that it was cleared
//! ```
//! See docs/decisions/0015-dynamodb.md for the access patterns and what was weighed.

mod batch;
mod body;
mod clear;
mod client;
mod directory;
mod failure;
mod following;
mod item;
mod parts;
mod range;
mod read;
mod schema;
mod settings;
mod table;
mod write;

use carelog_domain::ports::{BoxFuture, Document, DocumentKey, DocumentStore, DocumentWrite, Failure, Page};

use directory::Directory;
pub use settings::DynamoSettings;
use table::Table;

/// Documents in a DynamoDB table.
pub struct DynamoDocuments {
    table: Table,
    directory: Directory,
}

impl DynamoDocuments {
    /// Opens the table. Endpoint, region and credentials come from where every program with AWS's SDK has them: the
    /// environment, the profile, or the role of the container, pod or machine.
    ///
    /// # Errors
    /// When there is no region, DynamoDB cannot be reached, or the table is missing or of another shape.
    pub async fn open(settings: DynamoSettings) -> Result<DynamoDocuments, Failure> {
        let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
        DynamoDocuments::connect(&config, settings).await
    }

    /// The same with a configuration of the SDK that the caller has made.
    ///
    /// # Errors
    /// As [`DynamoDocuments::open`].
    pub async fn connect(config: &aws_config::SdkConfig, settings: DynamoSettings) -> Result<DynamoDocuments, Failure> {
        let table = Table { client: client::client(config)?, name: settings.table };
        schema::check(&table, settings.create_table).await?;
        Ok(DynamoDocuments { directory: Directory::new(table.clone()), table })
    }
}

impl DocumentStore for DynamoDocuments {
    fn write(&self, writes: Vec<DocumentWrite>) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(write::write(&self.table, &self.directory, writes))
    }

    fn get(&self, key: &DocumentKey) -> BoxFuture<'_, Result<Option<Document>, Failure>> {
        let key = key.clone();
        Box::pin(async move { read::get(&self.table, &key).await })
    }

    fn query(
        &self,
        partition_key: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, Failure>> {
        let (partition_key, prefix, after) = (partition_key.to_owned(), prefix.to_owned(), after.map(str::to_owned));
        Box::pin(async move { read::query(&self.table, &partition_key, &prefix, after.as_deref(), limit).await })
    }

    fn scan(&self, table: &str, after: Option<&DocumentKey>, limit: usize) -> BoxFuture<'_, Result<Page, Failure>> {
        let (table, after) = (table.to_owned(), after.cloned());
        Box::pin(async move { read::scan(&self.table, &table, after.as_ref(), limit).await })
    }

    fn clear(&self, table: &str) -> BoxFuture<'_, Result<(), Failure>> {
        let table = table.to_owned();
        Box::pin(async move { clear::clear(&self.table, &self.directory, &table).await })
    }

    /// DynamoDB acknowledges what two of three places have on disk.
    fn flush(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
