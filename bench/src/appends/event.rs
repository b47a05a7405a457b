//! The events that are written in process: 300 bytes of JSON each, with a tag, in one stream a writer.

use anyhow::Context;
use bytes::Bytes;
use carelog_domain::kernel::actor::RecordedActor;
use carelog_domain::kernel::{
    Actor, AppointmentId, CommandId, EventId, Revision, Slot, StreamName, Tag, Timestamp, Version,
};
use carelog_domain::ports::{Batch, EventLog, Expected, Fingerprint, ToAppend};
use carelog_domain::streams;

/// The size of an event's data; its frame adds the context (ids, times, actor, checksum).
pub(crate) const DATA_BYTES: usize = 300;

/// Whoever writes one stream, an event a command.
pub(crate) struct Writer {
    name: String,
    id: AppointmentId,
    stream: StreamName,
    version: u64,
    actor: RecordedActor,
    data: Bytes,
}

impl Writer {
    /// A writer of a stream of its own.
    pub(crate) fn new(run: &str, number: usize) -> Writer {
        let name = format!("{run}-{number}");
        let maker = CommandId::of_client_key("bench", "stream", &name);
        let id = AppointmentId::derive(maker, Slot::of_key(name.as_bytes()), Timestamp::from_micros(0), 0);
        let actor = Actor::system("bench").recorded();
        Writer { name, id, stream: streams::appointment(id), version: 0, actor, data: data() }
    }

    /// Appends one event at the version the stream must be at, and waits until it is durable.
    pub(crate) async fn append(&mut self, log: &dyn EventLog) -> anyhow::Result<()> {
        let accepted = log.append(self.batch()).await.context("an append was refused")?;
        accepted.durable.await.context("an append did not become durable")?;
        self.version += 1;
        Ok(())
    }

    fn batch(&self) -> Batch {
        let slot = self.stream.slot();
        let command = CommandId::of_client_key("bench", &self.name, &self.version.to_string());
        let occurred_at = Timestamp::from(chrono::Utc::now());
        let event = ToAppend {
            id: EventId::derive(command, slot, occurred_at, 0),
            stream: self.stream.clone(),
            event_type: "BenchMeasured".into(),
            revision: Revision(1),
            occurred_at,
            occurred_assumed: false,
            hospital: None,
            tags: vec![Tag::new("appointment", self.id)],
            data: self.data.clone(),
        };
        Batch {
            slot,
            command,
            fingerprint: Fingerprint([7; 32]),
            events: vec![event],
            expected: vec![(self.stream.clone(), Expected::Exactly(Version(self.version)))],
            conditions: vec![],
            term: None,
            actor: self.actor.clone(),
            correlation: command,
            causation: None,
            recorded_after: None,
            traceparent: None,
        }
    }
}

/// JSON of [`DATA_BYTES`].
fn data() -> Bytes {
    let around = r#"{"note":""}"#.len();
    Bytes::from(format!(r#"{{"note":"{}"}}"#, "x".repeat(DATA_BYTES - around)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_an_event_has_the_size_that_is_told() {
        assert_eq!(data().len(), DATA_BYTES);
        assert!(serde_json::from_slice::<serde_json::Value>(&data()).is_ok());
    }

    #[test]
    fn writers_have_streams_of_their_own_in_the_slot_of_their_batches() {
        let (one, other) = (Writer::new("run", 1), Writer::new("run", 2));
        assert_ne!(one.stream, other.stream);
        assert_eq!(one.batch().slot, one.stream.slot());
    }
}
