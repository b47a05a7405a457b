//! How fast KafkaLog appends on one broker, beside a bare idempotent producer that reads its records back. Run it with
//! `cargo run --release --package carelog-tests --example kafka_appends`; docs/decisions/0014 keeps the numbers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use carelog_domain::kernel::{Partition, Slot, Timestamp};
use carelog_domain::ports::EventLog;
use carelog_event_log::Options as LocalOptions;
use carelog_kafka::{Brokers, KafkaLog, Membership, Options, topic};
use carelog_tests::clock::ManualClock;
use carelog_tests::contract::event_log::{batch, stream_in};
use carelog_tests::servers::kafka::Kafka;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::sync::oneshot;

const CLIENTS: [usize; 3] = [1, 16, 64];
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(8);

fn options(kafka: &Kafka, name: &str, folder: &std::path::Path) -> Options {
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1)));
    Options {
        topic: name.to_owned(),
        brokers: Brokers::One,
        membership: Membership::Alone,
        ..Options::new(&kafka.bootstrap(), 1, "bench", LocalOptions::new(folder, clock))
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let kafka = Kafka::start(1);
    let folder = tempfile::tempdir().expect("a folder");
    println!("| | clients | appends/s | p50 ms | p99 ms |\n|---|---|---|---|---|");
    for clients in CLIENTS {
        bare(&options(&kafka, &format!("bare-{clients}"), folder.path()), clients).await;
    }
    for clients in CLIENTS {
        let folder = folder.path().join(clients.to_string());
        kafka_log(options(&kafka, &format!("log-{clients}"), &folder), clients).await;
    }
}

/// Runs so many clients, each one call after the other, and prints what came of it.
async fn measure<F>(name: &str, clients: usize, call: impl Fn(usize, u64) -> F + Send + Sync + Clone + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let begun = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for client in 0..clients {
        let call = call.clone();
        running.spawn(async move {
            let mut micros = Vec::new();
            for number in 0.. {
                let started = Instant::now();
                call(client, number).await;
                if begun.elapsed() > WARM_UP + MEASURED {
                    break;
                }
                if begun.elapsed() > WARM_UP {
                    micros.push(started.elapsed().as_micros() as u64);
                }
            }
            micros
        });
    }
    let mut micros: Vec<u64> = running.join_all().await.into_iter().flatten().collect();
    micros.sort_unstable();
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    let rate = micros.len() as f64 / MEASURED.as_secs_f64();
    println!("| {name} | {clients} | {rate:.0} | {:.2} | {:.2} |", at(0.5), at(0.99));
}

async fn kafka_log(options: Options, clients: usize) {
    topic::create(&options).expect("a topic");
    let log = tokio::task::spawn_blocking(|| KafkaLog::open(options)).await.expect("no panic").expect("it opens");
    let log = Arc::new(log);
    let mut standing = log.standing(Partition(0)).expect("a partition");
    standing.wait_for(|now| now.owning().is_some()).await.expect("it is open");
    let data = format!("\"{}\"", "d".repeat(100));
    let shared = log.clone();
    measure("KafkaLog", clients, move |client, number| {
        let (log, data) = (shared.clone(), data.clone());
        async move {
            let slot = Slot::new(client as u16).expect("few clients");
            let stream = stream_in(slot, "thing", (number / 5) as u32);
            let asked = batch(slot, &format!("{client} {number}"));
            let asked = asked.event(&stream, "Made", &["patient:p", "hospital:h", "practitioner:x"], &data);
            let accepted = log.append(asked.build()).await.expect("taken");
            accepted.durable.await.expect("durable");
        }
    })
    .await;
}

type Waiting = Arc<parking_lot::Mutex<HashMap<u64, oneshot::Sender<()>>>>;

/// Nothing but a producer with the same settings, and a consumer that says what came back.
async fn bare(options: &Options, clients: usize) {
    topic::create(options).expect("a topic");
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &options.bootstrap)
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .set("socket.nagle.disable", "true")
        .create()
        .expect("a producer");
    let (waiting, ended) = (Waiting::default(), Arc::new(AtomicBool::new(false)));
    let reading = std::thread::spawn({
        let (waiting, ended, options) = (waiting.clone(), ended.clone(), options.clone());
        move || read_back(&options, &waiting, &ended)
    });
    let (producer, next) = (Arc::new(producer), Arc::new(AtomicU64::new(0)));
    let name = Arc::new(options.topic.clone());
    measure("bare producer, read back", clients, move |_, _| {
        let (producer, waiting, name) = (producer.clone(), waiting.clone(), name.clone());
        let id = next.fetch_add(1, Ordering::Relaxed);
        async move {
            let (told, read) = oneshot::channel();
            waiting.lock().insert(id, told);
            let mut value = id.to_le_bytes().to_vec();
            value.resize(430, b'x');
            let record = BaseRecord::<str, [u8]>::to(&name).partition(0).payload(&value);
            producer.send(record).map_err(|(error, _)| error).expect("sent");
            read.await.expect("read back");
        }
    })
    .await;
    ended.store(true, Ordering::Release);
    reading.join().expect("no panic");
}

fn read_back(options: &Options, waiting: &Waiting, ended: &AtomicBool) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &options.bootstrap)
        .set("group.id", "bare")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let mut places = TopicPartitionList::new();
    places.add_partition_offset(&options.topic, 0, Offset::Beginning).expect("a place");
    consumer.assign(&places).expect("assigned");
    while !ended.load(Ordering::Acquire) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(10)) else { continue };
        let id = message.payload().and_then(|value| value.get(..8)?.try_into().ok()).map(u64::from_le_bytes);
        if let Some(told) = id.and_then(|id| waiting.lock().remove(&id)) {
            let _ = told.send(());
        }
    }
}
