//! A chart through what can happen to it: what it said at any time is what is said of that time later, and both say what
//! the domain means.

use carelog_domain::event::Event;
use carelog_domain::kernel::{CommandId, LabReportId, StreamName, Timestamp};
use carelog_domain::laboratory::events::*;
use carelog_domain::laboratory::{FailureReason, Observation, ObservationChange, ObservationStatus, ReviewReason};
use carelog_domain::patient::events::{ContactsChanged, IdentifierAdded, PatientCorrected};
use carelog_domain::patient::{Address, ContactPoint, ContactSystem, HumanName, Identifier};
use carelog_domain::scheduling::events::{AppointmentFulfilled, PatientArrived};
use carelog_domain::streams;
use serde_json::{Value, json};

use super::CHART;
use crate::past::{Ids, extracted, potassium, uploaded};
use crate::world::{World, at, auditor};

/// What happens, by name: each a command of its own, a minute after the one before.
type Life = Vec<(&'static str, StreamName, Vec<Event>)>;

fn life(ids: &Ids) -> Life {
    let mut life = person(ids);
    life.extend(acknowledged_and_amended(ids));
    life.extend(read_at_the_second_try(ids, another(ids, "second")));
    life.extend(of_somebody_else(ids, another(ids, "third")));
    life
}

fn another(ids: &Ids, name: &str) -> LabReportId {
    LabReportId::derive(CommandId::of_client_key("test", "ids", name), ids.zoe.slot(), at("2024-12-02T08:00:00Z"), 0)
}

fn person(ids: &Ids) -> Life {
    let (patient, hospital, practitioner, appointment) = (ids.zoe, ids.north, ids.ada, ids.visits[0]);
    let contacts = |address: Option<&str>| ContactsChanged {
        patient,
        contacts: vec![ContactPoint { system: ContactSystem::Phone, value: "020 7946 0001".to_owned() }].into(),
        address: address.map(|text| Address { text: text.to_owned(), country: None }.into()),
    };
    let corrected = PatientCorrected {
        patient,
        name: Some(HumanName { text: "Zoë O'Neill".to_owned() }.into()),
        gender: None,
        birth_date: None,
        reason: "a letter was missing".to_owned().into(),
    };
    let identifier =
        Identifier { system: "urn:test".to_owned(), kind: "MR".to_owned(), value: "Zoe-2".to_owned() }.into();
    let (started, ended) = (at("2024-12-02T09:00:00Z"), at("2024-12-02T09:15:00Z"));
    let stream = streams::patient(patient);
    let visit = streams::appointment(appointment);
    vec![
        ("moved", stream.clone(), vec![contacts(Some("2 Low Road")).into()]),
        ("without an address", stream.clone(), vec![contacts(None).into()]),
        ("corrected", stream.clone(), vec![corrected.into()]),
        ("one more identifier", stream, vec![IdentifierAdded { patient, identifier }.into()]),
        ("arrived", visit.clone(), vec![PatientArrived { appointment, hospital, patient, practitioner }.into()]),
        (
            "seen",
            visit,
            vec![AppointmentFulfilled { appointment, hospital, patient, practitioner, started, ended }.into()],
        ),
    ]
}

fn acknowledged_and_amended(ids: &Ids) -> Life {
    let (report, hospital, patient) = (ids.report, ids.north, ids.zoe);
    let acknowledged = |seen: &str| CriticalValueAcknowledged {
        report,
        hospital,
        patient,
        observation: 1,
        value_seen: seen.to_owned().into(),
    };
    let amended = |printed: &str, critical: Vec<u32>| LabReportAmended {
        report,
        hospital,
        patient,
        changes: vec![ObservationChange {
            number: 1,
            printed: Some(printed.to_owned()),
            decimal: Some(printed.to_owned()),
            comparator: None,
            unit: None,
            flag: None,
        }]
        .into(),
        reason: "measured again".to_owned().into(),
        critical,
    };
    let LabReportAmended { changes, reason, .. } = amended("7.40", vec![1]);
    let corrected =
        LabReportCorrected { report, hospital, patient, changes, reason: reason.clone(), critical: vec![1] };
    let later = Observation { number: 2, machine_read: false, status: ObservationStatus::Final, ..potassium() };
    let appended = LabReportAppended {
        report,
        hospital,
        patient,
        added: vec![later].into(),
        reason: reason.clone(),
        observations: 2,
        critical: vec![2],
    };
    let stream = streams::lab_report(report);
    let then = |name, event: Event| (name, stream.clone(), vec![event]);
    vec![
        then("final", LabReportFinalised { report, hospital, patient }.into()),
        then("acknowledged", acknowledged("7.10").into()),
        then("amended, critical again", amended("7.30", vec![1]).into()),
        then("acknowledged again", acknowledged("7.30").into()),
        then("amended, harmless", amended("4.30", vec![]).into()),
        then("corrected, critical", corrected.into()),
        then("appended", appended.into()),
        then("one value withdrawn", ObservationCancelled { report, hospital, patient, observation: 1, reason }.into()),
    ]
}

fn read_at_the_second_try(ids: &Ids, report: LabReportId) -> Life {
    let patient = ids.zoe;
    let stream = streams::lab_report(report);
    let started = |attempt| ProcessingStarted { report, patient, attempt }.into();
    let failed = ProcessingFailed { report, patient, attempt: 1, reason: FailureReason::TimedOut };
    let review = ReviewNeeded { report, patient, reasons: vec![ReviewReason::NameDiffers] };
    let resolved = ReviewResolved { report, patient, accepted: true, reason: "it is her".to_owned().into() };
    vec![
        ("second handed in", stream.clone(), vec![uploaded(ids, report).into(), started(1)]),
        ("reading failed", stream.clone(), vec![failed.into()]),
        ("reading again", stream.clone(), vec![started(2)]),
        ("held for review", stream.clone(), vec![extracted(ids, report, 2, true).into(), review.into()]),
        ("review passed", stream, vec![resolved.into()]),
    ]
}

fn of_somebody_else(ids: &Ids, report: LabReportId) -> Life {
    let (hospital, patient) = (ids.north, ids.zoe);
    let stream = streams::lab_report(report);
    let started = ProcessingStarted { report, patient, attempt: 1 };
    let review = ReviewNeeded { report, patient, reasons: vec![ReviewReason::BirthDateDiffers] };
    let read =
        vec![uploaded(ids, report).into(), started.into(), extracted(ids, report, 1, true).into(), review.into()];
    let resolved = ReviewResolved { report, patient, accepted: false, reason: "it is not".to_owned().into() };
    let cancelled = LabReportCancelled { report, hospital, patient, reason: "it is not".to_owned().into() };
    vec![("third read", stream.clone(), read), ("review refused", stream, vec![resolved.into(), cancelled.into()])]
}

/// Zoë's chart after everything that happened, by name.
async fn lived(world: &World) -> Vec<(&'static str, Timestamp, Value)> {
    let mut moments = Vec::new();
    let query = format!("{{ chart(patient: \"{}\") {{ {CHART} }} }}", world.ids.zoe);
    for ((name, stream, events), minute) in life(&world.ids).into_iter().zip(1..) {
        let now = at("2024-12-02T10:00:00Z").plus_minutes(minute);
        world.clock.set(now);
        world.append(now, &stream, events).await;
        world.caught_up().await;
        // The events of one command are recorded a microsecond apart.
        moments.push((name, now.plus_micros(9), world.data(&auditor(), &query).await["chart"].clone()));
    }
    moments
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_known_at_any_time_is_what_it_said_then() {
    for partitions in [1, 4] {
        let world = World::with_partitions(partitions).await;
        let moments = lived(&world).await;
        for (name, then, said) in &moments {
            for time in ["knownAt", "happenedBy"] {
                let query =
                    format!("{{ chart(patient: \"{}\", {time}: {}) {{ {CHART} }} }}", world.ids.zoe, json!(then));
                assert_eq!(world.data(&auditor(), &query).await["chart"], *said, "{time} {name}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_says_what_the_domain_means() {
    let world = World::new().await;
    let moments = lived(&world).await;
    let (second, third) = (another(&world.ids, "second"), another(&world.ids, "third"));
    let chart = |name: &str| moments.iter().find(|each| each.0 == name).expect("it happened").2.clone();
    let report = |name: &str, report: LabReportId| {
        let reports = chart(name)["reports"].as_array().expect("reports").clone();
        reports.into_iter().find(|each| each["id"] == report.to_string()).expect("the report")
    };
    // How to reach someone is replaced as a whole, in the chart and in the directory.
    assert_eq!(chart("moved")["profile"]["address"], "2 Low Road");
    assert_eq!(chart("without an address")["profile"]["address"], json!(null));
    let query = format!("{{ patient(id: \"{}\") {{ address }} }}", world.ids.zoe);
    assert_eq!(world.data(&auditor(), &query).await["patient"]["address"], json!(null));
    // An amended value is a task anew, and nobody has acknowledged it yet.
    let seen = |name: &str| {
        let value = report(name, world.ids.report)["observations"][0].clone();
        ["openTask", "acknowledgedBy", "valueSeen", "printed"].map(|field| value[field].clone())
    };
    assert_eq!(seen("acknowledged"), [json!(false), json!("user-1"), json!("7.10"), json!("7.10")]);
    assert_eq!(seen("amended, critical again"), [json!(true), json!(null), json!(null), json!("7.30")]);
    assert_eq!(seen("acknowledged again"), [json!(false), json!("user-1"), json!("7.30"), json!("7.30")]);
    assert_eq!(seen("amended, harmless"), [json!(false), json!(null), json!(null), json!("4.30")]);
    // A failure is over when reading begins again, reasons for a review when it is decided.
    assert_eq!(report("reading failed", second)["failure"], "timed-out");
    assert_eq!(report("reading again", second)["failure"], json!(null));
    assert_eq!(report("held for review", second)["reviewReasons"], json!(["NAME_DIFFERS"]));
    assert_eq!(report("held for review", second)["observations"], json!([]), "nothing reaches the chart");
    assert_eq!(report("review passed", second)["reviewReasons"], json!([]));
    assert_eq!(report("review passed", second)["observations"][0]["openTask"], true);
    let refused = report("review refused", third);
    assert_eq!((&refused["status"], &refused["reviewReasons"]), (&json!("CANCELLED"), &json!([])));
    assert_eq!(refused["observations"], json!([]));
}
