//! Keeping a seat and giving it up.

use super::super::world::{World, at, names, refused};
use super::*;
use crate::event::{DayEvent, Event};
use crate::kernel::Timestamp;

const NINE: &str = "2025-03-03T09:00:00Z";

fn hold(world: &mut World, minutes: Option<u16>) -> (HoldId, Timestamp) {
    let changes = world.run(HoldSlot { role: world.role, start: at(NINE), minutes }).expect("held");
    match &changes[0].1 {
        Event::DayEvent(DayEvent::SlotHeld(event)) => (event.hold, event.until),
        other => panic!("{}", other.event_type()),
    }
}

#[test]
fn a_seat_is_held_five_minutes_unless_told_and_thirty_at_most() {
    let mut world = World::new();
    assert_eq!(hold(&mut world, None).1, world.now.plus_minutes(5));
    let mut world = World::new();
    assert_eq!(hold(&mut world, Some(30)).1, world.now.plus_minutes(30));
    for minutes in [0, 31] {
        let mut world = World::new();
        let command = HoldSlot { role: world.role, start: at(NINE), minutes: Some(minutes) };
        assert_eq!(refused(world.run(command)), "hold-minutes");
    }
}

#[test]
fn a_full_slot_or_none_is_not_held() {
    let mut world = World::new();
    world.book(world.ann, NINE);
    let command = HoldSlot { role: world.role, start: at(NINE), minutes: None };
    assert_eq!(refused(world.run(command)), "slot-taken");
    let command = HoldSlot { role: world.role, start: at("2025-03-03T09:01:00Z"), minutes: None };
    assert_eq!(refused(world.run(command)), "slot-not-open");
}

#[test]
fn a_seat_that_somebody_holds_is_held_again_when_it_ended() {
    let mut world = World::new();
    let (_, until) = hold(&mut world, None);
    let command = HoldSlot { role: world.role, start: at(NINE), minutes: None };
    world.now = until.plus_micros(-1);
    assert_eq!(refused(world.run(command)), "slot-taken");
    world.now = until;
    hold(&mut world, None);
}

#[test]
fn a_hold_is_given_up_by_its_owner_once() {
    let mut world = World::new();
    let (id, until) = hold(&mut world, None);
    let day = |world: &World| world.day(world.role, super::super::world::date("2025-03-03"));
    let command = ReleaseHold { hold: id };
    let times = world.times();
    assert_eq!(release_hold(&day(&world), &command, "somebody", &times), Err(SchedulingRejection::HoldNotYours));
    assert_eq!(release_hold(&day(&world), &command, "desk", &Times::live(until)), Ok(vec![]), "it ended by itself");
    let changes = release_hold(&day(&world), &command, "desk", &times).expect("given up");
    assert_eq!(names(&changes), ["HoldReleased"]);
    world.append(changes);
    assert_eq!(release_hold(&day(&world), &command, "desk", &times), Ok(vec![]));
    let mut booking = world.booking(world.bob, NINE);
    booking.hold = Some(id);
    assert!(world.run(booking).is_ok(), "one given up gives no right and forbids nothing");
    assert_eq!(release_hold(&Day::default(), &command, "desk", &times), Err(SchedulingRejection::HoldUnknown));
}
