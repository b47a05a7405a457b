#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use carelog_domain::kernel::actor::RecordedActor;
use carelog_domain::kernel::{
    CommandId, EventId, HospitalId, Partition, Position, PurposeOfUse, Revision, Role, Slot, StreamName, Tag,
    Timestamp, Version,
};
use carelog_domain::ports::{EventFilter, Fingerprint};
use uuid::Uuid;

use super::*;

const FIXTURE: &[u8] = include_bytes!("fixtures/frame-1.bin");

struct Sample {
    stream: StreamName,
    actor: RecordedActor,
    tags: Vec<Tag>,
    data: Vec<u8>,
}

impl Sample {
    fn new() -> Sample {
        Sample {
            stream: StreamName::new("appointment", "01939a3a-0000-8abc-8000-00000000002a"),
            actor: RecordedActor { user: "desk-1".into(), role: Role::FrontDesk, purpose: PurposeOfUse::Treatment },
            tags: vec![Tag::new("patient", "p1"), Tag::new("hospital", "h1")],
            data: br#"{"appointment":"01939a3a-0000-8abc-8000-00000000002a"}"#.to_vec(),
        }
    }

    fn parts(&self) -> FrameParts<'_> {
        FrameParts {
            position: Position { partition: Partition(3), offset: 77 },
            slot: Slot::new(0xabc).unwrap(),
            id: EventId(Uuid::from_u128(1)),
            stream: &self.stream,
            version: Version(5),
            event_type: "AppointmentBooked",
            revision: Revision(2),
            occurred_at: Timestamp::from_micros(1_733_000_000_000_000),
            occurred_assumed: true,
            recorded_at: Timestamp::from_micros(1_733_000_000_000_001),
            hospital: Some(HospitalId(Uuid::from_u128(2))),
            actor: &self.actor,
            command: CommandId(Uuid::from_u128(3)),
            index: 0,
            batch_length: 2,
            fingerprint: Some(Fingerprint([7; 32])),
            correlation: CommandId(Uuid::from_u128(4)),
            causation: Some(EventId(Uuid::from_u128(5))),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            tags: &self.tags,
            data: &self.data,
        }
    }
}

fn encoded(parts: &FrameParts<'_>) -> Bytes {
    let mut out = Vec::new();
    encode(parts, &mut out).unwrap();
    Bytes::from(out)
}

#[test]
fn a_frame_written_by_the_first_version_still_reads_and_is_still_written_the_same() {
    let sample = Sample::new();
    let bytes = encoded(&sample.parts());
    assert_eq!(hex::encode(&bytes), hex::encode(FIXTURE));
    let frame = Frame::parse(FIXTURE).unwrap();
    let context = frame.context().unwrap();
    assert_eq!(context.position.to_string(), "3:77");
    assert_eq!(frame.slot_number(), 0xabc);
    assert!(context.occurred_assumed);
    assert_eq!((context.version, context.revision), (Version(5), Revision(2)));
    assert_eq!(context.hospital, Some(HospitalId(Uuid::from_u128(2))));
    assert_eq!(context.causation, Some(EventId(Uuid::from_u128(5))));
    assert_eq!(context.correlation, CommandId(Uuid::from_u128(4)));
    assert_eq!(context.actor, sample.actor);
    assert_eq!(context.tags, sample.tags);
    assert_eq!((context.index, context.batch_length), (0, 2));
    assert_eq!(frame.fingerprint(), Some(Fingerprint([7; 32])));
    assert_eq!(frame.data(), sample.data);
    assert!(context.traceparent.unwrap().starts_with("00-0af7"));
}

#[test]
fn a_frame_without_its_optional_parts_reads_as_written() {
    let sample = Sample::new();
    let parts = FrameParts {
        fingerprint: None,
        hospital: None,
        causation: None,
        traceparent: None,
        occurred_assumed: false,
        tags: &[],
        index: 1,
        ..sample.parts()
    };
    let bytes = encoded(&parts);
    let stored = Frame::parse(&bytes).unwrap().stored(&bytes).unwrap();
    assert_eq!(stored.context.hospital, None);
    assert_eq!(stored.context.tags, vec![]);
    assert_eq!(stored.data, sample.data);
    assert_eq!(stored.event_type, "AppointmentBooked");
}

#[test]
fn any_changed_byte_is_noticed() {
    let bytes = encoded(&Sample::new().parts());
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 0x20;
        assert!(Frame::parse(&changed).is_err(), "a change of byte {at} went unseen");
    }
    for length in 0..bytes.len() {
        assert!(Frame::parse(&bytes[..length]).is_err(), "a frame cut to {length} bytes was read");
    }
}

#[test]
fn a_frame_never_exceeds_an_entry_and_never_holds_a_nul_where_text_stands() {
    let sample = Sample::new();
    let mut out = vec![9];
    let large = vec![b'x'; FRAME_BYTES_MAX];
    let refused = encode(&FrameParts { data: &large, ..sample.parts() }, &mut out);
    assert!(matches!(refused, Err(FrameError::TooLarge { .. })), "{refused:?}");
    let refused = encode(&FrameParts { data: b"{\0}", ..sample.parts() }, &mut out);
    assert_eq!(refused, Err(FrameError::BadField { field: "data" }));
    let long = "u".repeat(256);
    let actor = RecordedActor { user: long, ..sample.actor.clone() };
    assert!(matches!(
        encode(&FrameParts { actor: &actor, ..sample.parts() }, &mut out),
        Err(FrameError::FieldTooLong { .. })
    ));
    assert_eq!(out, vec![9], "a refused frame leaves nothing behind");
}

#[test]
fn a_filter_looks_at_category_type_and_any_of_the_tags() {
    let bytes = encoded(&Sample::new().parts());
    let frame = Frame::parse(&bytes).unwrap();
    let filter = |category: &str, event_type: &str, tags: &[&str]| EventFilter {
        categories: if category.is_empty() { vec![] } else { vec![category.into()] },
        types: if event_type.is_empty() { vec![] } else { vec![event_type.into()] },
        tags: tags.iter().copied().map(Tag::from_stored).collect(),
    };
    assert!(frame.matches(&filter("", "", &[])));
    assert!(frame.matches(&filter("appointment", "AppointmentBooked", &["patient:other", "hospital:h1"])));
    assert!(!frame.matches(&filter("invoice", "", &[])));
    assert!(!frame.matches(&filter("", "InvoiceIssued", &[])));
    assert!(!frame.matches(&filter("", "", &["patient:p2"])));
}
