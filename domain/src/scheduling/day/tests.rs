//! Seats, holds and overbooking of one slot.

use super::super::commands::*;
use super::super::world::{World, at, block, date, refused, why};
use super::*;
use crate::event::Event;
use crate::organization::Policies;
use chrono::Weekday;

const NINE: &str = "2025-03-03T09:00:00Z";

fn world_of(capacity: u16, overbooking: u32) -> World {
    let policies = Policies { overbooking_per_slot_max: overbooking, ..Policies::default() };
    World::with("Europe/London", policies, vec![block(Weekday::Mon, "09:00", "12:00", 60, capacity)])
}

fn status(world: &World) -> SlotStatus {
    world.day(world.role, date("2025-03-03")).status(at(NINE), world.now).expect("a slot")
}

#[test]
fn a_slot_is_free_while_a_seat_is_left_and_busy_when_full() {
    let mut world = world_of(2, 0);
    assert_eq!(status(&world), SlotStatus::Free);
    world.book(world.ann, NINE);
    assert_eq!(status(&world), SlotStatus::Free);
    world.book(world.bob, NINE);
    assert_eq!(status(&world), SlotStatus::Busy);
    let third = world.booking(world.ann, NINE);
    let third = BookAppointment { overlap_reason: Some(why("both")), ..third };
    assert_eq!(refused(world.run(third)), "slot-taken");
}

#[test]
fn a_hold_counts_as_taken_until_its_instant() {
    let mut world = world_of(1, 0);
    world.run(HoldSlot { role: world.role, start: at(NINE), minutes: None }).expect("a seat is left");
    assert_eq!(status(&world), SlotStatus::Busy);
    world.now = world.now.plus_minutes(5);
    assert_eq!(status(&world), SlotStatus::Free, "at `until` it has ended");
}

#[test]
fn overbooking_needs_a_reason_a_permission_and_room_in_the_allowance() {
    let mut world = world_of(1, 1);
    world.book(world.ann, NINE);
    let second = world.booking(world.bob, NINE);
    assert_eq!(refused(world.run(second.clone())), "slot-taken");
    let second = BookAppointment { overbooking_reason: Some(why("urgent")), ..second };
    assert_eq!(refused(world.run(second.clone())), "overbooking-not-permitted");
    world.may_overbook = true;
    let blank = BookAppointment { overbooking_reason: Some(why("  ")), ..second.clone() };
    assert_eq!(refused(world.run(blank)), "slot-taken", "a blank reason is none");
    let changes = world.run(second).expect("it is overbooked");
    assert!(matches!(&changes[1].1, Event::DayEvent(DayEvent::SeatTaken(e)) if e.overbooked));
    let third = BookAppointment {
        overbooking_reason: Some(why("urgent")),
        overlap_reason: Some(why("both")),
        ..world.booking(world.ann, NINE)
    };
    assert_eq!(refused(world.run(third)), "overbooking-exhausted");
}

#[test]
fn a_reason_given_for_a_slot_with_room_is_not_kept() {
    let mut world = world_of(1, 1);
    let booking = BookAppointment {
        overbooking_reason: Some(why("in case")),
        overlap_reason: Some(why("in case")),
        ..world.booking(world.ann, NINE)
    };
    let changes = world.run(booking).expect("a seat is left");
    let Event::AppointmentEvent(crate::event::AppointmentEvent::AppointmentBooked(booked)) = &changes[0].1 else {
        panic!("booked")
    };
    assert_eq!((&booked.overbooking_reason, &booked.overlap_reason), (&None, &None));
}

#[test]
fn a_no_show_does_not_free_the_slot() {
    let mut world = world_of(1, 0);
    let appointment = world.book(world.ann, NINE);
    world.now = at("2025-03-03T09:30:00Z");
    world.run(MarkNoShow { appointment, automatic: false, start: None }).expect("after the grace");
    let again = world.booking(world.bob, NINE);
    assert_eq!(refused(world.run(again)), "slot-taken");
}

#[test]
fn a_day_that_was_never_opened_has_no_status() {
    assert_eq!(Day::default().status(at(NINE), at(NINE)), None);
    assert!(!Day::default().is_open());
    assert_eq!(Day::default().stream(), None);
}
