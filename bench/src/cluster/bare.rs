//! Nothing but an idempotent producer and a consumer that says what came back: the ceiling of a log that acknowledges what
//! it has read back from Kafka.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use parking_lot::Mutex;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::percentiles::{Percentiles, Times};
use crate::report::rate;

/// As the log's topic has it.
pub(crate) const PARTITIONS: i32 = 4;
/// Bytes of a record: what an event of a booking takes in the log's topic, sealed, with its key and headers (3,090 bytes for
/// the three of a booking, seen in requests to a broker).
const RECORD_BYTES: usize = 950;

/// What it did.
pub(crate) struct Bare {
    /// Records that a client sends at once.
    pub(crate) together: usize,
    /// Records a second.
    pub(crate) rate: f64,
    /// From sending what is sent at once to reading all of it back.
    pub(crate) times: Percentiles,
}

/// Records that were sent and not read back.
type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<()>>>>;

/// Has so many clients each send some records to one partition and wait for them, then to the next: the bookings of one
/// client go to all partitions as well, and each is several records of one.
pub(crate) async fn measure(brokers: &str, clients: usize, together: usize, time: Duration) -> anyhow::Result<Bare> {
    let topic = format!("bare-{clients}-by-{together}");
    make_topic(brokers, &topic, PARTITIONS).await?;
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .set("socket.nagle.disable", "true")
        .create()?;
    let (waiting, ended) = (Waiting::default(), Arc::new(AtomicBool::new(false)));
    let consumer = reader(brokers, &topic)?;
    let reading = std::thread::spawn({
        let (waiting, ended) = (waiting.clone(), ended.clone());
        move || read_back(&consumer, &waiting, &ended)
    });
    // The first record of a producer, and of a reader, waits for what none after it waits for.
    let warm = PARTITIONS as u64;
    for turn in 0..warm {
        send(&producer, &waiting, &topic, turn, together).await?;
    }
    let (producer, next, topic) = (Arc::new(producer), Arc::new(AtomicU64::new(warm)), Arc::<str>::from(topic));
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let (producer, waiting, next, topic) = (producer.clone(), waiting.clone(), next.clone(), topic.clone());
        running.spawn(async move {
            let mut times = Times::default();
            while begun.elapsed() < time {
                let sent = Instant::now();
                send(&producer, &waiting, &topic, next.fetch_add(1, Ordering::Relaxed), together).await?;
                times.add(sent.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut all = Times::default();
    while let Some(times) = running.join_next().await {
        all.join(times.context("a client of the bare producer stopped in the middle")??);
    }
    let spent = begun.elapsed();
    ended.store(true, Ordering::Release);
    ensure!(reading.join().is_ok(), "the bare consumer panicked");
    Ok(Bare { together, rate: rate((all.count() * together) as u64, spent), times: all.percentiles() })
}

async fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    waiting: &Waiting,
    topic: &str,
    turn: u64,
    together: usize,
) -> anyhow::Result<()> {
    let partition = (turn % PARTITIONS as u64) as i32;
    let mut read = Vec::with_capacity(together);
    for id in (turn * together as u64..).take(together) {
        let (told, one) = oneshot::channel();
        waiting.lock().insert(id, told);
        read.push(one);
        let mut value = id.to_le_bytes().to_vec();
        value.resize(RECORD_BYTES, b'x');
        let record = BaseRecord::<str, [u8]>::to(topic).partition(partition).payload(&value);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    for one in read {
        one.await.context("a record was not read back")?;
    }
    Ok(())
}

/// Makes a topic as the log's is: three replicas, two of them in sync.
pub(crate) async fn make_topic(brokers: &str, name: &str, partitions: i32) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(3)).set("min.insync.replicas", "2");
    for made in admin.create_topics([&topic], &AdminOptions::new()).await? {
        made.map_err(|(name, code)| anyhow::anyhow!("topic {name} could not be made: {code}"))?;
    }
    Ok(())
}

fn reader(brokers: &str, topic: &str) -> anyhow::Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "bare")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.queue.backoff.ms", "10")
        .create()?;
    consumer.assign(&from_beginning(topic, PARTITIONS)?)?;
    Ok(consumer)
}

/// All of a topic.
pub(crate) fn from_beginning(topic: &str, partitions: i32) -> anyhow::Result<TopicPartitionList> {
    let mut places = TopicPartitionList::new();
    for partition in 0..partitions {
        places.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    Ok(places)
}

fn read_back(consumer: &BaseConsumer, waiting: &Waiting, ended: &AtomicBool) {
    while !ended.load(Ordering::Acquire) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(10)) else { continue };
        let id = message.payload().and_then(|value| value.get(..8)?.try_into().ok()).map(u64::from_le_bytes);
        if let Some(told) = id.and_then(|id| waiting.lock().remove(&id)) {
            let _ = told.send(()); // Its client has ended with the time.
        }
    }
}
