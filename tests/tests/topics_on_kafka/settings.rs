//! Topics that were there before: they must keep what is published.

use carelog_kafka_publisher::Faults;
use carelog_tests::contract::publisher;
use carelog_tests::servers::kafka::Kafka;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::home::{KafkaHome, TOPIC_PARTITIONS};

async fn make(home: &KafkaHome, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &home.bootstrap).create().expect("a client");
    let name = format!("{}{name}", home.prefix);
    let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    for (setting, value) in settings {
        topic = topic.set(setting, value);
    }
    let made = admin.create_topics([&topic], &AdminOptions::new()).await.expect("the broker answers");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_would_not_keep_what_is_published_is_refused_with_the_command_that_mends_it() {
    let kafka = Kafka::shared();
    let (marks, public) = ("carelog.publisher.marks", publisher::TOPICS[0]);
    for (name, partitions, settings, said) in [
        (marks, 2, [("cleanup.policy", "delete")].as_slice(), "--add-config cleanup.policy=compact"),
        (marks, 3, &[("cleanup.policy", "compact")], "has 3 partitions and the log 2"),
        (public, TOPIC_PARTITIONS, &[("cleanup.policy", "compact")], "--add-config cleanup.policy=delete"),
        (public, 1, &[("cleanup.policy", "compact,delete")], "has cleanup.policy=compact,delete, not delete"),
    ] {
        let home = KafkaHome::new(&kafka, 2, publisher::TOPICS);
        make(&home, name, partitions, settings).await;
        let Err(refused) = home.try_open(Faults::default()).await else { panic!("{name} with {settings:?} was taken") };
        let refused = refused.to_string();
        assert!(refused.contains(name) && refused.contains(said), "{refused}");
    }
    // How long others find a message is the operator's to say.
    let home = KafkaHome::new(&kafka, 2, publisher::TOPICS);
    make(&home, public, 7, &[("retention.ms", "86400000")]).await;
    assert!(home.try_open(Faults::default()).await.is_ok());
}
