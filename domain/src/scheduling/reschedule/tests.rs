//! Moves within a hospital.

use chrono::Weekday;

use super::super::commands::*;
use super::super::world::{World, at, block, date, made, names, refused, why};
use super::*;
use crate::event::{AppointmentEvent, Event};
use crate::kernel::RoleId;
use crate::organization::Policies;
use crate::practitioner::commands::SetSchedule;

const NINE: &str = "2025-03-03T09:00:00Z";
const TEN: &str = "2025-03-03T10:00:00Z";

fn moved(changes: &Changes) -> &AppointmentRescheduled {
    match &changes[0].1 {
        Event::AppointmentEvent(AppointmentEvent::AppointmentRescheduled(event)) => event,
        other => panic!("{}", other.event_type()),
    }
}

fn second_role(world: &mut World) -> RoleId {
    let role = RoleId::derive(world.command_id(), world.hospital.slot(), world.now, 1);
    world.assign(role);
    let blocks = vec![block(Weekday::Mon, "09:00", "12:00", 30, 1)];
    world.run(SetSchedule { role, effective_from: date("2025-01-01"), blocks }).expect("a schedule");
    world.run(OpenDays { role, from: date("2025-03-01"), to: date("2025-03-31") }).expect("opened");
    role
}

#[test]
fn a_move_keeps_the_id_and_swaps_the_seats_in_one_batch() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    let changes = world.run(world.moving(appointment, TEN)).expect("moved");
    assert_eq!(names(&changes), ["AppointmentRescheduled", "SeatReleased", "SeatTaken", "VisitMoved"]);
    assert_eq!(made(&changes), appointment);
    assert_eq!((moved(&changes).from.period.start, moved(&changes).to.period.start), (at(NINE), at(TEN)));
    world.book(world.bob, NINE);
    assert_eq!(refused(world.run(world.booking(world.bob, TEN))), "slot-taken");
}

#[test]
fn a_move_to_another_day_and_role_leaves_the_old_day_free() {
    let mut world = World::new();
    let other = second_role(&mut world);
    let appointment = world.book(world.ann, NINE);
    let command = RescheduleAppointment { role: Some(other), ..world.moving(appointment, "2025-03-10T09:30:00Z") };
    let changes = world.run(command).expect("moved");
    assert_eq!(moved(&changes).to.role, other);
    assert_eq!(changes[1].0, streams::day(world.role, date("2025-03-03")));
    assert_eq!(changes[2].0, streams::day(other, date("2025-03-10")));
    world.book(world.bob, NINE);
    let facts = world.appointment(appointment);
    assert_eq!(facts.facts().expect("known").role, other);
}

#[test]
fn the_same_time_with_another_practitioner_is_a_move_too() {
    let mut world = World::new();
    let other = second_role(&mut world);
    let appointment = world.book(world.ann, NINE);
    assert_eq!(refused(world.run(world.moving(appointment, NINE))), "already-there");
    let command = RescheduleAppointment { role: Some(other), ..world.moving(appointment, NINE) };
    world.run(command).expect("its own visit is no overlap");
}

#[test]
fn a_move_does_not_leave_the_hospital() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    let mut elsewhere = world.role_state(world.role).facts().expect("known").clone();
    elsewhere.hospital = crate::kernel::HospitalId(uuid::Uuid::from_u128(1));
    let stream = streams::role(RoleId(uuid::Uuid::from_u128(2)));
    let assigned = crate::practitioner::events::RoleAssigned {
        role: RoleId(uuid::Uuid::from_u128(2)),
        practitioner: elsewhere.practitioner,
        hospital: elsewhere.hospital,
        specialty: elsewhere.specialty,
        services: vec![],
    };
    world.streams.insert(stream, vec![assigned.into()]);
    let command =
        RescheduleAppointment { role: Some(RoleId(uuid::Uuid::from_u128(2))), ..world.moving(appointment, TEN) };
    assert_eq!(refused(world.run(command)), "other-hospital");
}

#[test]
fn the_price_stays_unless_policy_takes_the_new_dates() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    let kept = world.run(world.moving(appointment, "2025-03-17T09:00:00Z")).expect("moved");
    assert_eq!(moved(&kept).price.amount.minor, 12_000);
    world.set_policies(Policies { reschedule_price: ReschedulePrice::Reprice, ..Policies::default() });
    let repriced = world.run(world.moving(appointment, "2025-03-17T10:00:00Z")).expect("moved");
    assert_eq!(moved(&repriced).price.amount.minor, 13_000);
    assert_eq!(moved(&repriced).price.service_date, date("2025-03-17"));
}

#[test]
fn a_move_into_another_visit_of_the_patient_needs_a_reason() {
    let blocks = vec![block(Weekday::Mon, "09:00", "12:00", 30, 2)];
    let mut world = World::with("Europe/London", Policies::default(), blocks);
    let appointment = world.book(world.ann, NINE);
    world.book(world.ann, TEN);
    let command = world.moving(appointment, TEN);
    assert_eq!(refused(world.run(command.clone())), "visits-overlap");
    let meant = RescheduleAppointment { overlap_reason: Some(why("both at once")), ..command };
    assert!(moved(&world.run(meant).expect("meant")).overlap_reason.is_some());
}

#[test]
fn a_move_needs_a_reason_and_a_free_seat() {
    let mut world = World::new();
    let appointment = world.book(world.ann, NINE);
    world.book(world.bob, TEN);
    assert_eq!(refused(world.run(world.moving(appointment, TEN))), "slot-taken");
    let silent = RescheduleAppointment { reason: why(" "), ..world.moving(appointment, "2025-03-03T11:00:00Z") };
    assert_eq!(refused(world.run(silent)), "reason-missing");
    let nowhere = world.moving(appointment, "2025-03-03T11:10:00Z");
    assert_eq!(refused(world.run(nowhere)), "slot-not-open");
}
