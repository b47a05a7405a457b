//! Three brokers, three replicas, two in sync: one broker may die in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use carelog_domain::kernel::{CommandId, Partition, Position};
use carelog_domain::ports::EventLog;
use carelog_kafka::{Brokers, KafkaLog, Membership, Options};
use carelog_tests::contract::event_log::everything;
use carelog_tests::servers::kafka::Kafka;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::home::{KafkaHome, one};

fn options(home: &KafkaHome, node: &str) -> Options {
    let mut options = home.options(node);
    options.brokers = Brokers::Replicated;
    options.membership = Membership::Alone;
    options
}

/// Sends a command until it is acknowledged, and says where.
async fn acknowledged(log: &KafkaLog, key: &str) -> (CommandId, Position) {
    let (begun, mut told) = (Instant::now(), String::new());
    loop {
        let standing = log.standing(Partition(0)).expect("a partition").borrow().clone();
        assert!(begun.elapsed() < Duration::from_secs(90), "{key} is not taken: {told}, {standing:?}");
        match log.append(one(key)).await {
            Ok(accepted) => match accepted.durable.await {
                Ok(()) => return (accepted.events[0].command, accepted.events[0].position),
                Err(failure) => told = format!("{failure:?}"),
            },
            Err(failure) => told = format!("{failure:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Before the next may die.
async fn wait_for_all_replicas(home: &KafkaHome) {
    let client: BaseConsumer =
        rdkafka::ClientConfig::new().set("bootstrap.servers", &home.bootstrap).create().expect("a client");
    let begun = Instant::now();
    loop {
        let metadata = client.fetch_metadata(Some(&home.topic), Duration::from_secs(5));
        let in_sync = metadata.map(|found| found.topics()[0].partitions().first().map_or(0, |one| one.isr().len()));
        if matches!(in_sync, Ok(3)) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "a replica does not come back: {in_sync:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Each broker dies once while commands come; whichever led, nothing acknowledged is lost and nothing is done twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_takes_nothing_with_it() {
    let mut kafka = Kafka::start(3);
    let home = KafkaHome::on(kafka.bootstrap(), 1, Brokers::Replicated);
    let log = Arc::new(KafkaHome::open_owning(options(&home, "north")).await);
    let ended = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (log, ended) = (log.clone(), ended.clone());
        async move {
            let mut done = Vec::new();
            while !ended.load(Ordering::Acquire) {
                done.push(acknowledged(&log, &format!("k{}", done.len())).await);
            }
            done
        }
    });
    let size = async || log.head().await.expect("a head")[0].size;
    for broker in 0..3 {
        let before = size().await;
        kafka.kill(broker);
        let begun = Instant::now();
        while size().await < before + 50 {
            assert!(begun.elapsed() < Duration::from_secs(80), "the log did not go on without broker {broker}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        kafka.restart(broker);
        wait_for_all_replicas(&home).await;
    }
    ended.store(true, Ordering::Release);
    let done = writer.await.expect("no panic");
    drop(log);
    let south = KafkaHome::open_owning(options(&home, "south")).await;
    let events = everything(&south, Partition(0)).await;
    assert_eq!(events.len(), done.len(), "each once");
    for (command, position) in done {
        let context = &events[position.offset as usize].context;
        assert_eq!((context.command, context.position), (command, position), "where it was acknowledged");
    }
}
