//! The watch over booked appointments.

use carelog_domain::event::Event;
use carelog_domain::kernel::{AlarmId, LeaveId, Personal, Timestamp};
use carelog_domain::organization::{NoShowPolicy, Policies};
use carelog_domain::process::events::AlarmRang;
use carelog_domain::scheduling::commands::MarkNoShow;
use carelog_domain::scheduling::events::*;
use carelog_domain::scheduling::{AppointmentStatus, CancelledBy};
use carelog_domain::streams;
use carelog_sagas::saga::alarm_id;
use carelog_sagas::{Hospital, Intent, NoShowWatch, Saga};

use crate::given::*;

const START: &str = "2025-03-10T09:00:00Z";
const LATER: &str = "2025-03-10T11:00:00Z";
const BOOKED: &str = "2025-03-01T08:00:00Z";

fn happened(when: &str, event: impl Into<Event>) -> Told {
    told(streams::appointment(appointment_id()), when, event)
}

fn booked() -> Told {
    happened(
        BOOKED,
        AppointmentBooked {
            appointment: appointment_id(),
            hospital: hospital_id(),
            patient: patient_id(),
            practitioner: practitioner_id(),
            role: role_id(),
            specialty: "cardiology".to_owned(),
            date: "2025-03-10".parse().expect("a date"),
            period: period(START),
            price: price("visit", 9_000),
            reason: None,
            overbooking_reason: None,
            overlap_reason: None,
        },
    )
}

macro_rules! of_appointment {
    ($event:ident { $($fields:tt)* }) => {
        $event {
            appointment: appointment_id(), hospital: hospital_id(), patient: patient_id(),
            practitioner: practitioner_id(), $($fields)*
        }
    };
}

fn moved() -> Told {
    let seat = |start: &str| Seat {
        role: role_id(),
        practitioner: practitioner_id(),
        date: "2025-03-10".parse().expect("a date"),
        period: period(start),
    };
    let (by, reason) = (CancelledBy::Patient, Personal::new("busy".to_owned()));
    let (from, to) = (seat(START), seat(LATER));
    let event = of_appointment!(AppointmentRescheduled {
        from,
        to,
        by,
        reason,
        price: price("visit", 9_000),
        overbooking_reason: None,
        overlap_reason: None
    });
    happened("2025-03-02T08:00:00Z", event)
}

fn arrived() -> Told {
    happened("2025-03-10T08:55:00Z", of_appointment!(PatientArrived {}))
}

fn undone(when: &str) -> Told {
    let (from, to) = (AppointmentStatus::Arrived, AppointmentStatus::Booked);
    let reason = Personal::new("another patient".to_owned());
    happened(when, of_appointment!(AppointmentStatusUndone { from, to, reason }))
}

fn leave() -> LeaveId {
    LeaveId(uuid::Uuid::from_u128(7))
}

fn rang(alarm: AlarmId) -> Told {
    rang_at("2025-03-10T09:30:00Z", alarm)
}

fn rang_at(when: &str, alarm: AlarmId) -> Told {
    let event = AlarmRang {
        saga: NoShowWatch::NAME.to_owned(),
        instance: appointment_id().to_string(),
        alarm,
        kind: "no-show".to_owned(),
        due_at: at(START).plus_minutes(30),
    };
    told(streams::saga(NoShowWatch::NAME, &appointment_id().to_string()), when, event)
}

fn watch(events: impl IntoIterator<Item = Told>) -> Given<NoShowWatch> {
    given(Hospital::default(), events)
}

fn set(step: &str, due: Timestamp) -> Intent {
    Intent::SetAlarm { step: step.to_owned(), kind: "no-show", due }
}

fn first_alarm() -> AlarmId {
    let context = watch([]).context_of(booked());
    alarm_id(NoShowWatch::NAME, &appointment_id().to_string(), "no-show.1", &context)
}

#[test]
fn a_booking_sets_an_alarm_at_its_start_and_the_grace() {
    watch([]).when(booked()).then([set("no-show.1", at(START).plus_minutes(30))]);
}

#[test]
fn a_hospital_that_wants_no_automatic_no_show_gets_no_alarm() {
    let policies = Policies { no_show: NoShowPolicy::Off, ..Policies::default() };
    let hospital = Hospital { policies, ..Hospital::default() };
    given::<NoShowWatch>(hospital.clone(), []).when(booked()).then_nothing();
    given::<NoShowWatch>(hospital, [booked()]).when(arrived()).then_nothing();
}

#[test]
fn an_imported_past_gets_no_alarm_and_an_imported_future_does() {
    watch([]).when(booked().imported("2025-06-01T00:00:00Z")).then_nothing();
    watch([booked().imported("2025-06-01T00:00:00Z")]).when(arrived()).then_nothing();
    watch([]).when(booked().imported("2025-03-05T00:00:00Z")).then_steps(&["set"]);
}

#[test]
fn the_alarm_marks_the_no_show_for_the_start_it_was_set_for() {
    let command = MarkNoShow { appointment: appointment_id(), automatic: true, start: Some(at(START)) };
    watch([booked()]).when(rang(first_alarm())).then([Intent::send(format!("mark.{}", first_alarm()), command)]);
}

#[test]
fn it_marks_nothing_once_the_patient_came_or_the_appointment_moved_or_the_alarm_rang_before() {
    watch([booked(), arrived()]).when(rang(first_alarm())).then_nothing();
    watch([booked(), moved()]).when(rang(first_alarm())).then_nothing();
    watch([booked(), rang(first_alarm())]).when(rang(first_alarm())).then_nothing();
}

#[test]
fn a_move_cancels_the_alarm_and_sets_one_for_the_new_start() {
    let cancel = Intent::CancelAlarm { step: "cancel.2".to_owned(), alarm: first_alarm() };
    watch([booked()]).when(moved()).then([cancel, set("no-show.2", at(LATER).plus_minutes(30))]);
}

#[test]
fn an_arrival_undone_in_time_is_watched_again_and_one_undone_too_late_is_left_to_people() {
    watch([booked(), arrived()]).when(undone("2025-03-10T09:10:00Z")).then_steps(&["set"]);
    watch([booked(), arrived()]).when(undone("2025-03-10T09:31:00Z")).then_nothing();
}

#[test]
fn a_leave_over_the_slot_stops_the_watch_and_its_end_takes_it_up_again() {
    let needed = || happened("2025-03-03T08:00:00Z", of_appointment!(RebookingNeeded { leave: leave() }));
    let settled = || happened("2025-03-04T08:00:00Z", of_appointment!(RebookingSettled { leave: leave() }));
    watch([booked()]).when(needed()).then_steps(&["cancel"]);
    watch([booked(), needed()]).when(settled()).then([set("no-show.3", at(START).plus_minutes(30))]);
}

#[test]
fn an_alarm_that_rings_before_a_grace_that_became_longer_is_set_again() {
    let longer = || {
        let policies = Policies { grace_minutes: 60, ..Policies::default() };
        watch([booked()]).and_then_at(Hospital { policies, ..Hospital::default() })
    };
    longer().when(rang(first_alarm())).then([set("no-show-again.1", at(START).plus_minutes(60))]);
    let context = longer().context_of(rang(first_alarm()));
    let second = alarm_id(NoShowWatch::NAME, &appointment_id().to_string(), "no-show-again.1", &context);
    let waiting = || longer().and(rang(first_alarm()));
    waiting().when(rang_at("2025-03-10T10:00:00Z", second)).then_steps(&["MarkNoShow"]);
    waiting().when(rang_at("2025-03-10T10:00:00Z", first_alarm())).then_nothing();
    waiting().when(arrived()).then([Intent::CancelAlarm { step: "cancel.2".to_owned(), alarm: second }]);
}
