//! Items under a partition key and a sort key, as DynamoDB and sled both can hold them. An item carries the position it
//! was written from, so that an older write never replaces a newer one; a delete leaves a tombstone.

use super::{BoxFuture, Failure};
use crate::kernel::Position;

/// Documents of read models.
///
/// Each write is applied as a whole, a call of many is not: a failure in its middle, or a reader meanwhile, may find any
/// of its writes done and others not. Repeating the call does what is missing. What must not be seen before something
/// else, such as a checkpoint before its items, is written by a later call, made when the earlier one has succeeded.
///
/// Reads see every write that was acknowledged before they began. Keys that [`DocumentKey::check`] refuses are refused.
pub trait DocumentStore: Send + Sync {
    /// Applies all writes that are newer than what is stored; older ones are left out silently (a repeat). Of one
    /// partition a write is newer when its offset is greater; of another it always is, since the item's slot was moved.
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

    /// Removes every item of a table, tombstones too. After a failure some may be left: repeat it. Who writes to the
    /// table meanwhile may lose what it writes.
    fn clear(&self, table: &str) -> BoxFuture<'_, Result<(), Failure>>;

    /// Completes when everything written so far is durable.
    fn flush(&self) -> BoxFuture<'_, Result<(), Failure>>;
}

/// Where an item is. The table is a prefix of the partition key, written `table#rest`. Both parts order as their bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DocumentKey {
    /// `table#subject`.
    pub partition_key: String,
    /// `kind#id`.
    pub sort_key: String,
}

/// The longest partition key and the longest sort key, in bytes: DynamoDB takes 1,024 in a sort key, and an adapter
/// may need some of them.
pub const KEY_BYTES_MAX: usize = 1_000;

impl DocumentKey {
    /// Says what is wrong with a key that not every adapter can hold. What begins with `#` is the adapters' own.
    ///
    /// # Errors
    /// When a part is empty or too long, names no table, begins with `#` or less, or holds a zero byte.
    pub fn check(&self) -> Result<(), &'static str> {
        let DocumentKey { partition_key, sort_key } = self;
        if partition_key.len().max(sort_key.len()) > KEY_BYTES_MAX {
            return Err("a key is longer than 1,000 bytes");
        }
        if partition_key.split_once('#').is_none_or(|(table, _)| table.is_empty()) {
            return Err("a partition key names no table");
        }
        if sort_key.as_bytes().first().is_none_or(|first| *first <= b'#') {
            return Err("a sort key begins with nothing, or with # or a character before it");
        }
        if partition_key.contains('\0') || sort_key.contains('\0') {
            return Err("a key holds a zero byte");
        }
        Ok(())
    }

    /// The table it is in.
    pub fn table(&self) -> &str {
        self.partition_key.split_once('#').map_or("", |(table, _)| table)
    }
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
