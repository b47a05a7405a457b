//! What an operator mends with the program itself: an event that a read model cannot take, and a saga's step that was
//! refused. Both are made as they come about: the log of a stopped server holds what this program did not write.

use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::event::Event;
use carelog_domain::kernel::actor::Reach;
use carelog_domain::kernel::{
    Actor, AppointmentId, CommandId, EventId, HospitalId, PatientId, PurposeOfUse, Revision, Role, StreamName,
    Timestamp,
};
use carelog_domain::ports::{Batch, EventLog, Expected, Fingerprint, ToAppend};
use carelog_domain::scheduling::events::AppointmentFulfilled;
use carelog_domain::streams;
use carelog_event_log::{LocalLog, Options};
use carelog_tests::clock::ManualClock;

use super::*;

/// An event as it is put into the log of a stopped server.
struct Foreign {
    stream: StreamName,
    event: Event,
    revision: Revision,
}

impl Foreign {
    fn of(stream: StreamName, event: Event) -> Foreign {
        Foreign { revision: event.revision(), stream, event }
    }
}

/// Appends to the log of a server that does not run, each event by a command of its own.
async fn append(data: &Path, name: &str, foreign: Vec<Foreign>) -> Vec<String> {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    let now = Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap());
    let log = LocalLog::open(Options::new(data.join("log"), Arc::new(ManualClock::at(now)))).unwrap();
    let actor = Actor {
        tenant: "elsewhere".to_owned(),
        user: "elsewhere".to_owned(),
        roles: vec![Role::FrontDesk],
        purpose: PurposeOfUse::Treatment,
        reach: Reach::Chain,
    };
    let mut positions = vec![];
    for (Foreign { stream, event, revision }, index) in foreign.into_iter().zip(0_u32..) {
        let command = CommandId::of_client_key("elsewhere", name, &index.to_string());
        let to_append = ToAppend {
            id: EventId::derive(command, stream.slot(), now, 0),
            stream: stream.clone(),
            event_type: event.event_type().into(),
            revision,
            occurred_at: now,
            occurred_assumed: false,
            hospital: event.hospital(),
            tags: event.tags(),
            data: Bytes::from(event.to_json().to_string()),
        };
        let batch = Batch {
            slot: stream.slot(),
            command,
            fingerprint: Fingerprint([0; 32]),
            events: vec![to_append],
            expected: vec![(stream, Expected::Any)],
            conditions: vec![],
            term: None,
            actor: actor.recorded(),
            correlation: command,
            causation: None,
            recorded_after: None,
            traceparent: None,
        };
        let accepted = log.append(batch).await.unwrap();
        accepted.durable.await.unwrap();
        positions.extend(accepted.events.iter().map(|context| context.position.to_string()));
    }
    tokio::task::spawn_blocking(move || log.close()).await.unwrap();
    positions
}

/// The data of the only event of a type in the log.
async fn data_of(server: &Server, event_type: &str) -> Value {
    let (status, found) = server.get(&format!("/v1/events?type={event_type}")).await;
    assert_eq!(status, 200, "{found}");
    let events = found["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{found}");
    events[0]["data"].clone()
}

fn states(server: &Server) -> Vec<(String, String)> {
    let models = lines(&server.run(&["projections", "list", "--json"]), 0);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut states: Vec<_> = models.iter().map(|row| (text(&row["model"]), text(&row["state"]))).collect();
    states.dedup();
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_no_read_model_can_take_is_skipped_by_name_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let patient: PatientId = scene.patient.parse().unwrap();
    let data = json!({ "patient": scene.patient, "contacts": { "$erased": true }, "address": null });
    scene.server.stop();
    // As a program of next year writes it, of which this one was put back.
    let event = Event::from_json("ContactsChanged", data).unwrap().unwrap();
    let newer = Foreign { revision: Revision(99), ..Foreign::of(streams::patient(patient), event) };
    let position = append(folder.path(), "newer", vec![newer]).await.remove(0);

    let server = Server::start_live(folder.path(), 4).await;
    let run = |arguments: &[&str]| server.run(arguments);
    let stopped = |states: Vec<(String, String)>| -> Vec<String> {
        states.into_iter().filter(|(_, state)| state == "stopped").map(|(model, _)| model).collect()
    };
    let begun = std::time::Instant::now();
    while stopped(states(&server)) != ["patients", "chart"] {
        assert!(begun.elapsed().as_secs() < 30, "{:?}\n{}", states(&server), server.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let shown = ended(&run(&["projections", "list"]), 0);
    assert!(shown.contains(&position), "the position is not shown:\n{shown}");
    let (status, ready) = server.get("/health/ready").await;
    assert!(
        status == 200 && ready["status"] == "degraded" && ready.to_string().contains("patients"),
        "{status} {ready}"
    );
    // Others go on, and what needs the stopped one says so instead of showing the past.
    let booking = scene.practice.booking(&scene.patient, 3);
    let booked = command(&server, "POST", "/v1/appointments", "meanwhile", &[], &booking).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    for model in ["patients", "chart"] {
        ended(&run(&["projections", "retry", model]), 0);
        let answer = run(&["projections", "skip", model, &position, "--reason", "written by a later version"]);
        ended(&answer, 0);
    }
    server.settle().await;
    assert_eq!(stopped(states(&server)), Vec::<String>::new(), "{}", server.log());
    let verified = ended(&run(&["projections", "verify"]), 0);
    assert!(verified.contains("complete except") && verified.contains(&position), "{verified}");
    let (_, skips) = server.get("/v1/events?type=ProjectionEventSkipped").await;
    assert_eq!(skips["events"].as_array().unwrap().len(), 2, "who skipped what is on record: {skips}");
    let chart =
        server.query("query($p: ID!) { chart(patient: $p) { appointments { id } } }", json!({ "p": scene.patient }));
    assert_eq!(chart.await["chart"]["appointments"].as_array().unwrap().len(), 2);
    // The skip is part of the log, so a rebuild does not stop there again.
    ended(&run(&["projections", "rebuild", "patients"]), 0);
    assert_eq!(stopped(states(&server)), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_step_is_kept_through_a_restart_and_retried_once_its_cause_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let (booked, registered) =
        (data_of(&scene.server, "AppointmentBooked").await, data_of(&scene.server, "HospitalRegistered").await);
    scene.server.stop();
    // A visit at a hospital that is not in this log, as when a restore left a stream out.
    let command_id = CommandId::of_client_key("elsewhere", "ids", "lost");
    let known: HospitalId = scene.practice.hospital.parse().unwrap();
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    let hospital = HospitalId::derive(command_id, known.slot(), at, 0);
    let appointment = AppointmentId::derive(command_id, known.slot(), at, 1);
    let moved = |mut data: Value| {
        data["hospital"] = json!(hospital);
        data
    };
    let mut data = moved(booked);
    data["appointment"] = json!(appointment);
    let Ok(Event::AppointmentEvent(event)) = Event::from_json("AppointmentBooked", data).unwrap() else { panic!("no") };
    let carelog_domain::event::AppointmentEvent::AppointmentBooked(visit) = &event else { panic!("another type") };
    let fulfilled = AppointmentFulfilled {
        appointment,
        hospital,
        patient: visit.patient,
        practitioner: visit.practitioner,
        started: at,
        ended: at.plus_minutes(10),
    };
    let stream = streams::appointment(appointment);
    let history = vec![Foreign::of(stream.clone(), event.clone().into()), Foreign::of(stream, fulfilled.into())];
    append(folder.path(), "visit", history).await;

    let server = Server::start(folder.path(), 4).await;
    let letters = |server: &Server| lines(&server.run(&["sagas", "list", "--json"]), 0)[0]["deadLetters"].clone();
    let begun = std::time::Instant::now();
    while letters(&server) == json!([]) {
        assert!(begun.elapsed().as_secs() < 30, "{}", server.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let letter = letters(&server)[0].clone();
    let id = appointment.to_string();
    assert_eq!((&letter["instance"], &letter["code"]), (&json!(id), &json!("hospital-unknown")), "{letter}");
    let step = letter["step"].as_str().unwrap().to_owned();
    let (_, again) = server.get(&format!("/v1/operations/sagas/appointment-billing/{id}")).await;
    assert!(again["events"].as_array().unwrap().iter().any(|each| each["eventType"] == "SagaStepFailed"), "{again}");
    // Retried while nothing was mended, it fails again and says so.
    ended(&server.run(&["sagas", "retry", "appointment-billing", &id, &step]), 0);
    let begun = std::time::Instant::now();
    while letters(&server) == json!([]) || letters(&server)[0] == letter {
        assert!(begun.elapsed().as_secs() < 30, "{}", letters(&server));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    server.stop();
    let hospital_event = Event::from_json("HospitalRegistered", moved(registered)).unwrap().unwrap();
    append(folder.path(), "hospital", vec![Foreign::of(streams::organization(hospital), hospital_event)]).await;

    let server = Server::start(folder.path(), 4).await;
    assert_eq!(letters(&server)[0]["step"], json!(step), "a start forgets no letter");
    ended(&server.run(&["sagas", "retry", "appointment-billing", &id, &step]), 0);
    ended(&server.run(&["sagas", "wait", "--timeout", "60"]), 0);
    assert_eq!(letters(&server), json!([]));
    server.settle().await;
    let asked = "query($a: ID!) { appointment(id: $a) { invoices { status } } }";
    let found = server.query(asked, json!({ "a": id })).await;
    assert_eq!(found["appointment"]["invoices"], json!([{ "status": "ISSUED" }]), "{found}");
}
