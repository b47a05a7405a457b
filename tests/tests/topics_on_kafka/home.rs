//! Topics of a test's own on a shared broker, and an ordinary reader of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::ports::Publisher;
use carelog_kafka_publisher::{Brokers, Faults, KafkaPublisher, OpenError, Options};
use carelog_tests::contract::publisher::{Found, PublisherHome};
use carelog_tests::servers::kafka::Kafka;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Headers;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

/// Partitions of a topic: more than one, so that order holds by key alone.
pub(crate) const TOPIC_PARTITIONS: i32 = 3;

/// How long a broker may take.
const LONG: Duration = Duration::from_secs(30);

/// A prefix that no other test has.
#[derive(Clone)]
pub(crate) struct KafkaHome {
    _kafka: Arc<Kafka>,
    pub(crate) bootstrap: String,
    pub(crate) prefix: String,
    partitions: u16,
    topics: Vec<String>,
}

impl KafkaHome {
    pub(crate) fn new(
        kafka: &Arc<Kafka>,
        partitions: u16,
        topics: impl IntoIterator<Item = &'static str>,
    ) -> KafkaHome {
        KafkaHome {
            bootstrap: kafka.bootstrap(),
            _kafka: Arc::clone(kafka),
            prefix: format!("{}.", uuid::Uuid::now_v7()),
            partitions,
            topics: topics.into_iter().map(str::to_owned).collect(),
        }
    }

    /// A publisher that is told to do something wrong.
    pub(crate) async fn with_faults(&self, faults: Faults) -> Arc<dyn Publisher> {
        Arc::new(self.try_open(faults).await.expect("topics"))
    }

    /// A publisher, if the topics will do.
    pub(crate) async fn try_open(&self, faults: Faults) -> Result<KafkaPublisher, OpenError> {
        let mut options = Options::new(&self.bootstrap, self.partitions, self.topics.clone());
        options.prefix.clone_from(&self.prefix);
        options.brokers = Brokers::One;
        options.topic_partitions = TOPIC_PARTITIONS;
        options.faults = faults;
        tokio::task::spawn_blocking(|| KafkaPublisher::open(options)).await.expect("no panic")
    }
}

impl PublisherHome for KafkaHome {
    async fn open(&self) -> Arc<dyn Publisher> {
        self.with_faults(Faults::default()).await
    }

    async fn read(&self, topic: &str) -> Vec<Found> {
        let (bootstrap, topic) = (self.bootstrap.clone(), format!("{}{topic}", self.prefix));
        tokio::task::spawn_blocking(move || read_committed(&bootstrap, &topic)).await.expect("no panic")
    }
}

/// All that is committed in a topic, partition by partition.
pub(crate) fn read_committed(bootstrap: &str, topic: &str) -> Vec<Found> {
    let consumer = reader(bootstrap, "read_committed");
    let metadata = consumer.fetch_metadata(Some(topic), LONG).expect("metadata");
    let partitions = metadata.topics()[0].partitions().len();
    transactions_ended(bootstrap, &consumer, topic, partitions);
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition as i32, Offset::Beginning).expect("a partition");
    }
    consumer.assign(&all).expect("assigned");
    let mut found: BTreeMap<i32, Vec<Found>> = BTreeMap::new();
    let mut ended = std::collections::BTreeSet::new();
    while ended.len() < partitions {
        match consumer.poll(LONG).expect("an answer") {
            Ok(record) => {
                let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).expect("text");
                let headers = record.headers().expect("headers").iter();
                found.entry(record.partition()).or_default().push(Found {
                    key: text(record.key()),
                    headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
                    millis: record.timestamp().to_millis().expect("a time"),
                    value: text(record.payload()),
                });
            }
            Err(KafkaError::PartitionEOF(partition)) => {
                ended.insert(partition);
            }
            Err(error) => panic!("{topic}: {error}"),
        }
    }
    found.into_values().flatten().collect()
}

fn reader(bootstrap: &str, isolation: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "an ordinary reader")
        .set("enable.auto.commit", "false")
        .set("isolation.level", isolation)
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer")
}

/// A commit answers before its markers lie in every partition; until they do, a reader of what is committed comes to an
/// end before them.
fn transactions_ended(bootstrap: &str, committed: &BaseConsumer, topic: &str, partitions: usize) {
    let all = reader(bootstrap, "read_uncommitted");
    let end = |of: &BaseConsumer, partition| of.fetch_watermarks(topic, partition, LONG).expect("watermarks").1;
    for partition in 0..partitions as i32 {
        let begun = Instant::now();
        while end(committed, partition) < end(&all, partition) {
            assert!(begun.elapsed() < LONG, "{topic}[{partition}]: a transaction is still open");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
