//! From a wish to a seat.

use super::super::commands::*;
use super::super::world::{World, at, made, names, refused, why};
use super::*;
use crate::event::{AppointmentEvent, Event};
use crate::kernel::AppointmentId;
use AppointmentStatus as S;

const NINE: &str = "2025-03-03T09:00:00Z";

fn wish(world: &mut World, status: S, start: Option<&str>) -> AppointmentId {
    let asked = BookAppointment {
        status,
        start: start.map(at),
        reason: Some(why("chest pain")),
        ..world.booking(world.ann, NINE)
    };
    made(&world.run(asked).expect("asked for"))
}

fn to(appointment: AppointmentId, to: S, start: Option<&str>) -> AdvanceAppointment {
    let start = start.map(at);
    AdvanceAppointment { appointment, to, start, hold: None, overbooking_reason: None, overlap_reason: None }
}

#[test]
fn a_wish_is_booked_at_the_time_it_asked_for() {
    let mut world = World::new();
    let appointment = wish(&mut world, S::Proposed, Some(NINE));
    world.run(to(appointment, S::Pending, None)).expect("pending");
    let changes = world.run(to(appointment, S::Booked, None)).expect("booked");
    assert_eq!(names(&changes), ["AppointmentBooked", "SeatTaken", "VisitPlanned"]);
    assert_eq!(made(&changes), appointment);
    let Event::AppointmentEvent(AppointmentEvent::AppointmentBooked(event)) = &changes[0].1 else { panic!("booked") };
    assert_eq!(event.reason, None, "the reason stays where it was told: a sealed value cannot move between events");
}

#[test]
fn a_waiting_patient_gets_the_time_that_became_free() {
    let mut world = World::new();
    let appointment = wish(&mut world, S::Waitlist, Some(NINE));
    let first = world.book(world.bob, NINE);
    assert_eq!(refused(world.run(to(appointment, S::Booked, None))), "slot-taken");
    world
        .run(CancelAppointment { appointment: first, by: super::super::CancelledBy::Patient, reason: None })
        .expect("free");
    world.run(to(appointment, S::Booked, None)).expect("booked");
    assert_eq!(world.status(appointment), S::Booked);
}

#[test]
fn a_wish_without_a_time_needs_one_to_be_booked() {
    let mut world = World::new();
    let appointment = wish(&mut world, S::Waitlist, None);
    assert_eq!(refused(world.run(to(appointment, S::Booked, None))), "start-missing");
    world.run(to(appointment, S::Booked, Some(NINE))).expect("booked");
}

#[test]
fn a_wish_is_not_taken_to_its_end() {
    for &target in S::ALL {
        if !matches!(target, S::Proposed | S::Pending | S::Booked) {
            let mut world = World::new();
            let appointment = wish(&mut world, S::Waitlist, None);
            assert_eq!(refused(world.run(to(appointment, target, None))), "advance-target", "{target}");
        }
    }
}

#[test]
fn booking_a_wish_checks_overlap_and_price_again() {
    let mut world = World::new();
    let appointment = wish(&mut world, S::Proposed, Some("2025-03-03T10:00:00Z"));
    world.book(world.ann, NINE);
    assert_eq!(refused(world.run(to(appointment, S::Booked, Some(NINE)))), "slot-taken");
    world.run(to(appointment, S::Booked, None)).expect("booked at the time asked for");
    assert_eq!(refused(world.run(to(appointment, S::Booked, None))), "appointment-status");
}
