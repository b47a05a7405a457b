//! Arrival, check-in, the end of a visit, corrections.

use chrono::Weekday;

use super::super::commands::*;
use super::super::world::{World, at, block, names, refused, why};
use super::*;
use crate::kernel::AppointmentId;
use crate::organization::Policies;
use AppointmentStatus as S;

const NINE: &str = "2025-03-03T09:00:00Z";

fn undo_to(appointment: AppointmentId, to: S) -> UndoStatus {
    UndoStatus { appointment, to, reason: why("the wrong patient") }
}

#[test]
fn a_visit_goes_from_arrival_over_check_in_to_its_end() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    assert_eq!(names(&world.run(Arrive { appointment }).expect("arrived")), ["PatientArrived"]);
    assert_eq!(names(&world.run(CheckIn { appointment }).expect("checked in")), ["PatientCheckedIn"]);
    world.now = at("2025-03-03T22:02:00Z");
    let end = Fulfil { appointment, started: at("2025-03-03T21:50:00Z"), ended: world.now };
    assert_eq!(names(&world.run(end).expect("it started late")), ["AppointmentFulfilled", "VisitDropped"]);
}

#[test]
fn a_visit_may_last_no_time_but_not_less() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    world.run(Arrive { appointment }).expect("arrived");
    world.now = at("2025-03-03T09:30:00Z");
    let (before, now) = (at("2025-03-03T09:29:00Z"), world.now);
    assert_eq!(refused(world.run(Fulfil { appointment, started: now, ended: before })), "visit-times");
    world.run(Fulfil { appointment, started: now, ended: now }).expect("0 minutes");
}

#[test]
fn a_visit_does_not_end_in_the_future() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    world.run(Arrive { appointment }).expect("arrived");
    let ended = world.now.plus_minutes(CLOCK_SKEW_MINUTES_MAX).plus_micros(1);
    assert_eq!(refused(world.run(Fulfil { appointment, started: world.now, ended })), "visit-times");
}

#[test]
fn what_was_marked_too_early_is_put_back() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    for mark in [crate::command::Command::from(Arrive { appointment }), CheckIn { appointment }.into()] {
        world.run(mark).expect("marked");
        let undone = world.run(undo_to(appointment, S::Booked)).expect("put back");
        assert_eq!(names(&undone), ["AppointmentStatusUndone"], "the visit was live all the time");
        assert_eq!(world.status(appointment), S::Booked);
    }
}

#[test]
fn a_no_show_who_came_after_all_takes_their_time_again() {
    for to in [S::Booked, S::Arrived] {
        let mut world = World::new();
        let appointment = world.book(world.ann, NINE);
        world.now = at("2025-03-03T09:30:00Z");
        world.run(MarkNoShow { appointment, automatic: false, start: None }).expect("marked");
        assert_eq!(world.schedule(world.ann).visits().count(), 0);
        let undone = world.run(undo_to(appointment, to)).expect("put back");
        assert_eq!(names(&undone), ["AppointmentStatusUndone", "VisitPlanned"]);
        assert_eq!(world.status(appointment), to);
        assert_eq!(world.schedule(world.ann).visits().count(), 1);
    }
}

#[test]
fn a_no_show_whose_time_is_taken_by_now_is_not_put_back() {
    let mut world =
        World::with("Europe/London", Policies::default(), vec![block(Weekday::Mon, "09:00", "12:00", 60, 2)]);
    let appointment = world.book(world.ann, NINE);
    world.now = at("2025-03-03T09:30:00Z");
    world.run(MarkNoShow { appointment, automatic: false, start: None }).expect("marked");
    world.book(world.ann, NINE);
    assert_eq!(refused(world.run(undo_to(appointment, S::Arrived))), "visits-overlap");
}

#[test]
fn an_overlap_that_was_meant_is_still_meant_after_a_correction() {
    let mut world =
        World::with("Europe/London", Policies::default(), vec![block(Weekday::Mon, "09:00", "12:00", 60, 2)]);
    world.book(world.ann, NINE);
    let booking = BookAppointment { overlap_reason: Some(why("both")), ..world.booking(world.ann, NINE) };
    let appointment = super::super::world::made(&world.run(booking).expect("meant"));
    world.now = at("2025-03-03T09:30:00Z");
    world.run(MarkNoShow { appointment, automatic: false, start: None }).expect("marked");
    world.run(undo_to(appointment, S::Booked)).expect("put back");
}

#[test]
fn a_correction_says_why_and_where_to() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    world.run(CheckIn { appointment }).expect("checked in");
    let silent = UndoStatus { reason: why(""), ..undo_to(appointment, S::Booked) };
    assert_eq!(refused(world.run(silent)), "reason-missing");
    assert_eq!(refused(world.run(undo_to(appointment, S::Proposed))), "undo-target");
}
