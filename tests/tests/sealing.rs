//! Personal values: sealed before they are written, tied to their person, event and field, erased with their key.

use bytes::Bytes;
use carelog_domain::event::Event;
use carelog_domain::kernel::actor::{PurposeOfUse, RecordedActor};
use carelog_domain::kernel::{
    CommandId, Context, EventId, PatientId, Personal, Position, Purpose, Revision, Role, Slot, Timestamp, Version,
};
use carelog_domain::patient::events::PatientRegistered;
use carelog_domain::patient::{Demographics, Gender, HumanName, Identifier};
use carelog_domain::ports::{KeyStore, Stored};
use carelog_domain::process::events::ImportAdvanced;
use carelog_domain::streams;
use carelog_keys::FileKeyStore;
use carelog_schemas::registry::ReadError;
use carelog_schemas::sealing;
use serde_json::Value;

fn command() -> CommandId {
    CommandId::of_client_key("test", "RequestRegistration", "1")
}

fn patient() -> PatientId {
    PatientId::derive(command(), command().root_slot(), Timestamp::from_micros(1), 0)
}

fn identifier(value: &str) -> Identifier {
    Identifier { system: "urn:test".to_owned(), kind: "MR".to_owned(), value: value.to_owned() }
}

fn registered() -> Event {
    let demographics = Demographics {
        name: HumanName { text: "Ada Lovelace".to_owned() },
        gender: Gender::Female,
        birth_date: carelog_domain::kernel::LocalDate::from_ymd_opt(1815, 12, 10),
        contacts: vec![],
        address: None,
    };
    let identifiers = vec![Personal::new(identifier("A-1")), Personal::new(identifier("B-2"))];
    PatientRegistered { patient: patient(), demographics: Personal::new(demographics), identifiers }.into()
}

fn event_id(index: u32) -> EventId {
    EventId::derive(command(), Slot::of_key(b"x"), Timestamp::from_micros(1), index)
}

fn stored(id: EventId, data: Bytes) -> Stored {
    let context = Context {
        id,
        position: Position { partition: carelog_domain::kernel::Partition(0), offset: 0 },
        stream: streams::patient(patient()),
        version: Version(1),
        revision: Revision(1),
        occurred_at: Timestamp::from_micros(1),
        occurred_assumed: false,
        recorded_at: Timestamp::from_micros(1),
        hospital: None,
        actor: RecordedActor { user: "test".to_owned(), role: Role::FrontDesk, purpose: PurposeOfUse::Treatment },
        command: command(),
        index: 0,
        batch_length: 1,
        correlation: command(),
        causation: None,
        traceparent: None,
        tags: vec![],
    };
    Stored { context, event_type: "PatientRegistered".to_owned(), data }
}

fn keys() -> (tempfile::TempDir, FileKeyStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = FileKeyStore::open(folder.path()).expect("opened");
    (folder, keys)
}

#[tokio::test]
async fn nothing_personal_is_in_the_bytes_and_it_all_comes_back() {
    let (_folder, keys) = keys();
    let data = sealing::seal_event(&keys, &registered(), event_id(0)).await.expect("sealed");
    let text = String::from_utf8(data.to_vec()).expect("json");
    for personal in ["Ada", "Lovelace", "1815", "female", "A-1", "urn:test", "$personal"] {
        assert!(!text.contains(personal), "{personal} was written in the clear");
    }
    let opened = sealing::open_event(&keys, &stored(event_id(0), data.clone())).await.expect("opened");
    assert_eq!(opened.event, registered());
    let still_sealed = sealing::read_sealed(&stored(event_id(0), data)).expect("read");
    assert_ne!(still_sealed.event, registered());
}

#[tokio::test]
async fn two_sealed_values_that_changed_places_do_not_open() {
    let (_folder, keys) = keys();
    let data = sealing::seal_event(&keys, &registered(), event_id(0)).await.expect("sealed");
    let mut json: Value = serde_json::from_slice(&data).expect("json");
    let identifiers = json["identifiers"].as_array_mut().expect("two");
    identifiers.swap(0, 1);
    let swapped = Bytes::from(json.to_string());
    let error = sealing::open_event(&keys, &stored(event_id(0), swapped)).await.expect_err("found");
    assert!(matches!(error, ReadError::DoesNotOpen { .. }), "{error}");
}

#[tokio::test]
async fn a_sealed_value_moved_to_another_event_does_not_open() {
    let (_folder, keys) = keys();
    let data = sealing::seal_event(&keys, &registered(), event_id(0)).await.expect("sealed");
    let error = sealing::open_event(&keys, &stored(event_id(1), data)).await.expect_err("found");
    assert!(matches!(error, ReadError::DoesNotOpen { .. }), "{error}");
}

#[tokio::test]
async fn an_erased_subject_reads_as_erased_and_a_lost_key_as_a_failure() {
    let (_folder, keys) = keys();
    let data = sealing::seal_event(&keys, &registered(), event_id(0)).await.expect("sealed");
    keys.erase(patient().0, Purpose::Identity).await.expect("erased");
    let opened = sealing::open_event(&keys, &stored(event_id(0), data.clone())).await.expect("opened");
    let Event::PatientEvent(carelog_domain::event::PatientEvent::PatientRegistered(event)) = opened.event else {
        panic!("another event");
    };
    assert!(event.demographics.is_erased() && event.identifiers.iter().all(Personal::is_erased));

    let (_other_folder, other) = self::keys();
    let error = sealing::open_event(&other, &stored(event_id(0), data)).await.expect_err("no key");
    assert!(matches!(error, ReadError::Key(_)), "{error}");
}

#[tokio::test]
async fn a_blob_opens_for_its_person_until_the_key_is_erased_and_never_when_changed() {
    let (_folder, keys) = keys();
    let sealed = sealing::seal_blob(&keys, patient().0, Purpose::Clinical, b"a report").await.expect("sealed");
    assert!(!sealed.windows(8).any(|window| window == b"a report"));
    assert_eq!(sealing::open_blob(&keys, &sealed).await.expect("opened"), Some(Bytes::from_static(b"a report")));
    let mut changed = sealed.to_vec();
    *changed.last_mut().expect("bytes") ^= 1;
    assert!(sealing::open_blob(&keys, &changed).await.is_err());
    keys.erase(patient().0, Purpose::Clinical).await.expect("erased");
    assert_eq!(sealing::open_blob(&keys, &sealed).await.expect("known"), None);
}

#[tokio::test]
async fn an_event_that_could_not_be_read_again_is_never_handed_out() {
    let (_folder, keys) = keys();
    let hospital = carelog_domain::kernel::HospitalId::derive(command(), Slot::of_key(b"h"), Timestamp::MIN, 0);
    let advanced = |watermark| Event::from(ImportAdvanced { hospital, manifest: "m".to_owned(), watermark });
    let before_year_1 = Timestamp::from_micros(Timestamp::MIN.micros() - 1);
    let error = sealing::seal_event(&keys, &advanced(before_year_1), event_id(0)).await.expect_err("refused");
    assert!(error.to_string().contains("ImportAdvanced would not be readable"), "{error}");
    sealing::seal_event(&keys, &advanced(Timestamp::MIN), event_id(0)).await.expect("sealed");
}
