//! Keys: how they order, which of them are refused, and how tables are scanned by them.

use carelog_domain::ports::{DocumentKey, DocumentStore, KEY_BYTES_MAX};
use serde_json::json;

use super::{at, key, write};

pub(super) async fn sort_keys_order_as_their_bytes(store: &dyn DocumentStore) {
    // In UTF-16, which Java compares by, the last two come the other way round.
    let sort_keys = ["A", "B#0", "Z", "a#10", "a#9", "a~", "é", "ſ", "\u{FFFD}", "\u{1F600}"];
    let shuffled = [7, 2, 9, 0, 4, 8, 1, 6, 3, 5].map(|number: usize| sort_keys[number]);
    let writes = shuffled.map(|sort_key| write("chart#order", sort_key, 1, Some(json!(sort_key))));
    store.write(writes.into()).await.expect("written");
    let sort_keys_of = |page: carelog_domain::ports::Page| -> Vec<String> {
        page.items.into_iter().map(|item| item.key.sort_key).collect()
    };
    let all = store.query("chart#order", "", None, 100).await.expect("read");
    assert_eq!(sort_keys_of(all), sort_keys);
    let page = store.query("chart#order", "", Some("a~"), 2).await.expect("read");
    assert_eq!(page.next, Some(key("chart#order", "ſ")));
    assert_eq!(sort_keys_of(page), ["é", "ſ"]);
    let of_prefix = store.query("chart#order", "a", Some("a#9"), 100).await.expect("read");
    assert_eq!(sort_keys_of(of_prefix), ["a~"]);
    let beyond = store.query("chart#order", "a", Some("b"), 100).await.expect("read");
    assert!(beyond.items.is_empty() && beyond.next.is_none());
}

pub(super) async fn keys_that_not_every_adapter_holds_are_refused(store: &dyn DocumentStore) {
    let longest = "x".repeat(KEY_BYTES_MAX);
    let longest_partition = format!("chart#{}", &longest[6..]);
    store.write(vec![write(&longest_partition, &longest, 1, Some(json!(1)))]).await.expect("just short enough");
    let found = store.query(&longest_partition, "x", None, 10).await.expect("read");
    assert_eq!(found.items.len(), 1);
    let (too_long, too_long_partition) = (format!("{longest}x"), format!("{longest_partition}x"));
    let wrong = [
        ("chart#1", ""),
        ("chart#1", "#part#1"),
        ("chart#1", "a\0b"),
        ("chart#1", too_long.as_str()),
        (too_long_partition.as_str(), "x"),
        ("no table", "x"),
        ("#directory#chart#00", "x"),
        ("chart#1\0", "x"),
    ];
    for (partition_key, sort_key) in wrong {
        let good = write("chart#refused", "x", 1, Some(json!(1)));
        let bad = write(partition_key, sort_key, 1, Some(json!(1)));
        let failure = store.write(vec![good, bad]).await.expect_err("refused");
        assert!(!failure.retry_helps && failure.message.contains("key"), "{failure}");
        assert!(store.get(&key(partition_key, sort_key)).await.is_err(), "{partition_key} {sort_key}");
    }
    assert_eq!(store.get(&key("chart#refused", "x")).await.expect("read"), None, "keys are looked at first");
}

pub(super) async fn a_write_from_another_partition_is_newer(store: &dyn DocumentStore) {
    let mut moved = write("chart#moved", "x", 3, Some(json!("moved")));
    moved.position = at(2, 3);
    store.write(vec![write("chart#moved", "x", 70, Some(json!("first")))]).await.expect("written");
    store.write(vec![moved.clone()]).await.expect("written");
    store.write(vec![moved]).await.expect("a repeat");
    let found = store.get(&key("chart#moved", "x")).await.expect("read").expect("an item");
    assert_eq!((found.position, found.body), (at(2, 3), json!("moved")));
}

pub(super) async fn a_table_of_many_partition_keys_is_scanned_in_order_and_cleared(store: &dyn DocumentStore) {
    let mut keys: Vec<DocumentKey> = Vec::new();
    for number in 0..150u64 {
        let partition_key = format!("many#{}", number * 7_919 % 1_000);
        (0..=number % 3).for_each(|item| keys.push(key(&partition_key, &format!("item#{item}"))));
    }
    let writes = keys.iter().map(|key| write(&key.partition_key, &key.sort_key, 1, Some(json!(key.sort_key))));
    store.write(writes.collect()).await.expect("written");
    let deleted = write("many#0", "item#0", 2, None);
    keys.retain(|key| *key != deleted.key);
    store.write(vec![deleted]).await.expect("deleted");
    keys.sort();
    for limit in [1_000, 40] {
        assert_eq!(scanned(store, "many", limit).await, keys, "{limit} at a time");
    }
    store.clear("many").await.expect("cleared");
    assert!(scanned(store, "many", 40).await.is_empty());
    store.clear("many").await.expect("there is nothing to clear");
    // What was entered before is entered again.
    store.write(vec![write("many#7", "item#0", 1, Some(json!("anew")))]).await.expect("written");
    assert_eq!(scanned(store, "many", 40).await, [key("many#7", "item#0")]);
}

async fn scanned(store: &dyn DocumentStore, table: &str, limit: usize) -> Vec<DocumentKey> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(table, after.as_ref(), limit).await.expect("scanned");
        assert!(page.items.len() <= limit);
        keys.extend(page.items.into_iter().map(|item| item.key));
        match page.next {
            Some(next) => after = Some(next),
            None => return keys,
        }
    }
}
