//! Who owns which partition, read from the ownership records of the topic itself: what tests know of it does not come from
//! the program under test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use serde_json::Value;

/// An ownership that counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ownership {
    /// Its epoch.
    pub epoch: u64,
    /// The node's name.
    pub node: String,
    /// When it was read here.
    pub seen: Instant,
}

/// Follows the topic.
pub struct Owners {
    history: Mutex<BTreeMap<u16, Vec<Ownership>>>,
    stop: AtomicBool,
    reader: Mutex<Option<JoinHandle<()>>>,
}

impl Owners {
    /// Reads the whole topic and goes on.
    pub(super) fn follow(brokers: &str, topic: &str, partitions: u16) -> Arc<Owners> {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", brokers).set("group.id", "carelog-tests-owners");
        settings.set("enable.auto.commit", "false").set("topic.metadata.refresh.interval.ms", "1000");
        let consumer: BaseConsumer = settings.create().expect("a consumer");
        let mut all = TopicPartitionList::new();
        for partition in 0..partitions {
            all.add_partition_offset(topic, i32::from(partition), Offset::Beginning).expect("a partition");
        }
        consumer.assign(&all).expect("assigned");
        let owners =
            Arc::new(Owners { history: Mutex::default(), stop: AtomicBool::new(false), reader: Mutex::default() });
        let followed = Arc::downgrade(&owners);
        let reader = std::thread::spawn(move || {
            // Brokers die in these tests: an error is no reason to end.
            while let Some(owners) = followed.upgrade().filter(|owners| !owners.stop.load(Ordering::Relaxed)) {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                    owners.take(&message);
                }
            }
        });
        *owners.reader.lock().expect("not poisoned") = Some(reader);
        owners
    }

    fn take(&self, message: &BorrowedMessage<'_>) {
        let Some(headers) = message.headers() else { return };
        let is_ownership = headers.iter().any(|header| header.key == "kind" && header.value == Some(b"ownership"));
        if !is_ownership {
            return;
        }
        let claim: Value = serde_json::from_slice(message.payload().unwrap_or_default()).expect("JSON");
        let epoch = claim["epoch"].as_u64().expect("an epoch");
        let node = claim["node"].as_str().expect("a node").to_owned();
        let partition = u16::try_from(message.partition()).expect("a partition");
        let mut history = self.history.lock().expect("not poisoned");
        let of_partition = history.entry(partition).or_default();
        // The first of an epoch counts.
        if of_partition.last().map_or(0, |last| last.epoch) + 1 == epoch {
            of_partition.push(Ownership { epoch, node, seen: Instant::now() });
        }
    }

    /// Who owns a partition.
    pub fn of(&self, partition: u16) -> Option<Ownership> {
        self.history.lock().expect("not poisoned").get(&partition)?.last().cloned()
    }

    /// How many epochs there have been, over all partitions.
    pub fn epochs(&self) -> u64 {
        let history = self.history.lock().expect("not poisoned");
        history.values().filter_map(|of_partition| of_partition.last()).map(|last| last.epoch).sum()
    }

    /// Partitions that a node owns.
    pub fn owned_by(&self, node: &str) -> Vec<u16> {
        let history = self.history.lock().expect("not poisoned");
        let owned = history.iter().filter(|(_, each)| each.last().is_some_and(|last| last.node == node));
        owned.map(|(partition, _)| *partition).collect()
    }

    /// Reads no more: what is known stays, and the brokers have one reader less.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Drop for Owners {
    fn drop(&mut self) {
        self.stop();
    }
}
