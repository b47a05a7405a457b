//! Exactly once: a publisher that dies after any step, again and again, leaves every message in its topic once, in the
//! order of its subject. Publishing outside of the transaction, planted, does not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Publication, Publisher, TopicMark};
use carelog_kafka_publisher::{Faults, Step};
use carelog_publisher::{Deps, Pace, PublisherRunner};
use carelog_schemas::topics::{self, Topic};
use carelog_tests::contract::publisher::{Found, PublisherHome};
use carelog_tests::servers::kafka::Kafka;

use crate::history::history;
use crate::home::KafkaHome;
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(120);

/// So small that a short history takes many transactions.
fn pace() -> Pace {
    Pace {
        gathered_for: Duration::from_millis(1),
        events_max: 30,
        unmarked_for: Duration::from_millis(50),
        silent_for: Duration::from_millis(500),
    }
}

fn start(world: &World, publisher: &Arc<dyn Publisher>) -> PublisherRunner {
    let (log, keys, publisher) = (world.log.clone(), world.keys.clone(), Arc::clone(publisher));
    PublisherRunner::start(&Deps { log, keys, publisher, pace: pace() })
}

/// A life of a publisher that ends after a step.
async fn live_until(world: &World, home: &KafkaHome, faults: Faults) {
    let publisher = home.with_faults(faults).await;
    let runner = start(world, &publisher);
    let begun = Instant::now();
    while publisher.marks(Partition(0)).await.is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it does not die");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    runner.stop().await;
}

/// Publishes what is left, to the end of the log.
pub(crate) async fn finish(world: &World, home: &KafkaHome, faults: Faults) {
    let publisher = home.with_faults(faults).await;
    let runner = start(world, &publisher);
    reaches_the_end(world, &publisher).await;
    runner.stop().await;
}

async fn reaches_the_end(world: &World, publisher: &Arc<dyn Publisher>) {
    let begun = Instant::now();
    for head in world.log.head().await.expect("heads").into_iter().filter(|head| head.size > 0) {
        loop {
            let marks = publisher.marks(head.partition).await.expect("marks");
            if marks.len() == topics::ALL.len() && marks.iter().all(|mark| mark.next == head.size) {
                assert!(marks.iter().all(|mark| mark.root == head.root), "a mark carries the log's root");
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "partition {} stays behind: {marks:?}", head.partition);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

type BySubject = BTreeMap<(String, String), Vec<(Vec<(String, String)>, String)>>;

/// What should be in the topics, and what is.
async fn compare(world: &World, home: &KafkaHome) -> Result<usize, String> {
    let (mut expected, mut found) = (BySubject::new(), BySubject::new());
    for topic in topics::ALL {
        for partition in 0..world.log.partitions() {
            for message in world.messages(topic, partition, 0).await {
                let value = String::from_utf8(message.data.to_vec()).expect("text");
                let key = (topic.name.to_owned(), message.subject.clone());
                expected.entry(key).or_default().push((message.binary_headers(), value));
            }
        }
        for Found { key, headers, value, .. } in home.read(topic.name).await {
            found.entry((topic.name.to_owned(), key)).or_default().push((headers, value));
        }
    }
    let messages = expected.values().map(Vec::len).sum();
    match expected.iter().find(|(key, messages)| found.get(key) != Some(messages)) {
        None if expected.len() == found.len() => Ok(messages),
        None => Err("there are messages of subjects that are not in the log".to_owned()),
        Some(((topic, subject), messages)) => {
            let there = found.get(&(topic.clone(), subject.clone())).map_or(0, Vec::len);
            Err(format!("{topic} {subject}: {} messages expected, {there} there", messages.len()))
        }
    }
}

/// Every step, twice: the second round begins in the middle of the log.
async fn killed_between_any_two_steps(partitions: u16, outside_transaction: bool) -> Result<usize, String> {
    let kafka = Kafka::shared();
    let home = KafkaHome::new(&kafka, partitions, topics::ALL.map(|topic| topic.name));
    let world = World::with_history(partitions, 6).await;
    for _ in 0..2 {
        for step in Step::ALL {
            live_until(&world, &home, Faults { outside_transaction, die_after: Some(step) }).await;
        }
    }
    finish(&world, &home, Faults { outside_transaction, die_after: None }).await;
    compare(&world, &home).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_killed_between_any_two_steps_publishes_every_message_once() {
    let messages = killed_between_any_two_steps(1, false).await.expect("every message once, in order");
    assert!(messages > 100, "{messages}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_outside_the_transaction_is_found() {
    let found = killed_between_any_two_steps(1, true).await.expect_err("messages are there more than once");
    assert!(found.contains("expected"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_publishers_on_four_partitions_hand_over_and_publish_every_message_once() {
    let kafka = Kafka::shared();
    let home = KafkaHome::new(&kafka, 4, topics::ALL.map(|topic| topic.name));
    let world = World::new(4);
    let steps = history(10);
    let (past, future) = steps.split_at(steps.len() / 2);
    world.append_all(past).await;
    let (first, second) = (home.open().await, home.open().await);
    let (one, other) = (start(&world, &first), start(&world, &second));
    world.append_all(future).await;
    reaches_the_end(&world, &second).await;
    // The newer one ends without a word; the one that stands by finds that nothing moves any more.
    other.stop().await;
    world.append_all(&history(12)[steps.len()..]).await;
    reaches_the_end(&world, &first).await;
    one.stop().await;
    compare(&world, &home).await.expect("every message once, in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_topic_begins_at_the_beginning_and_the_others_do_not_begin_again() {
    let kafka = Kafka::shared();
    let home = KafkaHome::new(&kafka, 1, topics::ALL.map(|topic| topic.name));
    let world = World::with_history(1, 6).await;
    // As if billing had been added by a later release: all others are at the end already.
    let earlier = home.open().await;
    earlier.take_over(Partition(0)).await.expect("taken over");
    let head = world.log.head().await.expect("heads").remove(0);
    let others = topics::ALL.iter().filter(|topic| topic.name != topics::billing::TOPIC.name);
    let mark = |topic: &&&Topic| TopicMark { topic: topic.name.to_owned(), next: head.size, root: head.root };
    let publication = Publication {
        partition: Partition(0),
        expected: others.clone().map(|topic| (topic.name.to_owned(), 0)).collect(),
        records: vec![],
        reached: others.collect::<Vec<_>>().iter().map(mark).collect(),
    };
    earlier.publish(publication).await.expect("marked");
    finish(&world, &home, Faults::default()).await;
    for topic in topics::ALL {
        let is_new = topic.name == topics::billing::TOPIC.name;
        let expected = if is_new { world.messages(topic, 0, 0).await.len() } else { 0 };
        assert_eq!(home.read(topic.name).await.len(), expected, "{}", topic.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_published_on_top_of_another_log() {
    let kafka = Kafka::shared();
    let home = KafkaHome::new(&kafka, 1, topics::ALL.map(|topic| topic.name));
    let world = World::with_history(1, 4).await;
    finish(&world, &home, Faults::default()).await;
    let before = home.read(topics::billing::TOPIC.name).await.len();
    // A log with the same number of events, restored from elsewhere, and one that has lost its end.
    for other in [World::with_history(1, 5).await, World::with_history(1, 2).await] {
        let publisher = home.open().await;
        let runner = start(&other, &publisher);
        let begun = Instant::now();
        while !runner.troubles().get(&Partition(0)).is_some_and(|trouble| trouble.contains("from another log")) {
            assert!(begun.elapsed() < PATIENCE, "it goes on: {:?}", runner.troubles());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        runner.stop().await;
        assert_eq!(home.read(topics::billing::TOPIC.name).await.len(), before);
    }
}
