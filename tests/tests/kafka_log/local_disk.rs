//! What becomes of the local log: lost, older, damaged, longer, different.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{EventLog, Head};
use carelog_event_log::LocalLog;
use carelog_kafka::{KafkaLog, OpenError, Stopped};
use carelog_tests::contract::event_log::everything;
use carelog_tests::servers::kafka::Kafka;

use crate::home::{KafkaHome, durably, fill, one};

async fn head(log: &KafkaLog) -> Head {
    log.head().await.expect("a head").remove(0)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

/// A log with 60 events, closed; its head and its events as text.
async fn filled() -> (KafkaHome, Head, String) {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let log = KafkaHome::open_owning(home.options("north")).await;
    fill(&log, "first", 60).await;
    let (head, events) = (head(&log).await, format!("{:?}", everything(&log, Partition(0)).await));
    (home, head, events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_goes_on_and_remembers_every_command() {
    let (home, before, events) = filled().await;
    let log = KafkaHome::open_owning(home.options("north")).await;
    assert_eq!(head(&log).await, before);
    assert_eq!(format!("{:?}", everything(&log, Partition(0)).await), events);
    assert!(durably(&log, one("first 3")).await.repeated);
    assert!(!durably(&log, one("second")).await.repeated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_log_that_is_lost_is_built_anew() {
    let (home, before, events) = filled().await;
    fs::remove_dir_all(home.node_folder("north")).expect("removed");
    let log = KafkaHome::open_owning(home.options("north")).await;
    assert_eq!(head(&log).await, before, "with the same root");
    assert_eq!(format!("{:?}", everything(&log, Partition(0)).await), events);
    assert!(durably(&log, one("first 3")).await.repeated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_log_that_is_older_catches_up() {
    let (home, _, _) = filled().await;
    let (folder, old) = (home.node_folder("north"), home.folder.path().join("old"));
    copy(&folder, &old);
    let log = KafkaHome::open_owning(home.options("north")).await;
    fill(&log, "second", 40).await;
    let newer = head(&log).await;
    drop(log);
    fs::remove_dir_all(&folder).expect("removed");
    fs::rename(&old, &folder).expect("put back");
    let log = KafkaHome::open_owning(home.options("north")).await;
    assert_eq!(head(&log).await, newer);
    drop(log);
    // Without the points it reads from the beginning, and compares.
    fs::remove_file(folder.join("kafka-points")).expect("removed");
    let log = KafkaHome::open_owning(home.options("north")).await;
    assert_eq!(head(&log).await, newer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_log_that_is_damaged_is_set_aside_and_built_anew() {
    let (home, before, _) = filled().await;
    let folder = home.node_folder("north");
    let segment = folder.join("partition-0000/00000000.segment");
    fs::OpenOptions::new()
        .write(true)
        .open(&segment)
        .expect("a segment")
        .write_all_at(b"damage", 12_000)
        .expect("written");
    fs::remove_dir_all(folder.join("index")).expect("removed");
    let log = KafkaHome::open_owning(home.options("north")).await;
    assert_eq!(head(&log).await, before);
    assert!(home.folder.path().join("north.damaged/partition-0000/00000000.segment").exists());
}

/// Appends an event to the closed local log of a node as nobody but Kafka may.
fn append_locally(home: &KafkaHome, key: &str) {
    let (log, mut following) = LocalLog::follow(home.options("north").local).expect("it opens");
    let mut one_of = following.remove(0);
    one_of.applier.begin_epoch(99);
    let accepted = futures::executor::block_on(log.append(one(key))).expect("taken");
    assert!(!accepted.repeated);
    let frames: Vec<_> = one_of.outbox.take().expect("a shipment").frames().collect();
    one_of.applier.apply(&[frames]).expect("applied");
    drop(one_of);
    log.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_log_that_is_longer_than_kafka_stops_the_start_and_stays_as_it_is() {
    let (home, before, _) = filled().await;
    append_locally(&home, "only here");
    let Err(OpenError::Stopped(stopped)) = KafkaHome::try_open(home.options("north")).await else {
        panic!("it was opened");
    };
    let Stopped::Longer { at, local } = &stopped else { panic!("another reason: {stopped}") };
    assert_eq!((at.offset, *local), (before.size, before.size + 1));
    let (log, following) = LocalLog::follow(home.options("north").local).expect("it opens");
    assert_eq!(following[0].applier.end(), before.size + 1, "nothing was removed");
    drop(following);
    drop(log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_log_that_differs_from_kafka_stops_the_start_and_names_the_first_difference() {
    let (home, before, _) = filled().await;
    append_locally(&home, "only here");
    let log = KafkaHome::open_owning(home.options("south")).await;
    fill(&log, "elsewhere", 3).await;
    drop(log);
    let Err(OpenError::Stopped(stopped)) = KafkaHome::try_open(home.options("north")).await else {
        panic!("it was opened");
    };
    let Stopped::Differs { at, local, kafka } = &stopped else { panic!("another reason: {stopped}") };
    assert_eq!(at.offset, before.size);
    assert!(local.contains("Made of thing:") && kafka.contains("Made of thing:") && local != kafka, "{stopped}");
}
