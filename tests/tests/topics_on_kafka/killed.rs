//! The program itself, killed with -9 while it publishes, again and again: Kafka holds what the feed serves, each message
//! once and byte for byte.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use carelog_schemas::topics;
use carelog_tests::contract::publisher::PublisherHome;
use carelog_tests::practice::Practice;
use carelog_tests::server::Server;
use carelog_tests::servers::kafka::Kafka;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::home::KafkaHome;

/// Data of the messages of a subject, in their order.
type BySubject = BTreeMap<String, Vec<String>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_killed_while_it_publishes_leaves_what_its_feed_serves() {
    let kafka = Kafka::shared();
    let home = KafkaHome::new(&kafka, 1, []);
    let address = format!("kafka://{}?prefix={}&brokers=one", home.bootstrap, home.prefix);
    let environment = [("CARELOG_PUBLISH", address.as_str())];
    let data = tempfile::tempdir().expect("a folder");
    let mut server = Server::start_with(data.path(), 1, &environment).await;
    let practice = Practice::set_up(&server, "killed").await;
    for life in 0..4 {
        let patient = practice.patient(&server, &format!("p{life}"), json!({ "name": { "text": "Ada" } })).await;
        for slot in life * 10..life * 10 + 10 {
            let booking = practice.booking(&patient, slot);
            let (status, answer) = server.command("/v1/appointments", &format!("a{slot}"), &booking).await;
            assert_eq!(status, 201, "{answer}");
        }
        server.kill();
        server = Server::start_with(data.path(), 1, &environment).await;
    }
    server.settle().await;
    caught_up(&server).await;
    let mut messages = 0;
    for topic in topics::ALL {
        let mut published = BySubject::new();
        let found = home.read(topic.name).await;
        for each in &found {
            published.entry(each.key.clone()).or_default().push(each.value.clone());
        }
        messages += found.len();
        assert_eq!(served(&server, topic.name, found.len()).await, published, "{}", topic.name);
    }
    assert!(messages > 100, "{messages}");
    server.stop();
}

/// Until nothing is left to publish.
async fn caught_up(server: &Server) {
    let begun = Instant::now();
    loop {
        let (_, metrics) = server.get("/metrics").await;
        let metrics = metrics.as_str().unwrap_or_default().to_owned();
        let behind = metrics.lines().find(|line| line.starts_with("carelog_publisher_behind{"));
        if behind.is_some_and(|line| line.ends_with(" 0")) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{behind:?}\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the feed serves from the beginning: exactly so many messages.
async fn served(server: &Server, topic: &str, count: usize) -> BySubject {
    let address = format!("{}/v1/topics/{topic}?from=beginning", server.base);
    let mut body = server.http.get(address).send().await.expect("an answer").bytes_stream();
    let (mut served, mut text, mut seen) = (BySubject::new(), String::new(), 0);
    loop {
        // Once all are there, silence is what is awaited.
        let patience = Duration::from_millis(if seen < count { 60_000 } else { 500 });
        let Ok(chunk) = tokio::time::timeout(patience, body.next()).await else { break };
        text.push_str(std::str::from_utf8(&chunk.expect("it goes on").expect("readable")).expect("text"));
        while let Some((block, rest)) = text.split_once("\n\n") {
            if let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) {
                let message: Value = serde_json::from_str(data).expect("json");
                let subject = message["subject"].as_str().expect("a subject").to_owned();
                let (_, value) = data.split_once("\"data\":").expect("data comes last");
                served.entry(subject).or_default().push(value[..value.len() - 1].to_owned());
                seen += 1;
            }
            text = rest.to_owned();
        }
    }
    assert_eq!(seen, count, "{topic}: the feed and Kafka differ in number");
    served
}
