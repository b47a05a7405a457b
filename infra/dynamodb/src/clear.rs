//! Emptying a logical table: what its directory lists goes item by item, tombstones and parts too, and an entry of the
//! directory only after all that was under it, so that who was interrupted can begin again.

use carelog_domain::ports::Failure;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::batch;
use crate::directory::{Directory, SHARDS, entry, shard_key};
use crate::item;
use crate::parts::deletion;
use crate::range::Range;
use crate::table::{Asked, Attributes, Table};

/// Partition keys emptied together.
const PARTITION_KEYS: usize = 250;
/// Partition keys of a shard read at once.
const AT_ONCE: usize = 8;
const SHARDS_AT_ONCE: usize = 4;

pub(crate) async fn clear(table: &Table, directory: &Directory, logical: &str) -> Result<(), Failure> {
    // Before: nobody takes for entered what is about to go. After: nor what somebody entered while it went.
    directory.begin_generation(logical).await?;
    let shards = stream::iter(0..SHARDS).map(Ok);
    shards.try_for_each_concurrent(SHARDS_AT_ONCE, |shard| clear_shard(table, logical, shard)).await?;
    directory.begin_generation(logical).await
}

async fn clear_shard(table: &Table, logical: &str, shard: u8) -> Result<(), Failure> {
    while let Some(partition_keys) = entered(table, &shard_key(logical, shard)).await? {
        let emptied = stream::iter(&partition_keys).map(Ok);
        emptied.try_for_each_concurrent(AT_ONCE, |partition_key| empty(table, partition_key)).await?;
        let entries = partition_keys.iter().map(|partition_key| deletion(&entry(logical, partition_key)));
        batch::write(table, entries.collect()).await?;
    }
    Ok(())
}

/// The first partition keys of a shard, if there are any.
async fn entered(table: &Table, shard: &str) -> Result<Option<Vec<String>>, Failure> {
    let found = keys(table, shard, PARTITION_KEYS, None).await?.0;
    let sort_keys = found.iter().map(|entry| Ok(item::key(entry)?.sort_key));
    let sort_keys: Vec<String> = sort_keys.collect::<Result<_, Failure>>()?;
    Ok((!sort_keys.is_empty()).then_some(sort_keys))
}

async fn empty(table: &Table, partition_key: &str) -> Result<(), Failure> {
    let mut from = None;
    loop {
        let (found, next) = keys(table, partition_key, usize::MAX, from).await?;
        let deletions = found.iter().map(|stored| Ok(deletion(&item::key(stored)?)));
        batch::write(table, deletions.collect::<Result<_, Failure>>()?).await?;
        match next {
            Some(next) => from = Some(next),
            None => return Ok(()),
        }
    }
}

/// Keys of a partition key's items, from the last to the first, so that items go before their parts.
async fn keys(
    table: &Table,
    partition_key: &str,
    items_max: usize,
    from: Option<Attributes>,
) -> Result<(Vec<Attributes>, Option<Attributes>), Failure> {
    let range = Range::all();
    let page =
        table.page(Asked { partition_key, range: &range, items_max, from, keys_only: true, backward: true }).await?;
    Ok((page.items.unwrap_or_default(), page.last_evaluated_key))
}
