//! Which partition keys a logical table has. DynamoDB reads a physical table in no order and only as a whole, so a scan or
//! a clear of one logical table goes by this list. A partition key is entered before the first item under it is written,
//! and a table's list is spread over shards, so that a rebuild's first writes do not all meet in one place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroUsize;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use carelog_domain::ports::{DocumentKey, Failure};
use lru::LruCache;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::batch;
use crate::failure::failure;
use crate::table::{Table, attributes};

/// **(format)** Another number would lose the entries there are.
pub(crate) const SHARDS: u8 = 16;
/// Partition keys of a table that are known to be entered: some megabytes. One that fell out is entered again.
const KNOWN_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("more than none");
const GENERATION: &str = "g";

/// The lists of all tables.
pub(crate) struct Directory {
    table: Table,
    known: Mutex<HashMap<String, Known>>,
}

/// What was entered since a table was last cleared, by whoever: another process may clear it, which begins a generation.
struct Known {
    generation: u64,
    partition_keys: LruCache<String, ()>,
}

impl Directory {
    pub(crate) fn new(table: Table) -> Directory {
        Directory { table, known: Mutex::default() }
    }

    /// Enters partition keys that are not known to be in it.
    pub(crate) async fn enter(&self, keys: impl Iterator<Item = &DocumentKey>) -> Result<(), Failure> {
        let mut by_table: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for key in keys {
            by_table.entry(key.table()).or_default().insert(&key.partition_key);
        }
        for (table, partition_keys) in by_table {
            let generation = self.generation(table).await?;
            let new = self.unknown(table, generation, partition_keys);
            if !new.is_empty() {
                batch::write(&self.table, new.iter().map(|key| put(&entry(table, key))).collect()).await?;
                self.remember(table, generation, new);
            }
        }
        Ok(())
    }

    fn unknown(&self, table: &str, generation: u64, partition_keys: BTreeSet<&str>) -> Vec<String> {
        let mut known = self.known.lock();
        let known = match known.get_mut(table) {
            Some(known) if known.generation == generation => known,
            _ => known.entry(table.to_owned()).insert_entry(Known::new(generation)).into_mut(),
        };
        let new = partition_keys.into_iter().filter(|key| known.partition_keys.get(*key).is_none());
        new.map(str::to_owned).collect()
    }

    fn remember(&self, table: &str, generation: u64, entered: Vec<String>) {
        let mut known = self.known.lock();
        if let Some(known) = known.get_mut(table).filter(|known| known.generation == generation) {
            for key in entered {
                known.partition_keys.put(key, ());
            }
        }
    }

    /// One request a table and call: without it, what another process cleared would be taken for entered.
    async fn generation(&self, table: &str) -> Result<u64, Failure> {
        let found = self.table.get(&generation_key(table)).await?;
        let number = found.as_ref().and_then(|item| item.get(GENERATION)?.as_n().ok()?.parse().ok());
        Ok(number.unwrap_or(0))
    }

    /// Makes every process enter anew what it writes to a table from now on.
    pub(crate) async fn begin_generation(&self, table: &str) -> Result<(), Failure> {
        let update = self.table.client.update_item().table_name(&self.table.name);
        let update = update
            .set_key(Some(attributes(&generation_key(table))))
            .update_expression("ADD g :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        let updated = update.send().await;
        updated.map(drop).map_err(|error| failure("begin to clear a part of", &self.table.name, &error))
    }
}

impl Known {
    fn new(generation: u64) -> Known {
        Known { generation, partition_keys: LruCache::new(KNOWN_MAX) }
    }
}

/// Where a partition key is entered.
pub(crate) fn entry(table: &str, partition_key: &str) -> DocumentKey {
    let shard = Sha256::digest(partition_key.as_bytes())[0] % SHARDS;
    DocumentKey { partition_key: shard_key(table, shard), sort_key: partition_key.to_owned() }
}

/// The partition key of one shard of a table's list.
pub(crate) fn shard_key(table: &str, shard: u8) -> String {
    format!("#directory#{table}#{shard:02}")
}

fn generation_key(table: &str) -> DocumentKey {
    DocumentKey { partition_key: format!("#directory#{table}"), sort_key: "generation".to_owned() }
}

fn put(key: &DocumentKey) -> WriteRequest {
    let request = PutRequest::builder().set_item(Some(attributes(key))).build().expect("its item is set");
    WriteRequest::builder().put_request(request).build()
}
