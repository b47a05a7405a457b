//! A history in words.

use super::super::commands::*;
use super::super::world::{World, at, why};
use super::*;
use crate::event::Event;

#[test]
fn a_history_reads_like_sentences_and_shows_nothing_personal() {
    let mut world = World::new();
    let booking = BookAppointment { reason: Some(why("SECRET")), ..world.booking(world.ann, "2025-03-31T08:00:00Z") };
    let appointment = super::super::world::made(&world.run(booking).expect("booked"));
    let moving = RescheduleAppointment { reason: why("SECRET"), ..world.moving(appointment, "2025-03-31T09:00:00Z") };
    world.run(moving).expect("moved");
    world.run(CheckIn { appointment }).expect("checked in");
    world
        .run(UndoStatus { appointment, to: super::super::AppointmentStatus::Booked, reason: why("SECRET") })
        .expect("undone");
    let cancel = CancelAppointment { appointment, by: super::super::CancelledBy::Patient, reason: Some(why("SECRET")) };
    world.run(cancel).expect("cancelled");
    let london = "Europe/London".parse().expect("a zone");
    let told: Vec<String> = world.streams[&crate::streams::appointment(appointment)]
        .iter()
        .map(|event| describe_in(event, london))
        .collect();
    assert_eq!(
        told,
        [
            "Booked for 2025-03-31 09:00 Europe/London (the visit)",
            "Moved from 2025-03-31 09:00 Europe/London to 2025-03-31 10:00 Europe/London, by the patient",
            "The patient was checked in",
            "Corrected from checked-in back to booked",
            "Cancelled by the patient",
        ]
    );
    assert!(told.iter().all(|line| !line.contains("SECRET") && !line.contains(&world.ann.to_string())));
}

#[test]
fn every_event_of_an_appointment_is_told_in_words_of_its_own() {
    let mut world = World::new();
    let appointment = world.book(world.ann, "2025-03-03T09:00:00Z");
    world.now = at("2025-03-03T09:30:00Z");
    world.run(MarkNoShow { appointment, automatic: true, start: None }).expect("marked");
    let last = world.streams[&crate::streams::appointment(appointment)].last().expect("events");
    assert_eq!(describe(last), "The patient did not come, marked automatically");
}

#[test]
fn other_events_are_told_by_their_name() {
    let world = World::new();
    let first: &Event = &world.streams[&crate::streams::organization(world.hospital)][0];
    assert_eq!(describe(first), "Hospital registered");
}
