//! Public topics on a real Kafka: the contract of the port, every message exactly once whatever ends in the middle, a new
//! topic from the beginning, and ordinary consumers.

#[path = "topics_on_kafka/consumers.rs"]
mod consumers;
#[path = "projections/history.rs"]
mod history;
#[path = "topics_on_kafka/home.rs"]
mod home;
#[path = "topics_on_kafka/killed.rs"]
mod killed;
#[path = "topics_on_kafka/once.rs"]
mod once;
#[path = "topics_on_kafka/settings.rs"]
mod settings;
#[path = "topics/world.rs"]
mod world;

use carelog_tests::contract::publisher;
use carelog_tests::servers::kafka::Kafka;

use home::KafkaHome;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_publisher_keeps_its_promises() {
    let kafka = Kafka::shared();
    let home = KafkaHome::new(&kafka, 2, publisher::TOPICS);
    publisher::run(&home).await;
}
