//! What the adapter makes of a line that breaks and of a DynamoDB that takes less than it is asked. DynamoDB Local never
//! throttles; a line before it answers as DynamoDB would have.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use carelog_domain::ports::DocumentStore;
use carelog_dynamodb::DynamoDocuments;
use carelog_tests::servers::dynamodb::DynamoServer;
use carelog_tests::servers::faulty_line::{Fate, faulty_line};
use serde_json::{Value, json};

use super::dynamodb::{assert_listed, keys, noise, write};

/// A store over a line with faults, and one with a line of its own to the same table, which is made before there are any.
async fn stores(
    choose: impl FnMut(&str, &Value) -> Fate + Send + 'static,
) -> (DynamoDocuments, DynamoDocuments, String) {
    let (server, table) = (DynamoServer::shared(), DynamoServer::table());
    let sound = DynamoServer::documents(server.port, &table).await;
    let line = faulty_line(server.port, choose).await;
    (DynamoServer::documents(line, &table).await, sound, table)
}

/// Chooses this fate for the first so many requests of an operation, and counts them all.
fn first(
    operation: &'static str,
    count: u32,
    fate: Fate,
) -> (impl FnMut(&str, &Value) -> Fate + Send + 'static, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let choose = move |found: &str, _: &Value| match found == operation {
        true if counted.fetch_add(1, Ordering::SeqCst) < count => fate,
        _ => Fate::Pass,
    };
    (choose, asked)
}

async fn count(store: &DynamoDocuments, partition_key: &str) -> usize {
    store.query(partition_key, "", None, 1_000).await.expect("read").items.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttled_writes_and_reads_are_done_in_the_end() {
    for operation in ["PutItem", "Query", "GetItem"] {
        let (choose, asked) = first(operation, 5, Fate::Refused("ProvisionedThroughputExceededException"));
        let (store, sound, _) = stores(choose).await;
        let writes = (0..20).map(|number| write("chart#1", &format!("item#{number:02}"), 1, Some(json!(number))));
        store.write(writes.collect()).await.expect("written");
        assert_eq!(count(&store, "chart#1").await, 20);
        assert!(store.get(&write("chart#1", "item#07", 1, None).key).await.expect("read").is_some());
        assert_eq!(count(&sound, "chart#1").await, 20);
        assert!(asked.load(Ordering::SeqCst) > 5, "{operation} was tried again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_as_are_throttled_at_once_are_done_in_the_end() {
    // More requests are sent again than the SDK's quota for a whole process allows.
    let mut asked: HashMap<String, u32> = HashMap::new();
    let (store, sound, _) = stores(move |operation, body| {
        let times = asked.entry(body["Item"]["sk"]["S"].to_string()).or_default();
        *times += 1;
        let refused = operation == "PutItem" && *times <= 4;
        if refused { Fate::Refused("ThrottlingException") } else { Fate::Pass }
    })
    .await;
    let writes = (0..60).map(|number| write("chart#1", &format!("item#{number:02}"), 1, Some(json!(number))));
    store.write(writes.collect()).await.expect("written");
    assert_eq!(count(&sound, "chart#1").await, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling_without_an_end_is_a_passing_failure_with_advice() {
    let (choose, asked) = first("PutItem", u32::MAX, Fate::Refused("ThrottlingException"));
    let (store, ..) = stores(choose).await;
    let failure = store.write(vec![write("chart#1", "x", 1, Some(json!(1)))]).await.expect_err("it never takes it");
    assert!(failure.retry_helps && failure.message.contains("raise its capacity"), "{failure}");
    assert_eq!(asked.load(Ordering::SeqCst), 8, "as often as the client's settings say");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_batch_left_undone_is_sent_again() {
    let (choose, asked) = first("BatchWriteItem", 6, Fate::Half);
    let (store, sound, table) = stores(choose).await;
    let writes = (0..60).map(|number| write(&format!("chart#{number}"), "x", 1, Some(json!(number))));
    store.write(writes.collect()).await.expect("written");
    assert_eq!(sound.scan("chart", None, 1_000).await.expect("scanned").items.len(), 60, "all are in the directory");
    assert!(asked.load(Ordering::SeqCst) > 6);

    let (choose, asked) = first("BatchWriteItem", 10, Fate::Half);
    let line = faulty_line(DynamoServer::shared().port, choose).await;
    DynamoServer::documents(line, &table).await.clear("chart").await.expect("cleared");
    assert!(asked.load(Ordering::SeqCst) > 10);
    assert_eq!(keys(&table).await.len(), 1, "only the generation is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_which_nothing_is_ever_done_is_a_passing_failure() {
    // A batch of one is handed back whole.
    let (choose, asked) = first("BatchWriteItem", u32::MAX, Fate::Half);
    let (store, ..) = stores(choose).await;
    let failure = store.write(vec![write("chart#1", "x", 1, Some(json!(1)))]).await.expect_err("it never takes it");
    assert!(failure.retry_helps && failure.message.contains("takes no more writes"), "{failure}");
    assert_eq!(asked.load(Ordering::SeqCst), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_lost_takes_no_part_of_a_large_item_away() {
    let mut lost = false;
    let (store, sound, table) = stores(move |operation, body| {
        // The item that names parts, the first time.
        let names_parts = operation == "PutItem" && body["Item"].get("n").is_some();
        if names_parts && !std::mem::replace(&mut lost, true) { Fate::Lost } else { Fate::Pass }
    })
    .await;
    let body = noise(1_000_000);
    store.write(vec![write("chart#1", "x", 1, Some(body.clone()))]).await.expect("written");
    let found = sound.get(&write("chart#1", "x", 1, None).key).await.expect("read").expect("an item");
    assert!(found.body == body);
    let parts = keys(&table).await.into_iter().filter(|(_, sort_key)| sort_key.starts_with("#part#")).count();
    assert_eq!(parts, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_cut_in_its_middle_leaves_whole_items_and_is_done_by_repeating_it() {
    for cut in [1, 7, 40, 61] {
        let asked = AtomicU32::new(0);
        let (store, sound, table) = stores(move |operation, _| {
            let puts = operation == "PutItem" && asked.fetch_add(1, Ordering::SeqCst) >= cut;
            if puts { Fate::Cut } else { Fate::Pass }
        })
        .await;
        let writes: Vec<_> = (0..60)
            .map(|number| {
                let body = if number == 30 { noise(1_000_000) } else { json!(number) };
                write(&format!("chart#{}", number / 10), &format!("item#{number}"), 1, Some(body))
            })
            .collect();
        let failure = store.write(writes.clone()).await.expect_err("the line is cut");
        assert!(failure.retry_helps, "{failure}");
        let found = sound.scan("chart", None, 1_000).await.expect("each item is whole");
        assert!(found.items.len() < 60, "the call was cut in its middle");
        assert_listed(&table).await;
        let are_true = |item: &carelog_domain::ports::Document| {
            writes.iter().any(|write| write.key == item.key && write.body.as_ref() == Some(&item.body))
        };
        assert!(found.items.iter().all(are_true));
        sound.write(writes.clone()).await.expect("repeated");
        assert_eq!(sound.scan("chart", None, 1_000).await.expect("scanned").items.len(), 60);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clear_cut_in_its_middle_is_done_by_repeating_it() {
    for cut in [0, 3, 9] {
        let asked = AtomicU32::new(0);
        let (store, sound, table) = stores(move |operation, _| {
            let batches = operation == "BatchWriteItem" && asked.fetch_add(1, Ordering::SeqCst) >= cut;
            if batches { Fate::Cut } else { Fate::Pass }
        })
        .await;
        let writes =
            (0..60).map(|number| write(&format!("chart#{}", number / 3), &format!("item#{number}"), 1, Some(json!(1))));
        sound.write(writes.collect()).await.expect("written");
        store.clear("chart").await.expect_err("the line is cut");
        let left = keys(&table).await;
        let items = left.iter().filter(|(partition_key, _)| partition_key.starts_with("chart#"));
        assert!(items.count() > 0, "the clear was cut in its middle");
        assert_listed(&table).await;
        sound.clear("chart").await.expect("repeated");
        assert_eq!(keys(&table).await.len(), 1, "only the generation is left");
    }
}

/// DynamoDB Local has nothing that could be old, so what is asked of it is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_is_one_that_may_be_answered_from_the_past() {
    let asked: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let (store, ..) = stores(move |operation, body| {
        kept.lock().expect("not poisoned").push((operation.to_owned(), body["ConsistentRead"].clone()));
        Fate::Pass
    })
    .await;
    // One in parts too, which are read by themselves.
    store.write(vec![write("chart#1", "large", 1, Some(noise(900_000)))]).await.expect("written");
    store.write(vec![write("chart#1", "small", 1, Some(json!(1)))]).await.expect("written");
    store.get(&write("chart#1", "large", 1, None).key).await.expect("read").expect("an item");
    assert_eq!(count(&store, "chart#1").await, 2);
    assert_eq!(store.scan("chart", None, 10).await.expect("read").items.len(), 2);
    store.clear("chart").await.expect("cleared");
    let asked = asked.lock().expect("not poisoned");
    let others = ["DescribeTable", "PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems", "DeleteItem"];
    let reads: Vec<_> = asked.iter().filter(|(operation, _)| !others.contains(&operation.as_str())).collect();
    let kinds: BTreeSet<&str> = reads.iter().map(|(operation, _)| operation.as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["GetItem", "Query"]), "a kind of read that this test does not know");
    let loose: Vec<_> = reads.iter().filter(|(_, consistent)| *consistent != json!(true)).collect();
    assert!(loose.is_empty(), "{loose:?}");
}
