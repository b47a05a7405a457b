//! Leave over free and booked slots.

use super::super::commands::*;
use super::super::world::{World, at, date, names, refused};
use super::*;
use crate::event::{AppointmentEvent, Event, RoleEvent};
use crate::kernel::RoleId;

const NINE: &str = "2025-03-10T09:00:00Z";

fn leave(world: &mut World, from: &str, to: &str) -> (LeaveId, Changes) {
    let changes =
        world.run(TakeLeave { role: world.role, from: at(from), to: at(to), reason: None }).expect("it can be taken");
    match &changes[0].1 {
        Event::RoleEvent(RoleEvent::LeaveTaken(event)) => (event.leave, changes.clone()),
        other => panic!("{}", other.event_type()),
    }
}

fn whole_day(world: &mut World) -> (LeaveId, Changes) {
    leave(world, "2025-03-10T00:00:00Z", "2025-03-11T00:00:00Z")
}

fn to_rebook(world: &World, appointment: AppointmentId) -> Option<LeaveId> {
    world.appointment(appointment).get().and_then(|facts| facts.rebooking)
}

#[test]
fn free_slots_become_unavailable_and_booked_ones_are_to_be_rebooked() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    let (id, changes) = whole_day(&mut world);
    assert_eq!(names(&changes), ["LeaveTaken", "SlotsBlocked", "RebookingNeeded"]);
    assert_eq!(to_rebook(&world, appointment), Some(id));
    assert_eq!(world.status(appointment), AppointmentStatus::Booked, "nothing is cancelled silently");
    let status = world.day(world.role, date("2025-03-10")).status(at("2025-03-10T10:00:00Z"), world.now);
    assert_eq!(status, Some(super::super::SlotStatus::BusyUnavailable));
    assert_eq!(refused(world.run(world.booking(world.bob, "2025-03-10T10:00:00Z"))), "slot-on-leave");
}

#[test]
fn a_leave_ends_before_the_slot_that_starts_with_its_end() {
    let mut world = World::new();
    leave(&mut world, "2025-03-10T09:10:00Z", "2025-03-10T10:00:00Z");
    let free = |world: &mut World, start: &str| world.run(world.booking(world.ann, start)).is_ok();
    assert!(!free(&mut world, NINE), "it begins within the slot");
    assert!(!free(&mut world, "2025-03-10T09:30:00Z"));
    assert!(free(&mut world, "2025-03-10T10:00:00Z"));
}

#[test]
fn an_arrival_undone_on_leave_is_to_be_rebooked_and_one_undone_after_it_is_not() {
    let undo = |appointment| UndoStatus {
        appointment,
        to: AppointmentStatus::Booked,
        reason: super::super::world::why("the wrong patient"),
    };
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    world.run(Arrive { appointment }).expect("here");
    let (id, changes) = whole_day(&mut world);
    assert_eq!(names(&changes), ["LeaveTaken", "SlotsBlocked"], "they came all the same");
    let undone = world.run(undo(appointment)).expect("put back");
    assert_eq!(names(&undone), ["AppointmentStatusUndone", "RebookingNeeded"]);
    assert_eq!(to_rebook(&world, appointment), Some(id));

    world.run(Arrive { appointment }).expect("here after all");
    world.run(CancelLeave { role: world.role, leave: id }).expect("taken back");
    assert_eq!(
        names(&world.run(undo(appointment)).expect("put back")),
        ["AppointmentStatusUndone", "RebookingSettled"]
    );
    assert_eq!(to_rebook(&world, appointment), None);
}

#[test]
fn a_move_takes_the_appointment_off_the_worklist() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    whole_day(&mut world);
    world.run(world.moving(appointment, "2025-03-11T09:00:00Z")).expect("moved");
    assert_eq!(to_rebook(&world, appointment), None);
}

#[test]
fn those_who_came_or_are_gone_are_not_to_be_rebooked() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    world.run(CheckIn { appointment }).expect("checked in");
    let (_, changes) = whole_day(&mut world);
    assert_eq!(names(&changes), ["LeaveTaken", "SlotsBlocked"]);
}

#[test]
fn a_leave_taken_back_frees_the_slots_and_settles_the_worklist() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    let (id, _) = whole_day(&mut world);
    let command = CancelLeave { role: world.role, leave: id };
    let changes = world.run(command.clone()).expect("taken back");
    assert_eq!(names(&changes), ["LeaveCancelled", "SlotsUnblocked", "RebookingSettled"]);
    assert_eq!(to_rebook(&world, appointment), None);
    world.book(world.bob, "2025-03-10T10:00:00Z");
    assert_eq!(refused(world.run(command)), "leave-cancelled");
}

#[test]
fn a_slot_under_two_leaves_stays_unavailable_until_both_are_gone() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    let (first, _) = whole_day(&mut world);
    let (second, _) = leave(&mut world, "2025-03-10T08:00:00Z", "2025-03-10T09:30:00Z");
    assert_eq!(to_rebook(&world, appointment), Some(second));
    world.run(CancelLeave { role: world.role, leave: second }).expect("taken back");
    assert_eq!(to_rebook(&world, appointment), Some(first), "the other leave still covers it");
    assert_eq!(refused(world.run(world.booking(world.bob, "2025-03-10T10:00:00Z"))), "slot-on-leave");
    world.run(CancelLeave { role: world.role, leave: first }).expect("taken back");
    assert_eq!(to_rebook(&world, appointment), None);
}

#[test]
fn a_leave_has_a_period_a_role_and_is_known() {
    let mut world = World::new();
    let (role, from) = (world.role, at(NINE));
    let take = |role, to| TakeLeave { role, from, to, reason: None };
    assert_eq!(refused(world.run(take(role, from))), "leave-period");
    assert_eq!(refused(world.run(take(role, from.plus_minutes(400 * 24 * 60 + 1)))), "leave-period");
    let nobody = RoleId(uuid::Uuid::from_u128(1));
    assert_eq!(refused(world.run(take(nobody, from.plus_minutes(1)))), "practitioner-role-unknown");
    let unheard = LeaveId(uuid::Uuid::from_u128(1));
    assert_eq!(refused(world.run(CancelLeave { role, leave: unheard })), "leave-unknown");
}

#[test]
fn a_leave_over_a_night_block_covers_the_slots_after_midnight() {
    use chrono::Weekday;
    let night = vec![super::super::world::block(Weekday::Sun, "22:00", "04:00", 60, 1)];
    let mut world = World::with("Europe/London", crate::organization::Policies::default(), night);
    let appointment = world.book(world.ann, "2025-03-17T02:00:00Z");
    leave(&mut world, "2025-03-17T00:00:00Z", "2025-03-18T00:00:00Z");
    assert!(to_rebook(&world, appointment).is_some());
    assert!(matches!(
        world.streams[&crate::streams::appointment(appointment)].last(),
        Some(Event::AppointmentEvent(AppointmentEvent::RebookingNeeded(_)))
    ));
}
