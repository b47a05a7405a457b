//! A table's partition keys in order, merged from the shards of its directory.

use carelog_domain::ports::Failure;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::directory::{SHARDS, shard_key};
use crate::item;
use crate::range::Range;
use crate::table::{Asked, Table};

/// Entries read of each shard at a time.
const ENTRIES: usize = 32;

/// Some partition keys in order, none left out between them.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Following {
    pub(crate) partition_keys: Vec<String>,
    /// Where to go on, unless these are all.
    pub(crate) next: Option<String>,
}

/// The next entries of one shard.
struct Shard {
    entries: Vec<String>,
    ended: bool,
}

/// The partition keys of a table from one on.
pub(crate) async fn following(physical: &Table, table: &str, from: &str) -> Result<Following, Failure> {
    let range = Range::from(from.to_owned());
    let read = |shard| {
        let (partition_key, range) = (shard_key(table, shard), &range);
        async move {
            let asked = Asked {
                partition_key: &partition_key,
                range,
                items_max: ENTRIES,
                from: None,
                keys_only: true,
                backward: false,
            };
            let page = physical.page(asked).await?;
            let ended = page.last_evaluated_key.is_none();
            let entries = page.items.unwrap_or_default();
            let entries = entries.iter().map(|entry| Ok(item::key(entry)?.sort_key)).collect::<Result<_, Failure>>()?;
            Ok::<_, Failure>(Shard { entries, ended })
        }
    };
    let shards: Vec<Shard> = stream::iter(0..SHARDS).map(read).buffered(usize::from(SHARDS)).try_collect().await?;
    Ok(merged(shards))
}

/// Beyond the last entry of a shard that has more, other shards may know keys that this one would come before.
fn merged(shards: Vec<Shard>) -> Following {
    let complete_to =
        shards.iter().filter(|shard| !shard.ended).filter_map(|shard| shard.entries.last()).min().cloned();
    let mut partition_keys: Vec<String> = shards.into_iter().flat_map(|shard| shard.entries).collect();
    if let Some(end) = &complete_to {
        partition_keys.retain(|key| key <= end);
    }
    partition_keys.sort_unstable();
    Following { partition_keys, next: complete_to.map(|end| format!("{end}\0")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(entries: &[&str], ended: bool) -> Shard {
        Shard { entries: entries.iter().map(|entry| (*entry).to_owned()).collect(), ended }
    }

    #[test]
    fn keys_come_in_order_up_to_where_every_shard_was_read() {
        let found =
            merged(vec![shard(&["a", "d", "f"], false), shard(&["b", "c", "e", "z"], true), shard(&["g"], false)]);
        assert_eq!(found.partition_keys, ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(found.next.as_deref(), Some("f\0"), "g and z come after what the first shard has not shown yet");
    }

    #[test]
    fn when_all_shards_have_ended_nothing_follows() {
        let found = merged(vec![shard(&["b"], true), shard(&[], true), shard(&["a"], true)]);
        assert_eq!(found, Following { partition_keys: vec!["a".into(), "b".into()], next: None });
    }
}
