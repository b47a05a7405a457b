//! Items and charts far beyond what DynamoDB takes in one request.

use base64::Engine as _;
use carelog_domain::ports::DocumentStore;
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};
use serde_json::{Value, json};

use super::{key, write};

/// JSON that no compression makes smaller than three quarters.
fn noise(seed: u64, bytes: usize) -> Value {
    let mut random = vec![0; bytes / 4 * 3];
    StdRng::seed_from_u64(seed).fill_bytes(&mut random);
    json!({ "seed": seed, "noise": base64::engine::general_purpose::STANDARD.encode(random) })
}

pub(super) async fn an_item_of_two_megabytes_is_replaced_deleted_and_written_again(store: &dyn DocumentStore) {
    let of = key("chart#large", "report#1");
    for (offset, bytes) in [(1, 2_000_000), (2, 3_000_000), (3, 100), (4, 1_500_000)] {
        let body = noise(offset, bytes);
        store.write(vec![write("chart#large", "report#1", offset, Some(body.clone()))]).await.expect("written");
        let found = store.get(&of).await.expect("read").expect("an item");
        assert!(found.body == body && found.position.offset == offset, "{bytes} bytes come back");
        store
            .write(vec![write("chart#large", "report#1", offset - 1, Some(noise(9, 2_000_000)))])
            .await
            .expect("older");
        assert_eq!(store.get(&of).await.expect("read").expect("an item").body["seed"], json!(offset));
    }
    store.write(vec![write("chart#large", "report#1", 5, None)]).await.expect("deleted");
    assert_eq!(store.get(&of).await.expect("read"), None);
    assert!(store.query("chart#large", "", None, 10).await.expect("read").items.is_empty());
    store.write(vec![write("chart#large", "report#1", 6, Some(noise(6, 1_000_000)))]).await.expect("written");
    let page = store.scan("chart", None, 1_000).await.expect("scanned");
    let found = page.items.iter().filter(|item| item.key == of).collect::<Vec<_>>();
    assert!(found.len() == 1 && found[0].body == noise(6, 1_000_000));
}

pub(super) async fn a_chart_of_several_megabytes_is_read_whole_and_in_order(store: &dyn DocumentStore) {
    let writes = (0..40u64)
        .map(|number| write("chart#several", &format!("report#{number:03}"), 1, Some(noise(number, 150_000))));
    store.write(writes.collect()).await.expect("written");
    for limit in [7, 1_000] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.query("chart#several", "", after.as_deref(), limit).await.expect("read");
            seen.extend(page.items.iter().map(|item| item.body["seed"].as_u64().expect("a number")));
            match page.next {
                Some(next) => after = Some(next.sort_key),
                None => break,
            }
        }
        assert_eq!(seen, (0..40).collect::<Vec<_>>(), "{limit} at a time");
    }
}

/// Whoever reads meanwhile finds one of them whole.
pub(super) async fn a_large_item_is_read_while_it_is_replaced(store: &dyn DocumentStore) {
    let of = key("chart#replaced", "report#1");
    store.write(vec![write("chart#replaced", "report#1", 0, Some(noise(0, 1_000_000)))]).await.expect("written");
    let replacing = async {
        for offset in 1..12 {
            let body = noise(offset, if offset % 3 == 0 { 1_000 } else { 1_000_000 });
            store.write(vec![write("chart#replaced", "report#1", offset, Some(body))]).await.expect("written");
        }
    };
    let reading = async {
        let mut last = 0;
        while last < 11 {
            let found = store.get(&of).await.expect("read").expect("an item");
            assert_eq!(found.body["seed"], json!(found.position.offset));
            assert!(found.position.offset >= last, "nobody reads backward");
            last = found.position.offset;
        }
    };
    tokio::join!(replacing, reading);
}

/// Of large items too, whose parts the losers must not take away.
pub(super) async fn of_many_writers_the_newest_position_wins(store: &dyn DocumentStore) {
    let writers = (1..=16u64).map(|writer| async move {
        for round in 0..4 {
            let offset = (round * 16 + writer * 7) % 64;
            let body = noise(offset, if offset % 2 == 1 { 600_000 } else { 20 });
            store.write(vec![write("chart#many", "report#1", offset, Some(body))]).await.expect("written");
        }
    });
    join_all(writers).await;
    let found = store.get(&key("chart#many", "report#1")).await.expect("read").expect("an item");
    assert!(found.position.offset == 63 && found.body == noise(63, 600_000), "{:?}", found.position);
}
