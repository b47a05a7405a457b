//! What an appointment is after its events.

use super::super::commands::*;
use super::super::world::{World, at};
use super::*;

#[test]
fn a_seat_is_taken_up_while_live_and_after_a_visit_or_a_no_show() {
    let mut world = World::new();
    let appointment = world.book(world.ann, "2025-03-03T09:00:00Z");
    let takes = |world: &World| world.appointment(appointment).get().is_some_and(|facts| facts.taken_seat().is_some());
    assert!(takes(&world));
    world.run(CheckIn { appointment }).expect("checked in");
    world.now = at("2025-03-03T09:30:00Z");
    let (started, ended) = (at("2025-03-03T09:05:00Z"), at("2025-03-03T09:20:00Z"));
    world.run(Fulfil { appointment, started, ended }).expect("fulfilled");
    assert!(takes(&world));
    let state = world.appointment(appointment);
    let facts = state.facts().expect("known");
    assert!(!facts.is_live());
    assert_eq!(facts.visit, Some(Period { start: started, end: ended }));
    assert_eq!(
        facts.day_stream().map(|name| name.to_string()).expect("a seat"),
        format!("practitioner-day:{}:2025-03-03", world.role)
    );
}

#[test]
fn later_events_without_a_beginning_change_nothing() {
    let mut world = World::new();
    let appointment = world.book(world.ann, "2025-03-03T09:00:00Z");
    let arrived = world.run(Arrive { appointment }).expect("arrived").remove(0).1;
    let mut state = Appointment::default();
    state.evolve(&arrived.try_into().expect("an appointment's"));
    assert_eq!(state, Appointment::default());
    assert_eq!(state.facts(), Err(SchedulingRejection::AppointmentUnknown));
}
