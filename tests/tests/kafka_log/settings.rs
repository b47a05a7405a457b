//! What a start refuses, and the command that mends it.

use carelog_kafka::{Brokers, OpenError};
use carelog_tests::servers::kafka::Kafka;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::home::KafkaHome;

async fn refusal(options: carelog_kafka::Options) -> String {
    match KafkaHome::try_open(options).await {
        Err(error @ OpenError::BadTopic { .. }) => error.to_string(),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_missing_is_named_with_the_command_that_makes_it() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let mut options = home.options("north");
    options.topic = "carelog.log-missing".to_owned();
    let told = refusal(options).await;
    let command = format!("kafka-topics.sh --bootstrap-server {} --create --topic carelog.log-missing", home.bootstrap);
    assert!(told.contains(&command) && told.contains("--config retention.ms=-1"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_with_the_defaults_of_kafka_is_refused_setting_by_setting() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let mut options = home.options("north");
    options.topic = format!("{}-plain", home.topic);
    let admin: AdminClient<DefaultClientContext> =
        rdkafka::ClientConfig::new().set("bootstrap.servers", &home.bootstrap).create().expect("a client");
    let plain = NewTopic::new(&options.topic, 3, TopicReplication::Fixed(1)).set("cleanup.policy", "compact");
    for made in admin.create_topics([&plain], &AdminOptions::new()).await.expect("an answer") {
        made.expect("a topic");
    }
    let told = refusal(options.clone()).await;
    for wanted in
        ["it has 3 partitions and the log 1", "--add-config cleanup.policy=delete", "--add-config retention.ms=-1"]
    {
        assert!(told.contains(wanted), "{wanted} is not in\n{told}");
    }
    assert!(!told.contains("--add-config retention.bytes"), "what is right is not named:\n{told}");
    options.brokers = Brokers::Replicated;
    let told = refusal(options).await;
    assert!(told.contains("has 1 replicas, not 3") && told.contains("min.insync.replicas=2"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_another_topic_is_refused() {
    let kafka = Kafka::shared();
    let (home, other) = (KafkaHome::new(&kafka, 1), KafkaHome::new(&kafka, 1));
    drop(KafkaHome::open_owning(home.options("north")).await);
    let mut options = home.options("north");
    options.topic = other.topic.clone();
    let Err(error) = KafkaHome::try_open(options).await else { panic!("it was opened") };
    assert!(matches!(&error, OpenError::OtherCluster { found, .. } if found.contains(&home.topic)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_another_cluster_is_refused_though_the_topic_has_the_same_name() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    drop(KafkaHome::open_owning(home.options("north")).await);
    let elsewhere = Kafka::start(1);
    let mut options = home.options("north");
    options.bootstrap = elsewhere.bootstrap();
    carelog_kafka::topic::create(&options).expect("a topic");
    let Err(error) = KafkaHome::try_open(options).await else { panic!("it was opened") };
    let OpenError::OtherCluster { folder, found, asked } = &error else { panic!("{error}") };
    assert_eq!(*folder, home.node_folder("north"));
    let of = format!("topic {} on cluster ", home.topic);
    assert!(found.starts_with(&of) && asked.starts_with(&of) && found != asked, "{error}");
    drop(KafkaHome::open_owning(home.options("north")).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_do_not_answer_are_named() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let mut options = home.options("north");
    options.bootstrap = "127.0.0.1:1".to_owned();
    options.limits.start = std::time::Duration::from_secs(2);
    let Err(error) = KafkaHome::try_open(options).await else { panic!("it was opened") };
    assert!(error.to_string().contains("Kafka at 127.0.0.1:1 could not be asked"), "{error}");
}
