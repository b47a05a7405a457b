//! Filling a topic from a local log: after Kafka lost all of it or its end, and never over what is not the same log.

use carelog_domain::kernel::{Partition, Version};
use carelog_domain::ports::{EventLog, Head};
use carelog_kafka::{KafkaLog, OpenError, Stopped, refill};
use carelog_tests::contract::event_log::everything;
use carelog_tests::servers::kafka::Kafka;

use crate::home::{KafkaHome, durably, fill, one};

async fn heads(log: &KafkaLog) -> Vec<Head> {
    log.head().await.expect("heads")
}

async fn refilled(options: carelog_kafka::Options) -> Result<Vec<(u64, u64)>, OpenError> {
    let filling = move || refill(&options, |_, _, _| {});
    let filled = tokio::task::spawn_blocking(filling).await.expect("no panic")?;
    Ok(filled.into_iter().map(|each| (each.before, each.after)).collect())
}

/// The topic of one home, with the folders of another.
fn on_topic_of(topic: &KafkaHome, folders: &KafkaHome, node: &str) -> carelog_kafka::Options {
    carelog_kafka::Options { topic: topic.topic.clone(), ..folders.options(node) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_was_made_anew_is_filled_and_every_node_goes_on_with_it() {
    let kafka = Kafka::shared();
    let (old, new) = (KafkaHome::new(&kafka, 1), KafkaHome::new(&kafka, 1));
    let north = KafkaHome::open_owning(old.options("north")).await;
    fill(&north, "north", 60).await;
    let (was, events) = (heads(&north).await, format!("{:?}", everything(&north, Partition(0)).await));
    drop(north);
    // South has seen most of it, in other places of the topic.
    let south = KafkaHome::open_owning(old.options("south")).await;
    drop(south);
    let to = on_topic_of(&new, &old, "north");
    assert_eq!(refilled(to.clone()).await.expect("filled"), [(0, 60)]);
    assert_eq!(refilled(to.clone()).await.expect("nothing to do"), [(60, 60)], "again it does nothing");
    let north = KafkaHome::open_owning(to).await;
    assert_eq!(heads(&north).await, was);
    assert_eq!(format!("{:?}", everything(&north, Partition(0)).await), events, "every byte of it");
    assert!(durably(&north, one("north 7")).await.repeated, "what was done stays done");
    assert_eq!(durably(&north, one("goes on")).await.events[0].version, Version(61));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_lost_its_end_gets_it_back() {
    let kafka = Kafka::shared();
    let (whole, short) = (KafkaHome::new(&kafka, 1), KafkaHome::new(&kafka, 1));
    let north = KafkaHome::open_owning(whole.options("north")).await;
    fill(&north, "north", 40).await;
    let was = heads(&north).await;
    drop(north);
    assert_eq!(refilled(on_topic_of(&short, &whole, "north")).await.expect("filled"), [(0, 40)]);
    let south = KafkaHome::open_owning(on_topic_of(&short, &whole, "south")).await;
    assert_eq!(heads(&south).await, was, "who has no log of its own builds it from the topic");
    fill(&south, "south", 5).await;
    let more = heads(&south).await;
    drop(south);
    // The first topic ends at 40 now, as if its last five had been lost.
    assert_eq!(refilled(on_topic_of(&whole, &whole, "south")).await.expect("filled"), [(40, 45)]);
    let east = KafkaHome::open_owning(whole.options("east")).await;
    assert_eq!(heads(&east).await, more);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_log_is_never_written_over() {
    let kafka = Kafka::shared();
    let (ours, theirs) = (KafkaHome::new(&kafka, 1), KafkaHome::new(&kafka, 1));
    let north = KafkaHome::open_owning(ours.options("north")).await;
    fill(&north, "north", 10).await;
    drop(north);
    let south = KafkaHome::open_owning(theirs.options("south")).await;
    fill(&south, "south", 3).await;
    let was = heads(&south).await;
    drop(south);
    let refused = refilled(on_topic_of(&theirs, &ours, "north")).await;
    assert!(
        matches!(&refused, Err(OpenError::Stopped(Stopped::Differs { at, .. })) if at.offset == 0),
        "it said {refused:?}"
    );
    let south = KafkaHome::open_owning(theirs.options("south")).await;
    assert_eq!(heads(&south).await, was, "nothing was changed");
}
