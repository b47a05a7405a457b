//! Batches for tests, built in a line.

use carelog_domain::kernel::actor::RecordedActor;
use carelog_domain::kernel::{
    CommandId, EventId, HospitalId, PurposeOfUse, Revision, Role, Slot, StreamName, Tag, Timestamp, Version,
};
use carelog_domain::ports::{Batch, Condition, Expected, Fingerprint, Term, ToAppend};
use uuid::Uuid;

/// Builds a batch; turn it into one with [`BatchBuilder::build`].
#[derive(Clone)]
pub struct BatchBuilder(Batch);

/// A stream of a category in a slot: its key is an id that carries the slot.
pub fn stream_in(slot: Slot, category: &str, number: u32) -> StreamName {
    let command = CommandId::of_step("stream", category);
    StreamName::new(category, EventId::derive(command, slot, Timestamp::from_micros(0), number))
}

/// A batch of a command named by its key, without events so far.
pub fn batch(slot: Slot, key: &str) -> BatchBuilder {
    let command = CommandId::of_client_key("test", "append", key);
    BatchBuilder(Batch {
        slot,
        command,
        fingerprint: Fingerprint([1; 32]),
        events: vec![],
        expected: vec![],
        conditions: vec![],
        term: None,
        actor: RecordedActor { user: "tester".into(), role: Role::System, purpose: PurposeOfUse::Operations },
        correlation: command,
        causation: None,
        recorded_after: None,
        traceparent: None,
    })
}

impl BatchBuilder {
    /// One event more.
    #[must_use]
    pub fn event(mut self, stream: &StreamName, event_type: &'static str, tags: &[&str], data: &str) -> BatchBuilder {
        let index = self.0.events.len() as u32;
        self.0.events.push(ToAppend {
            id: EventId::derive(self.0.command, self.0.slot, Timestamp::from_micros(7), index),
            stream: stream.clone(),
            event_type: event_type.into(),
            revision: Revision(1),
            occurred_at: Timestamp::from_micros(7),
            occurred_assumed: false,
            hospital: None,
            tags: tags.iter().copied().map(Tag::from_stored).collect(),
            data: data.to_owned().into(),
        });
        self
    }

    /// The last event occurred then, at this hospital, at an assumed time.
    #[must_use]
    pub fn occurred(mut self, at: Timestamp, hospital: u128) -> BatchBuilder {
        let event = self.0.events.last_mut().expect("add an event first");
        (event.occurred_at, event.hospital, event.occurred_assumed) =
            (at, Some(HospitalId(Uuid::from_u128(hospital))), true);
        self
    }

    /// The stream must be at this version.
    #[must_use]
    pub fn expecting(mut self, stream: &StreamName, version: u64) -> BatchBuilder {
        self.0.expected.push((stream.clone(), Expected::Exactly(Version(version))));
        self
    }

    /// No event may have the tag after this offset.
    #[must_use]
    pub fn unless(mut self, tag: &str, after: Option<u64>) -> BatchBuilder {
        self.0.conditions.push(Condition { tag: Tag::from_stored(tag), after });
        self
    }

    /// With another body.
    #[must_use]
    pub fn fingerprint(mut self, byte: u8) -> BatchBuilder {
        self.0.fingerprint = Fingerprint([byte; 32]);
        self
    }

    /// Caused by an event that was recorded then.
    #[must_use]
    pub fn caused_by(mut self, event: EventId, recorded_at: Timestamp) -> BatchBuilder {
        (self.0.causation, self.0.recorded_after) = (Some(event), Some(recorded_at));
        self.0.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        self
    }

    /// Decided in this term.
    #[must_use]
    pub fn in_term(mut self, term: Term) -> BatchBuilder {
        self.0.term = Some(term);
        self
    }

    /// The batch.
    pub fn build(self) -> Batch {
        self.0
    }
}
