//! What every `DocumentStore` does.

mod large;
mod order;

use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{Document, DocumentKey, DocumentStore, DocumentWrite};
use serde_json::{Value, json};

fn key(partition_key: &str, sort_key: &str) -> DocumentKey {
    DocumentKey { partition_key: partition_key.to_owned(), sort_key: sort_key.to_owned() }
}

fn at(partition: u16, offset: u64) -> Position {
    Position { partition: Partition(partition), offset }
}

fn write(partition_key: &str, sort_key: &str, offset: u64, body: Option<Value>) -> DocumentWrite {
    DocumentWrite { key: key(partition_key, sort_key), position: at(0, offset), body }
}

/// Runs the whole suite on an empty store.
pub async fn run(store: &dyn DocumentStore) {
    an_item_comes_back_with_its_position(store).await;
    an_older_write_changes_nothing(store).await;
    a_delete_leaves_a_tombstone(store).await;
    items_come_in_the_order_of_their_sort_keys(store).await;
    pages_follow_each_other_without_gap_or_repeat(store).await;
    a_table_is_scanned_and_cleared_alone(store).await;
    writes_of_one_call_follow_each_other(store).await;
    order::sort_keys_order_as_their_bytes(store).await;
    order::keys_that_not_every_adapter_holds_are_refused(store).await;
    order::a_write_from_another_partition_is_newer(store).await;
    order::a_table_of_many_partition_keys_is_scanned_in_order_and_cleared(store).await;
    large::an_item_of_two_megabytes_is_replaced_deleted_and_written_again(store).await;
    large::a_chart_of_several_megabytes_is_read_whole_and_in_order(store).await;
    large::a_large_item_is_read_while_it_is_replaced(store).await;
    large::of_many_writers_the_newest_position_wins(store).await;
    store.flush().await.expect("durable");
}

async fn an_item_comes_back_with_its_position(store: &dyn DocumentStore) {
    assert_eq!(store.get(&key("chart#1", "profile")).await.expect("asked"), None);
    let body = json!({ "name": "Zoë", "list": [1, null, { "a": "4.10" }] });
    store.write(vec![write("chart#1", "profile", 5, Some(body.clone()))]).await.expect("written");
    let found = store.get(&key("chart#1", "profile")).await.expect("read");
    assert_eq!(found, Some(Document { key: key("chart#1", "profile"), position: at(0, 5), body }));
}

async fn an_older_write_changes_nothing(store: &dyn DocumentStore) {
    for offset in [5, 4] {
        store.write(vec![write("chart#1", "profile", offset, Some(json!("old")))]).await.expect("left out silently");
    }
    let found = store.get(&key("chart#1", "profile")).await.expect("read").expect("an item");
    assert_eq!((found.position, &found.body["name"]), (at(0, 5), &json!("Zoë")));
    store.write(vec![write("chart#1", "profile", 6, Some(json!("new")))]).await.expect("written");
    let found = store.get(&key("chart#1", "profile")).await.expect("read").expect("an item");
    assert_eq!(found.body, json!("new"));
}

async fn a_delete_leaves_a_tombstone(store: &dyn DocumentStore) {
    store
        .write(vec![write("chart#1", "gone", 10, Some(json!(1))), write("chart#1", "gone", 12, None)])
        .await
        .expect("ok");
    store.write(vec![write("chart#1", "gone", 11, Some(json!(2)))]).await.expect("ok");
    assert_eq!(store.get(&key("chart#1", "gone")).await.expect("read"), None, "an older write brings nothing back");
    let page = store.query("chart#1", "gone", None, 10).await.expect("read");
    assert!(page.items.is_empty() && page.next.is_none());
    store.write(vec![write("chart#1", "gone", 13, Some(json!(3)))]).await.expect("ok");
    assert!(store.get(&key("chart#1", "gone")).await.expect("read").is_some(), "a newer one does");
}

async fn items_come_in_the_order_of_their_sort_keys(store: &dyn DocumentStore) {
    let sort_keys = ["b#2", "a#10", "b#1", "a#9", "B#0"];
    let writes = sort_keys.map(|sort_key| write("chart#2", sort_key, 20, Some(json!(sort_key))));
    store.write(writes.into()).await.expect("written");
    store.write(vec![write("chart#20", "a#1", 20, Some(json!("another's")))]).await.expect("written");
    let found = |page: carelog_domain::ports::Page| -> Vec<String> {
        page.items.into_iter().map(|item| item.key.sort_key).collect()
    };
    let all = store.query("chart#2", "", None, 100).await.expect("read");
    assert_eq!(found(all), ["B#0", "a#10", "a#9", "b#1", "b#2"]);
    let some = store.query("chart#2", "b#", None, 100).await.expect("read");
    assert_eq!(found(some), ["b#1", "b#2"]);
    let after = store.query("chart#2", "", Some("a#9"), 100).await.expect("read");
    assert_eq!(found(after), ["b#1", "b#2"]);
}

async fn pages_follow_each_other_without_gap_or_repeat(store: &dyn DocumentStore) {
    let writes = (0..25).map(|number| write("chart#3", &format!("visit#{number:03}"), 30, Some(json!(number))));
    store.write(writes.collect()).await.expect("written");
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.query("chart#3", "visit#", after.as_deref(), 7).await.expect("read");
        assert!(page.items.len() <= 7);
        seen.extend(page.items.iter().filter_map(|item| item.body.as_i64()));
        match page.next {
            Some(next) => after = Some(next.sort_key),
            None => break,
        }
    }
    assert_eq!(seen, (0..25).collect::<Vec<_>>());
}

async fn a_table_is_scanned_and_cleared_alone(store: &dyn DocumentStore) {
    let writes = ["other#1", "other#2", "others#1"].map(|partition| write(partition, "x", 40, Some(json!(partition))));
    store.write(writes.into()).await.expect("written");
    let first = store.scan("other", None, 1).await.expect("read");
    assert_eq!(first.items.len(), 1);
    let rest = store.scan("other", first.next.as_ref(), 10).await.expect("read");
    assert_eq!(rest.items.iter().map(|item| item.body.clone()).collect::<Vec<_>>(), [json!("other#2")]);
    store.write(vec![write("other#1", "x", 50, None)]).await.expect("deleted");
    store.clear("other").await.expect("cleared");
    assert!(store.scan("other", None, 10).await.expect("read").items.is_empty());
    assert_eq!(store.scan("others", None, 10).await.expect("read").items.len(), 1, "another table stays");
    store.write(vec![write("other#1", "x", 1, Some(json!("anew")))]).await.expect("written");
    assert!(store.get(&key("other#1", "x")).await.expect("read").is_some(), "tombstones are gone too");
}

async fn writes_of_one_call_follow_each_other(store: &dyn DocumentStore) {
    let writes = vec![
        write("chart#4", "x", 2, Some(json!(2))),
        write("chart#4", "x", 1, Some(json!(1))),
        write("chart#4", "x", 3, Some(json!(3))),
    ];
    store.write(writes).await.expect("written");
    assert_eq!(store.get(&key("chart#4", "x")).await.expect("read").expect("an item").body, json!(3));
}
