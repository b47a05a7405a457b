//! KafkaLog against real brokers: the contract of its port, what becomes of the local disk, and two nodes at odds. The
//! brokers are processes of this test, see `tests/src/servers/kafka.rs`.

#[path = "kafka_log/epochs.rs"]
mod epochs;
#[path = "kafka_log/ghost.rs"]
mod ghost;
#[path = "kafka_log/home.rs"]
mod home;
#[path = "kafka_log/local_disk.rs"]
mod local_disk;
#[path = "kafka_log/made_anew.rs"]
mod made_anew;
#[path = "kafka_log/ordinary_reader.rs"]
mod ordinary_reader;
#[path = "kafka_log/planted.rs"]
mod planted;
#[path = "kafka_log/refill.rs"]
mod refill;
#[path = "kafka_log/rights.rs"]
mod rights;
#[path = "kafka_log/settings.rs"]
mod settings;
#[path = "kafka_log/three_brokers.rs"]
mod three_brokers;

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::ports::EventLog;
use carelog_tests::contract::event_log::{History, agrees_with_the_model, batch, holds, seeds, stream_in};
use carelog_tests::model_log::ModelLog;
use carelog_tests::servers::kafka::Kafka;

use home::{KafkaHome, slot, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_keeps_its_promises_with_one_partition() {
    let kafka = Kafka::shared();
    holds(|| KafkaHome::new(&kafka, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_keeps_its_promises_with_four_partitions() {
    let kafka = Kafka::shared();
    holds(|| KafkaHome::new(&kafka, 4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_agree_with_the_model() {
    let kafka = Kafka::shared();
    for seed in seeds(6) {
        let home = KafkaHome::new(&kafka, if seed % 2 == 0 { 1 } else { 4 });
        let model = ModelLog::new(home.partitions, Arc::new(home.clock.clone()));
        agrees_with_the_model(seed, &home, &model, History { steps: 300, slots: 3, crashes: false }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_batches_do_not_overtake_large_ones_before_them() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let log = KafkaHome::open_owning(home.options("north")).await;
    let mut durable = Vec::new();
    for number in 0..100 {
        for events in [4, 1] {
            let asked = (0..events).fold(batch(slot(), &format!("{number} of {events}")), |batch, thing| {
                batch.event(&stream_in(slot(), "thing", thing), "Made", &["t:1"], "{}")
            });
            durable.push(log.append(asked.build()).await.expect("taken").durable);
            tokio::time::sleep(Duration::from_micros(200)).await; // Until it is on its way.
        }
    }
    for durable in durable {
        durable.await.expect("all comes back in the order in which it was accepted");
    }
    assert_eq!(until(&log, 0, |_| true).await.owning(), Some(1), "an epoch ended over it");
}
