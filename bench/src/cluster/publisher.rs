//! The publisher: a folder full of events is published to the public topics, exactly once; beside it the very same messages,
//! sent by a bare transactional producer in transactions of the same size.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rdkafka::Message;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use serde_json::Value;

use super::bare;
use crate::http::hospital::Hospital;
use crate::http::wrk::{self, Script};
use crate::pressure::Pressure;
use crate::report::{Report, Row, number, rate, share};
use crate::server::Server;

/// Events that the publisher looks at for one transaction.
const TRANSACTION_EVENTS: usize = 2_000;
/// Partitions of a public topic.
const PARTITIONS: i32 = 6;
/// Connections of the bookings that are published.
const CONNECTIONS: usize = 64;
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const PUBLISHED_MAX: Duration = Duration::from_secs(600);
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A row about publishing a past.
pub(super) async fn measure(
    carelog: &Path,
    work: &Path,
    brokers: &str,
    pressure: &Pressure,
    report: &mut Report,
) -> anyhow::Result<()> {
    let data = work.join("published");
    std::fs::create_dir_all(&data)?;
    let events = fill(carelog, &data, work, pressure).await?;
    let address = format!("kafka://{brokers}");
    let server = Server::start_with(carelog, &data, &[("CARELOG_PUBLISH", &address)]).await?;
    let begun = Instant::now();
    let names = topics(&server).await?;
    while behind(&server).await? != Some(0) {
        ensure!(begun.elapsed() < PUBLISHED_MAX, "the publisher stays behind");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let time = begun.elapsed();
    server.stop().await?;
    let (from, all) = (brokers.to_owned(), names.clone());
    let read = tokio::task::spawn_blocking(move || {
        all.iter().map(|topic| read_committed(&from, topic)).collect::<anyhow::Result<Vec<_>>>()
    });
    let messages: Vec<OwnedMessage> = read.await??.into_iter().flatten().collect();
    let count = messages.len() as u64;
    ensure!(count > 0, "nothing was published");
    let transactions = events.div_ceil(TRANSACTION_EVENTS as u64);
    bare::make_topic(brokers, "bare-published", PARTITIONS).await?;
    let to = brokers.to_owned();
    let bare = tokio::task::spawn_blocking(move || send(&to, &messages, count.div_ceil(transactions) as usize));
    let bare = rate(count, bare.await??);
    report.add(Row {
        what: "publisher: a past published to the public topics, one partition of the log".to_owned(),
        figure: format!("{} events/s, {} messages/s", number(rate(events, time)), number(rate(count, time))),
        beside: format!(
            "bare transactional producer of the same messages {}/s (we reach {})",
            number(bare),
            share(rate(count, time), bare)
        ),
        checked: format!(
            "{} events; {} messages under read_committed in {} topics; begins when the program is ready",
            number(events as f64),
            number(count as f64),
            names.len()
        ),
        ..Row::default()
    })
}

/// Makes a past of bookings in a folder of its own; how many events it has.
async fn fill(carelog: &Path, data: &Path, work: &Path, pressure: &Pressure) -> anyhow::Result<u64> {
    let server = Server::start(carelog, data).await?;
    let hospital = Hospital::open(&server.api, work, pressure.patients, 1).await?;
    let (time, urls) = (pressure.burst * 3, [server.api.base.as_str()]);
    wrk::run(Script::Bookings, &urls, CONNECTIONS, time, &hospital.lua, hospital.next())
        .await?
        .all_succeeded("filling")?;
    server.api.drain().await?;
    let events = server.api.events().await?;
    server.stop().await?;
    Ok(events)
}

/// How many events are not published yet; nothing before the first look.
async fn behind(server: &Server) -> anyhow::Result<Option<u64>> {
    let metrics = server.api.http.get(format!("{}/metrics", server.api.base)).send().await?.text().await?;
    let line = metrics.lines().find(|line| line.starts_with("carelog_publisher_behind{"));
    line.map(|line| Ok(line.rsplit(' ').next().context("a number")?.parse::<f64>()? as u64)).transpose()
}

/// The public topics.
async fn topics(server: &Server) -> anyhow::Result<Vec<String>> {
    let described = server.api.get("/asyncapi.json").await?;
    let channels = described["channels"].as_object().context("channels are described")?;
    let names: Vec<String> =
        channels.values().filter_map(|channel: &Value| Some(channel["address"].as_str()?.to_owned())).collect();
    ensure!(!names.is_empty(), "no topic is described");
    Ok(names)
}

fn read_committed(brokers: &str, topic: &str) -> anyhow::Result<Vec<OwnedMessage>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()?;
    consumer.assign(&bare::from_beginning(topic, PARTITIONS)?)?;
    let (mut messages, mut ended) = (Vec::new(), 0);
    while ended < PARTITIONS {
        match consumer.poll(ANSWER_MAX).context("the brokers do not answer")? {
            Ok(message) => messages.push(message.detach()),
            Err(KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(messages)
}

/// Sends all of them to one topic, so many in a transaction.
fn send(brokers: &str, messages: &[OwnedMessage], in_one: usize) -> anyhow::Result<Duration> {
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("transactional.id", "bare")
        .set("linger.ms", "5")
        .create()?;
    producer.init_transactions(ANSWER_MAX)?;
    let begun = Instant::now();
    for some in messages.chunks(in_one) {
        producer.begin_transaction()?;
        for message in some {
            let headers = message.headers().cloned().unwrap_or_else(OwnedHeaders::new);
            let record = BaseRecord::to("bare-published").headers(headers);
            let record = record.key(message.key().unwrap_or_default()).payload(message.payload().unwrap_or_default());
            producer.send(record).map_err(|(error, _)| error)?;
        }
        producer.commit_transaction(ANSWER_MAX)?;
    }
    Ok(begun.elapsed())
}
