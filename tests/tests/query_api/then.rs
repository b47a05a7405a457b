//! Other times: history, `asOf`, charts folded from the log.

#[path = "life.rs"]
mod life;

use carelog_domain::kernel::Role;
use carelog_domain::kernel::actor::Reach;
use carelog_domain::laboratory::events::CriticalValueAcknowledged;
use carelog_domain::scheduling::CancelledBy;
use carelog_domain::scheduling::events::{AppointmentCancelled, PatientArrived};
use carelog_domain::scheduling::{AppointmentStatus, Period};
use carelog_domain::streams;
use serde_json::json;

use crate::world::{World, actor, at, auditor};

const CHART: &str = "profile { name gender birthDate contacts { value } address identifiers { value } registeredAt }
    appointments { id status specialty service date start end reason startedAt endedAt cancelledBy cancelationReason
                   hospital { name } practitioner { name } }
    reports { id status fileStatus fileName failure reviewReasons reachesChart erased uploadedAt collected laboratory unparsed version finalisedAt
              observations { name printed decimal computedFlag status machineRead openTask acknowledgedBy acknowledgedAt valueSeen } }
    invoices { id appointmentId kind status number issueDate totalGross { amount } balance { amount } }";

async fn go_on(world: &World) {
    let ids = &world.ids;
    let acknowledged = CriticalValueAcknowledged {
        report: ids.report,
        hospital: ids.north,
        patient: ids.zoe,
        observation: 1,
        value_seen: "7.10".to_owned().into(),
    };
    world.clock.set(at("2024-12-02T08:30:00Z"));
    let now = at("2024-12-02T08:30:00Z");
    world.append(now, &streams::lab_report(ids.report), vec![acknowledged.into()]).await;
    let arrived =
        PatientArrived { appointment: ids.visits[0], hospital: ids.north, patient: ids.zoe, practitioner: ids.ada };
    world.append(now, &streams::appointment(ids.visits[0]), vec![arrived.into()]).await;
    let cancelled = AppointmentCancelled {
        appointment: ids.visits[2],
        hospital: ids.north,
        patient: ids.zoe,
        practitioner: ids.ada,
        by: CancelledBy::Patient,
        reason: Some("better".to_owned().into()),
        from: AppointmentStatus::Booked,
        fee: None,
    };
    world.append(now, &streams::appointment(ids.visits[2]), vec![cancelled.into()]).await;
    world.caught_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chart_folded_from_the_log_is_the_chart_of_the_projection() {
    for partitions in [1, 4] {
        let world = World::with_partitions(partitions).await;
        go_on(&world).await;
        for patient in [world.ids.zoe, world.ids.ana, world.ids.carol] {
            let query = format!(
                "{{ now: chart(patient: \"{patient}\") {{ {CHART} }}
                    then: chart(patient: \"{patient}\", knownAt: \"2030-01-01T00:00:00Z\") {{ {CHART} }} }}"
            );
            let data = world.data(&auditor(), &query).await;
            assert!(data["now"]["profile"]["name"].is_string());
            assert_eq!(data["now"], data["then"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_of_another_time_holds_what_had_happened_and_was_known() {
    let world = World::new().await;
    go_on(&world).await;
    let zoe = world.ids.zoe;
    let query = format!(
        "{{ before: chart(patient: \"{zoe}\", happenedBy: \"2024-12-01T12:30:00Z\") {{ {CHART} }}
            registered: chart(patient: \"{zoe}\", happenedBy: \"2024-06-03T00:00:00Z\") {{ {CHART} }}
            never: chart(patient: \"{zoe}\", happenedBy: \"2024-05-01T00:00:00Z\") {{ {CHART} }}
            unknown: chart(patient: \"{zoe}\", knownAt: \"2024-12-01T00:00:00Z\") {{ {CHART} }} }}"
    );
    let data = world.data(&auditor(), &query).await;
    assert_eq!(data["before"]["reports"], json!([]));
    assert_eq!(data["before"]["invoices"][0]["status"], "ISSUED");
    assert_eq!(data["before"]["invoices"][0]["balance"]["amount"], "120.00", "not yet paid then");
    assert_eq!(data["before"]["appointments"][0]["status"], "BOOKED");
    assert_eq!((&data["registered"]["appointments"], &data["registered"]["invoices"]), (&json!([]), &json!([])));
    assert_eq!(data["never"], json!(null));
    assert_eq!(data["unknown"], json!(null), "all of it was written down later, though it happened before");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_tells_its_history_and_what_it_was() {
    let world = World::new().await;
    go_on(&world).await;
    let query = format!(
        "{{ appointment(id: \"{}\") {{ status
            history {{ description event user role version }}
            booked: asOf(occurred: \"2024-12-01T00:00:00Z\") {{ status start patient {{ name }} }}
            unborn: asOf(occurred: \"2024-11-01T00:00:00Z\") {{ status }} }} }}",
        world.ids.visits[0]
    );
    let data = world.data(&auditor(), &query).await;
    let appointment = &data["appointment"];
    assert_eq!(appointment["status"], "ARRIVED");
    assert_eq!(
        appointment["history"],
        json!([
            { "description": "Booked for 2024-12-02 09:00 Europe/London (Consultation)", "event": "AppointmentBooked",
              "user": "user-1", "role": "front-desk", "version": 1 },
            { "description": "The patient arrived", "event": "PatientArrived", "user": "user-1", "role": "front-desk",
              "version": 2 },
        ])
    );
    assert_eq!(
        appointment["booked"],
        json!({ "status": "BOOKED", "start": "2024-12-02T09:00:00Z", "patient": { "name": "Zoë O'Neil" } })
    );
    assert_eq!(appointment["unborn"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_done_follows_status_clock_and_roles() {
    let world = World::new().await;
    let desk = actor(&[Role::FrontDesk], Reach::Chain);
    let query = format!("{{ appointment(id: \"{}\") {{ allowedActions }} }}", world.ids.visits[0]);
    let actions = world.data(&desk, &query).await["appointment"]["allowedActions"].clone();
    assert_eq!(actions, json!(["RESCHEDULE", "ARRIVE", "CHECK_IN", "CANCEL"]));
    let Period { start, .. } = crate::past::quarter("2024-12-02T09:00:00Z");
    world.clock.set(start.plus_minutes(30));
    let actions = world.data(&desk, &query).await["appointment"]["allowedActions"].clone();
    assert_eq!(actions, json!(["RESCHEDULE", "ARRIVE", "CHECK_IN", "CANCEL", "MARK_NO_SHOW"]));
    assert_eq!(world.data(&auditor(), &query).await["appointment"]["allowedActions"], json!([]));
}
