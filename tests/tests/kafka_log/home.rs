//! A topic of its own and the nodes on it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::{Partition, Slot, Timestamp};
use carelog_domain::ports::{Accepted, Batch, EventLog};
use carelog_event_log::Options as LocalOptions;
use carelog_kafka::{Brokers, KafkaLog, Membership, OpenError, Options, Standing, topic};
use carelog_tests::clock::ManualClock;
use carelog_tests::contract::event_log::{LogHome, batch, stream_in};
use carelog_tests::servers::kafka::Kafka;

/// A topic, and the folders of the nodes that share it.
pub(crate) struct KafkaHome {
    pub(crate) bootstrap: String,
    _kafka: Option<Arc<Kafka>>,
    pub(crate) topic: String,
    pub(crate) partitions: u16,
    pub(crate) clock: ManualClock,
    pub(crate) folder: tempfile::TempDir,
}

impl KafkaHome {
    /// A new topic on a cluster of one broker.
    pub(crate) fn new(kafka: &Arc<Kafka>, partitions: u16) -> KafkaHome {
        KafkaHome { _kafka: Some(kafka.clone()), ..KafkaHome::on(kafka.bootstrap(), partitions, Brokers::One) }
    }

    /// A new topic on some cluster.
    pub(crate) fn on(bootstrap: String, partitions: u16, brokers: Brokers) -> KafkaHome {
        let home = KafkaHome {
            bootstrap,
            _kafka: None,
            topic: format!("carelog.log-{}", uuid::Uuid::now_v7()),
            partitions,
            clock: ManualClock::at(Timestamp::from_micros(1_000_000)),
            folder: tempfile::tempdir().expect("a folder"),
        };
        topic::create(&Options { brokers, ..home.options("north") }).expect("a topic");
        home
    }

    /// Small in everything, so that a short test passes many segments, tables and merges.
    pub(crate) fn options(&self, node: &str) -> Options {
        let local = LocalOptions {
            segment_bytes_max: 64 * 1024,
            memory_index_events_max: 24,
            recent_bytes_max: 2_000,
            ..LocalOptions::new(self.node_folder(node), Arc::new(self.clock.clone()))
        };
        let mut options = Options {
            topic: self.topic.clone(),
            brokers: Brokers::One,
            membership: Membership::Alone,
            address: format!("{node}.example:8443"),
            ..Options::new(&self.bootstrap, self.partitions, node, local)
        };
        options.limits.session = Duration::from_secs(2);
        options
    }

    /// Where a node keeps its local log.
    pub(crate) fn node_folder(&self, node: &str) -> PathBuf {
        self.folder.path().join(node)
    }

    /// Opens a node, whatever comes of it.
    pub(crate) async fn try_open(options: Options) -> Result<KafkaLog, OpenError> {
        tokio::task::spawn_blocking(|| KafkaLog::open(options)).await.expect("no panic")
    }

    /// Opens a node.
    pub(crate) async fn open_with(options: Options) -> KafkaLog {
        KafkaHome::try_open(options).await.expect("the log opens")
    }

    /// Opens a node and waits until it owns every partition.
    pub(crate) async fn open_owning(options: Options) -> KafkaLog {
        let log = KafkaHome::open_with(options).await;
        for partition in 0..log.partitions() {
            until(&log, partition, |now| now.owning().is_some()).await;
        }
        log
    }
}

/// Waits until a partition stands so on a node.
pub(crate) async fn until(log: &KafkaLog, partition: u16, so: impl FnMut(&Standing) -> bool) -> Standing {
    let mut standing = log.standing(Partition(partition)).expect("a partition");
    let reached = tokio::time::timeout(Duration::from_secs(30), standing.wait_for(so)).await;
    let reached = reached.map(|now| now.expect("the log is open").clone());
    reached.unwrap_or_else(|_| panic!("it did not come so far: {:?}", *standing_of(log, partition)))
}

fn standing_of(log: &KafkaLog, partition: u16) -> Box<Standing> {
    Box::new(log.standing(Partition(partition)).expect("a partition").borrow().clone())
}

/// A slot of partition 0, whatever their number.
pub(crate) fn slot() -> Slot {
    Slot::new(0).expect("a slot")
}

/// A batch of one event of a stream.
pub(crate) fn one(key: &str) -> Batch {
    batch(slot(), key).event(&stream_in(slot(), "thing", 1), "Made", &["t:1"], "{}").build()
}

/// Appends and waits until it is durable.
pub(crate) async fn durably(log: &KafkaLog, batch: Batch) -> Accepted {
    let mut accepted = log.append(batch).await.expect("the batch is taken");
    let durable = std::mem::replace(&mut accepted.durable, Box::pin(std::future::ready(Ok(()))));
    durable.await.expect("it becomes durable");
    accepted
}

/// Appends so many events with keys of this prefix.
pub(crate) async fn fill(log: &KafkaLog, prefix: &str, count: u32) {
    for number in 0..count {
        durably(log, one(&format!("{prefix} {number}"))).await;
    }
}

impl LogHome for KafkaHome {
    type Log = KafkaLog;

    async fn open(&self) -> KafkaLog {
        KafkaHome::open_owning(self.options("north")).await
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}
