//! Large values: deflated, sealed, and open again.

use carelog_domain::kernel::actor::{PurposeOfUse, RecordedActor};
use carelog_domain::kernel::{
    CommandId, Context, HospitalId, LabReportId, Partition, PatientId, Personal, Position, Revision, Role, Slot,
    Timestamp, Version,
};
use carelog_domain::laboratory::events::LabReportExtracted;
use carelog_domain::laboratory::{Extraction, Observation, ObservationStatus, PrintedHeader, ReferenceRange};
use carelog_domain::ports::BoxFuture;
use carelog_domain::streams;

use super::*;

struct OneKey;

impl KeyStore for OneKey {
    fn sealing_key(&self, subject: Uuid, purpose: Purpose) -> BoxFuture<'_, Result<(KeyId, DataKey), Failure>> {
        Box::pin(async move { Ok((KeyId { subject, purpose, number: 1 }, DataKey([7; 32]))) })
    }

    fn opening_key(&self, _: KeyId) -> BoxFuture<'_, Result<KeyState, Failure>> {
        Box::pin(async { Ok(KeyState::Live(DataKey([7; 32]))) })
    }

    fn erase(&self, _: Uuid, _: Purpose) -> BoxFuture<'_, Result<(), Failure>> {
        unreachable!("nothing is erased here")
    }

    fn keyed_hash(&self, _: &str, _: &[u8]) -> [u8; 32] {
        unreachable!("nothing is hashed here")
    }
}

fn command() -> CommandId {
    CommandId::of_client_key("test", "RecordExtraction", "1")
}

fn id() -> EventId {
    EventId::derive(command(), Slot::of_key(b"x"), Timestamp::from_micros(1), 0)
}

fn report() -> LabReportId {
    LabReportId(Uuid::from_u128(1))
}

fn observation(number: u32) -> Observation {
    let value = format!("{}.{:02}", number * 7 % 191, number * 37 % 100);
    let range = ReferenceRange {
        text: format!("{}.0 - {}.5", number % 13, number % 13 + 40),
        low: Some(format!("{}.0", number % 13)),
        high: Some(format!("{}.5", number % 13 + 40)),
        applies_to: None,
    };
    Observation {
        number,
        name: format!("Analyte {:08x}, serum", number.wrapping_mul(2_654_435_761)),
        loinc: None,
        printed: Some(value.clone()),
        decimal: Some(value),
        comparator: None,
        unit: Some("mmol/L".to_owned()),
        ucum: Some("mmol/L".to_owned()),
        range: Some(range),
        printed_flag: None,
        computed_flag: None,
        status: ObservationStatus::Preliminary,
        machine_read: true,
        page: number / 40 + 1,
        line: number % 40 + 1,
        earlier: vec![],
    }
}

fn extracted(rows: u32) -> Event {
    let header =
        PrintedHeader { name: None, birth_date: None, identifier: None, sex: None, collected: None, laboratory: None };
    let observations: Vec<Observation> = (1..=rows).map(observation).collect();
    let extraction = Extraction { header, observations, unparsed: vec![], pages: rows / 40 + 1, producer: None };
    LabReportExtracted {
        report: report(),
        hospital: HospitalId(Uuid::from_u128(2)),
        patient: PatientId(Uuid::from_u128(3)),
        attempt: 1,
        observations: rows,
        missing: 0,
        critical: vec![],
        needs_review: false,
        extraction: Personal::new(extraction),
    }
    .into()
}

fn stored(data: Bytes) -> Stored {
    let context = Context {
        id: id(),
        position: Position { partition: Partition(0), offset: 0 },
        stream: streams::lab_report(report()),
        version: Version(1),
        revision: Revision(1),
        occurred_at: Timestamp::from_micros(1),
        occurred_assumed: false,
        recorded_at: Timestamp::from_micros(1),
        hospital: None,
        actor: RecordedActor { user: "test".to_owned(), role: Role::System, purpose: PurposeOfUse::Treatment },
        command: command(),
        index: 0,
        batch_length: 1,
        correlation: command(),
        causation: None,
        traceparent: None,
        tags: vec![],
    };
    Stored { context, event_type: "LabReportExtracted".to_owned(), data }
}

#[tokio::test]
async fn a_report_of_400_rows_fits_an_event_and_comes_back_whole() {
    let event = extracted(400);
    let data = seal_event(&OneKey, &event, id()).await.expect("sealed");
    let room = crate::frame::FRAME_BYTES_MAX - 4 * 1024;
    assert!(data.len() < room, "{} bytes", data.len());
    let opened = open_event(&OneKey, &stored(data.clone())).await.expect("opened");
    assert_eq!(opened.event, event);
    assert!(read_sealed(&stored(data)).is_ok());
}

#[tokio::test]
async fn what_is_short_is_sealed_as_it_is() {
    let data = seal_event(&OneKey, &extracted(1), id()).await.expect("sealed");
    assert!(!String::from_utf8_lossy(&data).contains(DEFLATED), "its length tells nothing");
}

#[tokio::test]
async fn a_deflated_value_does_not_open_as_another_one() {
    let data = seal_event(&OneKey, &extracted(400), id()).await.expect("sealed");
    let text = String::from_utf8(data.to_vec()).expect("json");
    let unmarked = Bytes::from(text.replacen(DEFLATED, "", 1));
    let error = open_event(&OneKey, &stored(unmarked)).await.expect_err("found");
    assert!(matches!(error, ReadError::DoesNotOpen { .. }), "{error}");
}
