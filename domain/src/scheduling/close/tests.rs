//! Cancellations, no-shows, errors, and what they cost.

use super::super::commands::*;
use super::super::world::{World, at, names, refused, why};
use super::*;
use crate::event::{AppointmentEvent, Event};
use crate::kernel::AppointmentId;
use crate::organization::{LateCancel, Policies};
use AppointmentStatus as S;
use CancelledBy as By;

const NINE: &str = "2025-03-04T09:00:00Z";

fn with_fees() -> World {
    let late = LateCancel { hours_before: 24, fee: "late".to_owned() };
    let mut world = World::new();
    let policies = Policies { late_cancel: Some(late), no_show_fee: Some("absent".to_owned()), ..Policies::default() };
    world.set_policies(policies);
    world
}

fn cancelling(appointment: AppointmentId, by: By) -> CancelAppointment {
    CancelAppointment { appointment, by, reason: Some(why("ill")) }
}

fn absent(appointment: AppointmentId, automatic: bool, start: Option<&str>) -> MarkNoShow {
    MarkNoShow { appointment, automatic, start: start.map(at) }
}

fn fee(changes: &Changes) -> Option<i64> {
    let fee = match &changes[0].1 {
        Event::AppointmentEvent(AppointmentEvent::AppointmentCancelled(event)) => &event.fee,
        Event::AppointmentEvent(AppointmentEvent::NoShowMarked(event)) => &event.fee,
        other => panic!("{}", other.event_type()),
    };
    fee.as_ref().map(|price| price.amount.minor)
}

#[test]
fn a_cancellation_gives_back_seat_and_time() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    let changes = world.run(cancelling(appointment, By::Patient)).expect("cancelled");
    assert_eq!(names(&changes), ["AppointmentCancelled", "SeatReleased", "VisitDropped"]);
    assert_eq!(fee(&changes), None);
    world.book(world.ann, NINE);
}

#[test]
fn a_wish_is_cancelled_without_a_seat_to_give_back() {
    let mut world = with_fees();
    world.now = at("2025-03-04T08:59:00Z");
    let wish = BookAppointment { status: S::Pending, ..world.booking(world.ann, NINE) };
    let appointment = super::super::world::made(&world.run(wish).expect("asked"));
    let changes = world.run(cancelling(appointment, By::Patient)).expect("cancelled");
    assert_eq!(names(&changes), ["AppointmentCancelled"]);
    assert_eq!(fee(&changes), None, "a wish costs nothing");
}

#[test]
fn only_the_patient_pays_for_cancelling_late() {
    for (by, now, expected) in [
        (By::Patient, "2025-03-03T09:00:00Z", None),
        (By::Patient, "2025-03-03T09:00:01Z", Some(2_000)),
        (By::Provider, "2025-03-04T08:59:00Z", None),
        (By::Other, "2025-03-04T08:59:00Z", None),
    ] {
        let mut world = with_fees();
        let appointment = world.book(world.ann, NINE);
        world.now = at(now);
        let changes = world.run(cancelling(appointment, by)).expect("cancelled");
        assert_eq!(fee(&changes), expected, "{by} at {now}");
    }
}

#[test]
fn cancelling_again_names_the_status() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    world.run(cancelling(appointment, By::Patient)).expect("cancelled");
    let no = world.run(cancelling(appointment, By::Patient)).expect_err("already");
    assert_eq!((no.code, no.class), ("appointment-status", crate::rejection::RejectionClass::Conflict));
    assert!(no.message.contains("is cancelled"), "{no}");
}

#[test]
fn nobody_is_a_no_show_before_start_and_grace() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    world.now = at("2025-03-04T09:29:59.999999Z");
    assert_eq!(refused(world.run(absent(appointment, false, None))), "no-show-too-early");
    assert_eq!(world.run(absent(appointment, true, Some(NINE))), Ok(vec![]), "an alarm waits");
    world.now = at("2025-03-04T09:30:00Z");
    let changes = world.run(absent(appointment, false, None)).expect("start and grace");
    assert_eq!(names(&changes), ["NoShowMarked", "VisitDropped"], "the seat stays taken");
}

#[test]
fn a_no_show_costs_what_policy_says() {
    let mut world = with_fees();
    let appointment = world.book(world.ann, NINE);
    world.now = at("2025-03-04T09:30:00Z");
    let changes = world.run(absent(appointment, true, Some(NINE))).expect("marked");
    assert_eq!(fee(&changes), Some(3_000));
}

#[test]
fn an_alarm_for_a_time_that_was_left_does_nothing() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    world.run(world.moving(appointment, "2025-03-04T11:30:00Z")).expect("moved");
    world.now = at("2025-03-04T12:00:00Z");
    assert_eq!(world.run(absent(appointment, true, Some(NINE))), Ok(vec![]));
    assert_eq!(world.status(appointment), S::Booked);
    world.run(cancelling(appointment, By::Other)).expect("cancelled");
    assert_eq!(world.run(absent(appointment, true, Some("2025-03-04T11:30:00Z"))), Ok(vec![]));
    assert_eq!(world.status(appointment), S::Cancelled);
}

#[test]
fn where_policy_is_off_only_people_mark_a_no_show() {
    let mut world = World::new();
    world.set_policies(Policies { no_show: NoShowPolicy::Off, ..Policies::default() });
    let appointment = world.book(world.ann, NINE);
    world.now = at("2025-03-04T09:30:00Z");
    assert_eq!(world.run(absent(appointment, true, Some(NINE))), Ok(vec![]));
    assert!(world.run(absent(appointment, false, None)).is_ok());
}

#[test]
fn an_error_gives_back_the_seat_whatever_became_of_it() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    world.run(CheckIn { appointment }).expect("checked in");
    world.now = at("2025-03-04T09:30:00Z");
    world.run(Fulfil { appointment, started: at(NINE), ended: world.now }).expect("fulfilled");
    let error = EnterAppointmentInError { appointment, reason: why("another patient") };
    let changes = world.run(error.clone()).expect("entered in error");
    assert_eq!(names(&changes), ["AppointmentEnteredInError", "SeatReleased"], "the time was free already");
    assert_eq!(refused(world.run(error)), "appointment-status");
    world.book(world.bob, NINE);
}

#[test]
fn an_error_in_a_live_visit_frees_its_time_too() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    let silent = EnterAppointmentInError { appointment, reason: why("") };
    assert_eq!(refused(world.run(silent)), "reason-missing");
    let changes = world.run(EnterAppointmentInError { appointment, reason: why("a test") }).expect("in error");
    assert_eq!(names(&changes), ["AppointmentEnteredInError", "SeatReleased", "VisitDropped"]);
}
