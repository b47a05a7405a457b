//! Items under a partition key and a sort key, as DynamoDB and sled both can hold them. An item carries the position it
//! was written from, so that an older write never replaces a newer one; a delete leaves a tombstone.

use super::{BoxFuture, Failure};
use crate::kernel::Position;

/// Documents of read models.
pub trait DocumentStore: Send + Sync {
    /// Applies all writes that are newer than what is stored; older ones are left out silently (a repeat).
    fn write(&self, writes: Vec<DocumentWrite>) -> BoxFuture<'_, Result<(), Failure>>;

    /// One item, unless absent or deleted.
    fn get(&self, key: &DocumentKey) -> BoxFuture<'_, Result<Option<Document>, Failure>>;

    /// Items of a partition key whose sort key begins with `prefix`, in order of the sort key's bytes, after the sort
    /// key `after`, at most `limit`.
    fn query(
        &self,
        partition_key: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, Failure>>;

    /// Every live item of a table, in key order, after a key; for verification and rebuilds.
    fn scan(&self, table: &str, after: Option<&DocumentKey>, limit: usize) -> BoxFuture<'_, Result<Page, Failure>>;

    /// Removes every item of a table, tombstones too.
    fn clear(&self, table: &str) -> BoxFuture<'_, Result<(), Failure>>;

    /// Completes when everything written so far is durable.
    fn flush(&self) -> BoxFuture<'_, Result<(), Failure>>;
}

/// Where an item is. The table is a prefix of the partition key, written `table#rest`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DocumentKey {
    /// `table#subject`.
    pub partition_key: String,
    /// `kind#id`.
    pub sort_key: String,
}

/// One item.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    /// Where it is.
    pub key: DocumentKey,
    /// What it was written from.
    pub position: Position,
    /// Its content.
    pub body: serde_json::Value,
}

/// One change: `body: None` deletes.
#[derive(Clone, PartialEq, Debug)]
pub struct DocumentWrite {
    /// Where.
    pub key: DocumentKey,
    /// From which event.
    pub position: Position,
    /// The new content.
    pub body: Option<serde_json::Value>,
}

/// Some items, and the key after which to go on.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Page {
    /// The items.
    pub items: Vec<Document>,
    /// `None` at the end.
    pub next: Option<DocumentKey>,
}
