//! A node that writes to the topic what a real one would not any more, or not in that order.

use std::time::Duration;

use bytes::Bytes;
use carelog_domain::ports::{Batch, EventLog, Root};
use carelog_event_log::{Following, LocalLog, Options as LocalOptions};
use carelog_kafka::{Ownership, event_headers, ownership_headers};
use carelog_schemas::frame::Frame;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use uuid::Uuid;

use crate::home::KafkaHome;

/// Writes records of its own making to partition 0, and makes frames that follow each other.
pub(crate) struct Ghost {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
    partitions: u16,
    following: Vec<Following>,
    log: LocalLog,
}

impl Ghost {
    pub(crate) fn new(home: &KafkaHome) -> Ghost {
        let options = LocalOptions { partitions: home.partitions, ..home.options("ghost").local };
        let (log, mut following) = LocalLog::follow(options).expect("it opens");
        following[0].applier.begin_epoch(1);
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &home.bootstrap)
            .set("enable.idempotence", "true")
            .create()
            .expect("a producer");
        Ghost { producer, topic: home.topic.clone(), partitions: home.partitions, following, log }
    }

    /// The frames of a batch, at the places after those it made before.
    pub(crate) async fn frames(&mut self, batch: Batch) -> Vec<Bytes> {
        drop(self.log.append(batch).await.expect("taken"));
        let frames: Vec<_> = self.following[0].outbox.take().expect("a shipment").frames().collect();
        self.following[0].applier.apply(std::slice::from_ref(&frames)).expect("applied");
        frames
    }

    /// Claims an epoch, as one who has applied so much.
    pub(crate) fn claim_at(&self, epoch: u64, lineage: Uuid, at: (u64, Root)) -> Ownership {
        let claim = Ownership::claim(epoch, ("ghost", "ghost.example:1"), lineage, self.partitions, at);
        self.send(&ownership_headers(epoch), &claim.to_bytes());
        claim
    }

    /// Sends a frame as of an epoch.
    pub(crate) fn event(&self, epoch: u64, bytes: &[u8]) {
        let frame = Frame::parse(bytes).expect("a frame");
        self.send(&event_headers(&frame, epoch), bytes);
    }

    /// Sends anything.
    pub(crate) fn send(&self, headers: &[(&'static str, String)], value: &[u8]) {
        let all = OwnedHeaders::new();
        let all = headers.iter().fold(all, |all, (key, text)| all.insert(Header { key, value: Some(text) }));
        let record = BaseRecord::<str, [u8]>::to(&self.topic).partition(0).payload(value).headers(all);
        self.producer.send(record).map_err(|(error, _)| error).expect("sent");
        self.producer.flush(Duration::from_secs(20)).expect("delivered");
    }
}

impl Drop for Ghost {
    fn drop(&mut self) {
        self.following.clear(); // The log waits for its appliers.
    }
}
