//! A log with keys, to map and to serve.

use std::sync::Arc;

use carelog_domain::event::Event;
use carelog_domain::kernel::{Actor, CommandId, EventId, Partition, Slot, StreamName};
use carelog_domain::ports::{
    Batch, Direction, EventFilter, EventLog, Expected, Fingerprint, KeyStore, Stored, ToAppend,
};
use carelog_event_log::{LocalLog, Options};
use carelog_keys::FileKeyStore;
use carelog_publisher::Mapper;
use carelog_schemas::cloud_event::CloudEvent;
use carelog_schemas::sealing::seal_event;
use carelog_schemas::topics::Topic;
use carelog_tests::clock::ManualClock;

use crate::history::{Step, at, history};

pub(crate) struct World {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) _folder: tempfile::TempDir,
}

impl World {
    /// Nothing has happened.
    pub(crate) fn new(partitions: u16) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(at(10_000)));
        let options = Options { partitions, ..Options::new(folder.path().join("log"), clock) };
        World {
            log: Arc::new(LocalLog::open(options).expect("a log")),
            keys: Arc::new(FileKeyStore::open(&folder.path().join("keys")).expect("keys")),
            _folder: folder,
        }
    }

    /// A history of so many patients.
    pub(crate) async fn with_history(partitions: u16, patients: u32) -> World {
        let world = World::new(partitions);
        world.append_all(&history(patients)).await;
        world
    }

    pub(crate) async fn append_all(&self, steps: &[Step]) {
        for step in steps {
            self.append(step.slot, &step.events).await;
        }
    }

    /// Appends one command's events.
    pub(crate) async fn append(&self, slot: Slot, events: &[(StreamName, Event)]) {
        let (stream, first) = &events[0];
        let version = self.log.stream_version(stream).await.expect("a version");
        let command = CommandId::of_client_key("test", first.event_type(), &format!("{stream}@{}", version.0));
        let mut batch = vec![];
        for (index, (stream, event)) in events.iter().enumerate() {
            let id = EventId::derive(command, slot, at(0), index as u32);
            let data = seal_event(self.keys.as_ref(), event, id).await.expect("sealed");
            batch.push(ToAppend {
                id,
                stream: stream.clone(),
                event_type: event.event_type().into(),
                revision: event.revision(),
                occurred_at: at(version.0 as i64).plus_micros(123_456),
                occurred_assumed: false,
                hospital: event.hospital(),
                tags: event.tags(),
                data,
            });
        }
        let batch = Batch {
            slot,
            command,
            fingerprint: Fingerprint([0; 32]),
            events: batch,
            expected: vec![(stream.clone(), Expected::Exactly(version))],
            conditions: vec![],
            term: None,
            actor: Actor::system("test").recorded(),
            correlation: command,
            causation: None,
            recorded_after: None,
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        };
        self.log.append(batch).await.expect("accepted").durable.await.expect("durable");
    }

    /// Every event of a partition.
    pub(crate) async fn events(&self, partition: u16) -> Vec<Stored> {
        let all = EventFilter::default();
        self.log.read(Partition(partition), 0, Direction::Forward, &all, 100_000).await.expect("read").0
    }

    pub(crate) fn mapper(&self, topic: &'static Topic) -> Mapper {
        Mapper::new(topic, self.log.clone(), self.keys.clone())
    }

    /// The messages of a topic that a partition's events from an offset on make.
    pub(crate) async fn messages(&self, topic: &'static Topic, partition: u16, from: usize) -> Vec<CloudEvent> {
        let (mut mapper, wanted) = (self.mapper(topic), Mapper::wanted(topic));
        let mut messages = vec![];
        for stored in self.events(partition).await.iter().skip(from).filter(|each| wanted.contains(&each.event_type)) {
            messages.extend(mapper.message(stored).await.expect("mapped"));
        }
        messages
    }
}
