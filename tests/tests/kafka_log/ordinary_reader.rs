//! What an ordinary tool sees of the log's topic: each event with its type, revision, position, epoch and trace in headers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use carelog_domain::ports::Batch;
use carelog_tests::contract::event_log::stream_in;
use carelog_tests::servers::kafka::Kafka;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::home::{KafkaHome, durably, one, slot};

const LONG: Duration = Duration::from_secs(30);
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The headers of the first so many events of partition 0, with their keys.
fn events(home: &KafkaHome, count: usize) -> Vec<(String, BTreeMap<String, String>)> {
    let mut settings = ClientConfig::new();
    let settings = settings.set("bootstrap.servers", &home.bootstrap).set("group.id", "an ordinary reader");
    let consumer: BaseConsumer = settings.create().expect("a consumer");
    let mut places = TopicPartitionList::new();
    places.add_partition_offset(&home.topic, 0, Offset::Beginning).expect("a place");
    consumer.assign(&places).expect("assigned");
    let (begun, mut found) = (Instant::now(), vec![]);
    while found.len() < count {
        assert!(begun.elapsed() < LONG, "only {found:?}");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.expect("readable");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let headers = message.headers().expect("headers").iter();
        let headers: BTreeMap<String, String> =
            headers.map(|header| (header.key.to_owned(), text(header.value.expect("a value")))).collect();
        if headers["kind"] == "event" {
            found.push((text(message.key().expect("a key")), headers));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_says_in_its_headers_what_it_is_and_where_it_stands() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let log = KafkaHome::open_owning(home.options("north")).await;
    durably(&log, Batch { traceparent: Some(TRACE.to_owned()), ..one("traced") }).await;
    durably(&log, one("untraced")).await;
    let found = tokio::task::spawn_blocking(move || events(&home, 2)).await.expect("no panic");
    let stream = stream_in(slot(), "thing", 1).to_string();
    let expected = |position: &str, trace: Option<&str>| {
        let same = [("carelog", "1"), ("kind", "event"), ("epoch", "1"), ("type", "Made"), ("revision", "1")];
        let own = [("position", position)].into_iter().chain(trace.map(|trace| ("traceparent", trace)));
        let headers = same.into_iter().chain(own).map(|(name, text)| (name.to_owned(), text.to_owned()));
        (stream.clone(), headers.collect::<BTreeMap<_, _>>())
    };
    assert_eq!(found, [expected("0:0", Some(TRACE)), expected("0:1", None)]);
}
