//! Ordinary consumers: what Java's console consumer and Python's confluent-kafka read is what the log says.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use carelog_domain::kernel::{Partition, Timestamp};
use carelog_domain::ports::{Publication, TopicRecord};
use carelog_kafka_publisher::{Faults, Step};
use carelog_schemas::topics;
use carelog_tests::server::root;
use carelog_tests::servers::guard::run;
use carelog_tests::servers::kafka::Kafka;
use serde_json::Value;

use crate::home::KafkaHome;
use crate::once::finish;
use crate::world::World;

/// Messages of a subject, in their order: type and value.
type Read = BTreeMap<String, Vec<(String, String)>>;

async fn published() -> (Arc<Kafka>, KafkaHome, World) {
    let kafka = Kafka::shared();
    let home = KafkaHome::new(&kafka, 1, topics::ALL.map(|topic| topic.name));
    let world = World::with_history(1, 5).await;
    finish(&world, &home, Faults::default()).await;
    leave_undone(&home).await;
    (kafka, home, world)
}

/// Something that was never committed lies at the end: a publisher died, and nobody has taken over yet.
async fn leave_undone(home: &KafkaHome) {
    let dying = home.with_faults(Faults { die_after: Some(Step::Sent), ..Faults::default() }).await;
    let mark = dying.take_over(Partition(0)).await.expect("taken over").remove(0);
    let record = TopicRecord {
        topic: topics::billing::TOPIC.name,
        key: "never".to_owned(),
        headers: vec![("ce_specversion".to_owned(), "1.0".to_owned()), ("ce_type".to_owned(), "never".to_owned())],
        at: Timestamp::from_micros(0),
        value: "never".into(),
    };
    let expected = vec![(mark.topic.clone(), mark.next)];
    let publication = Publication { partition: Partition(0), expected, records: vec![record], reached: vec![mark] };
    dying.publish(publication).await.expect_err("it died");
}

async fn expected(world: &World) -> Read {
    let mut expected = Read::new();
    for message in world.messages(&topics::billing::TOPIC, 0, 0).await {
        let value = String::from_utf8(message.data.to_vec()).expect("text");
        expected.entry(message.subject.clone()).or_default().push((message.kind, value));
    }
    expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_confluent_kafka_reads_every_message_once() {
    let (_kafka, home, world) = published().await;
    let python = root().join("target/clients/venv/bin/python");
    assert!(python.exists(), "confluent-kafka is missing: run scripts/setup test");
    let mut command = Command::new(python);
    command.arg(root().join("scripts/clients/read_topic.py")).arg(&home.bootstrap);
    let said = run(command.arg(format!("{}{}", home.prefix, topics::billing::TOPIC.name)));
    let mut found = Read::new();
    for line in said.lines() {
        let message: Value = serde_json::from_str(line).expect("json");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let kind = text(&message["headers"]["ce_type"]);
        assert_eq!(message["headers"]["ce_specversion"], "1.0");
        found.entry(text(&message["key"])).or_default().push((kind, text(&message["value"])));
    }
    assert_eq!(found, expected(&world).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn javas_console_consumer_reads_every_message_once() {
    let (_kafka, home, world) = published().await;
    let (tools, server) = (root().join("target/clients/java"), root().join("target/servers/kafka/4.1.0"));
    assert!(tools.join("kafka-tools-4.1.0.jar").exists(), "Kafka's tools are missing: run scripts/setup test");
    let mut command = Command::new("java");
    command.arg("-cp").arg(format!("{}/*:{}/*", tools.display(), server.display()));
    command.args(["org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", &home.bootstrap]);
    command.args(["--topic", &format!("{}{}", home.prefix, topics::billing::TOPIC.name), "--from-beginning"]);
    command.args(["--isolation-level", "read_committed", "--timeout-ms", "8000"]);
    command.args(["--property", "print.key=true", "--property", "print.headers=true"]);
    let output = command.stderr(std::process::Stdio::null()).output().expect("java");
    let mut found = Read::new();
    for line in String::from_utf8(output.stdout).expect("text").lines().filter(|line| line.contains("ce_specversion")) {
        let parts: Vec<&str> = line.splitn(3, '\t').collect();
        let [headers, key, value] = parts[..] else { panic!("{line}") };
        let kind = headers.split(',').find_map(|header| header.strip_prefix("ce_type:")).expect("a type");
        found.entry(key.to_owned()).or_default().push((kind.to_owned(), value.to_owned()));
    }
    assert_eq!(found, expected(&world).await);
}
