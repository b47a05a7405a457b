//! Booking and asking, allowed and refused.

use chrono::Weekday;

use super::super::commands::*;
use super::super::events::VisitPlanned;
use super::super::world::{World, at, block, date, made, names, refused, why};
use super::*;
use crate::event::{AppointmentEvent, Event};
use crate::kernel::reason::REASON_BYTES_MAX;
use crate::kernel::{PatientId, RoleId};
use crate::organization::Policies;
use AppointmentStatus as S;

const NINE: &str = "2025-03-03T09:00:00Z";

fn booked(changes: &Changes) -> &AppointmentBooked {
    match &changes[0].1 {
        Event::AppointmentEvent(AppointmentEvent::AppointmentBooked(event)) => event,
        other => panic!("{}", other.event_type()),
    }
}

#[test]
fn a_booking_takes_a_seat_agrees_a_price_and_fills_the_patients_time() {
    let mut world = World::new();
    let changes = world.run(world.booking(world.ann, NINE)).expect("booked");
    assert_eq!(names(&changes), ["AppointmentBooked", "SeatTaken", "VisitPlanned"]);
    let event = booked(&changes);
    assert_eq!(event.period, Period { start: at(NINE), end: at("2025-03-03T09:30:00Z") });
    assert_eq!((event.price.amount.minor, event.price.service_date), (12_000, date("2025-03-03")));
    assert_eq!((event.date, event.specialty.as_str()), (date("2025-03-03"), "cardiology"));
    let planned = VisitPlanned {
        hospital: world.hospital,
        patient: world.ann,
        appointment: made(&changes),
        period: event.period.clone(),
    };
    assert_eq!(changes[2], (streams::patient_schedule(world.hospital, world.ann), planned.into()));
}

#[test]
fn the_price_is_that_of_the_service_date_as_known_when_booked() {
    let mut world = World::new();
    let early = world.run(world.booking(world.ann, "2025-03-17T09:00:00Z")).expect("booked");
    assert_eq!(booked(&early).price.amount.minor, 13_000);
}

#[test]
fn without_a_price_nothing_is_booked() {
    let mut world = World::new();
    let unpriced = BookAppointment { service: "surgery".to_owned(), ..world.booking(world.ann, NINE) };
    assert_eq!(refused(world.run(unpriced)), "price-missing");
}

#[test]
fn the_service_date_is_the_hospitals_local_date() {
    // 00:30 on 17 March in Auckland is still 16 March in London, and in UTC.
    let nights = vec![block(Weekday::Mon, "00:30", "01:30", 30, 1)];
    let mut world = World::with("Pacific/Auckland", Policies::default(), nights);
    let changes = world.run(world.booking(world.ann, "2025-03-16T11:30:00Z")).expect("booked");
    assert_eq!(booked(&changes).price.amount.minor, 13_000);
    assert_eq!(booked(&changes).price.service_date, date("2025-03-17"));
}

#[test]
fn a_slot_after_midnight_belongs_to_the_day_its_block_begins_on() {
    let night = vec![block(Weekday::Sun, "22:00", "02:00", 60, 1)];
    let mut world = World::with("Europe/London", Policies::default(), night);
    let changes = world.run(world.booking(world.ann, "2025-03-17T01:00:00Z")).expect("booked");
    assert_eq!(booked(&changes).date, date("2025-03-16"));
    assert_eq!(booked(&changes).price.service_date, date("2025-03-17"), "but is charged by its own date");
}

#[test]
fn a_full_slot_is_refused_to_the_next() {
    let mut world = World::new();
    world.book(world.ann, NINE);
    let no = world.run(world.booking(world.bob, NINE)).expect_err("it is full");
    assert_eq!((no.code, no.field.as_deref()), ("slot-taken", Some("start")));
}

#[test]
fn a_time_at_which_no_slot_starts_is_refused() {
    let mut world = World::new();
    for start in ["2025-03-03T09:15:00Z", "2025-03-06T09:00:00Z", "2025-04-07T08:00:00Z"] {
        assert_eq!(refused(world.run(world.booking(world.ann, start))), "slot-not-open", "{start}");
    }
}

#[test]
fn a_patient_has_to_be_known_at_the_hospital() {
    let mut world = World::new();
    let stranger = PatientId(uuid::Uuid::from_u128(3));
    assert_eq!(refused(world.run(world.booking(stranger, NINE))), "patient-not-linked");
}

#[test]
fn a_role_that_is_not_there_or_elsewhere_is_refused() {
    let mut world = World::new();
    let nobody = BookAppointment { role: RoleId(uuid::Uuid::from_u128(3)), ..world.booking(world.ann, NINE) };
    assert_eq!(refused(world.run(nobody)), "practitioner-role-unknown");
}

#[test]
fn a_role_gives_only_the_services_it_offers() {
    let mut world = World::new();
    let stream = streams::role(world.role);
    for event in world.streams.get_mut(&stream).expect("the role") {
        if let Event::RoleEvent(crate::event::RoleEvent::RoleAssigned(assigned)) = event {
            assigned.services = vec!["late".to_owned()];
        }
    }
    assert_eq!(refused(world.run(world.booking(world.ann, NINE))), "service-not-offered");
    let offered = BookAppointment { service: "late".to_owned(), ..world.booking(world.ann, NINE) };
    assert!(world.run(offered).is_ok());
}

#[test]
fn two_live_appointments_of_a_patient_overlap_only_with_a_reason() {
    let mut world =
        World::with("Europe/London", Policies::default(), vec![block(Weekday::Mon, "09:00", "12:00", 60, 2)]);
    let first = world.book(world.ann, NINE);
    let second = world.booking(world.ann, NINE);
    let no = world.run(second.clone()).expect_err("they overlap");
    assert_eq!(no.code, "visits-overlap");
    assert!(no.message.contains(&first.to_string()), "it says with which");
    let blank = BookAppointment { overlap_reason: Some(why("")), ..second.clone() };
    assert_eq!(refused(world.run(blank)), "visits-overlap");
    let meant = BookAppointment { overlap_reason: Some(why("two specialists at once")), ..second };
    let changes = world.run(meant).expect("it is meant");
    assert!(booked(&changes).overlap_reason.is_some());
}

#[test]
fn the_time_of_a_cancelled_or_ended_visit_is_free() {
    let mut world =
        World::with("Europe/London", Policies::default(), vec![block(Weekday::Mon, "09:00", "12:00", 60, 5)]);
    let cancelled = world.book(world.ann, NINE);
    world
        .run(CancelAppointment { appointment: cancelled, by: super::super::CancelledBy::Patient, reason: None })
        .expect("cancelled");
    let appointment = world.book(world.ann, NINE);
    world.run(CheckIn { appointment }).expect("checked in");
    world.now = at("2025-03-03T09:20:00Z");
    world.run(Fulfil { appointment, started: at(NINE), ended: world.now }).expect("fulfilled");
    world.book(world.ann, NINE);
}

#[test]
fn a_hold_reserves_the_seat_for_its_owner_and_is_used_up() {
    let mut world = World::new();
    let held = world.run(HoldSlot { role: world.role, start: at(NINE), minutes: None }).expect("held");
    let Event::DayEvent(crate::event::DayEvent::SlotHeld(held)) = &held[0].1 else { panic!("held") };
    let hold = Some(held.hold);
    assert_eq!(refused(world.run(world.booking(world.bob, NINE))), "slot-taken");
    world.user = "other desk".to_owned();
    let stolen = BookAppointment { hold, ..world.booking(world.bob, NINE) };
    assert_eq!(refused(world.run(stolen)), "hold-not-yours");
    world.user = "desk".to_owned();
    let elsewhere = BookAppointment { hold, ..world.booking(world.ann, "2025-03-03T09:30:00Z") };
    assert_eq!(refused(world.run(elsewhere)), "hold-elsewhere");
    let changes = world.run(BookAppointment { hold, ..world.booking(world.ann, NINE) }).expect("it is theirs");
    assert_eq!(names(&changes), ["AppointmentBooked", "HoldReleased", "SeatTaken", "VisitPlanned"]);
    let again = BookAppointment { hold, ..world.booking(world.bob, NINE) };
    assert_eq!(refused(world.run(again)), "slot-taken");
}

#[test]
fn a_hold_that_ended_gives_no_right_but_does_not_forbid_a_free_seat() {
    let mut world = World::new();
    let held = world.run(HoldSlot { role: world.role, start: at(NINE), minutes: None }).expect("held");
    let Event::DayEvent(crate::event::DayEvent::SlotHeld(held)) = &held[0].1 else { panic!("held") };
    let hold = Some(held.hold);
    world.now = held.until;
    let mut other = World::new();
    other.streams = world.streams.clone();
    other.now = world.now;
    assert!(world.run(BookAppointment { hold, ..world.booking(world.ann, NINE) }).is_ok());
    other.book(other.bob, NINE);
    assert_eq!(refused(other.run(BookAppointment { hold, ..other.booking(other.ann, NINE) })), "slot-taken");
}

#[test]
fn an_appointment_can_begin_without_a_seat() {
    for (status, name) in [
        (S::Proposed, "AppointmentProposed"),
        (S::Pending, "AppointmentMadePending"),
        (S::Waitlist, "AppointmentWaitlisted"),
    ] {
        let mut world = World::new();
        world.book(world.bob, NINE);
        let wish = BookAppointment { status, ..world.booking(world.ann, NINE) };
        let changes = world.run(wish).expect("a full slot can be wished for");
        assert_eq!(names(&changes), [name]);
        assert_eq!(world.status(made(&changes)), status);
        let timeless = BookAppointment { status, start: None, ..world.booking(world.ann, NINE) };
        assert!(world.run(timeless).is_ok(), "a wish needs no time");
        let unheard = "a café".to_owned();
        let unheard = BookAppointment { status, service: unheard, start: None, ..world.booking(world.ann, NINE) };
        assert_eq!(refused(world.run(unheard)), "service-not-offered");
    }
}

#[test]
fn a_wish_may_go_beyond_the_opened_days_but_not_beyond_the_schedule() {
    let mut world = World::new();
    let later = |start: &str, world: &World| BookAppointment { status: S::Proposed, ..world.booking(world.ann, start) };
    let planned = world.run(later("2025-04-07T08:00:00Z", &world)).expect("09:00 in London, a Monday");
    let Event::AppointmentEvent(AppointmentEvent::AppointmentProposed(event)) = &planned[0].1 else {
        panic!("proposed")
    };
    assert_eq!(event.requested, Some(Period { start: at("2025-04-07T08:00:00Z"), end: at("2025-04-07T08:30:00Z") }));
    assert_eq!(refused(world.run(later("2025-04-07T20:00:00Z", &world))), "slot-not-open");
}

#[test]
fn an_appointment_does_not_begin_at_its_end() {
    for &status in S::ALL {
        if matches!(status, S::Proposed | S::Pending | S::Waitlist | S::Booked) {
            continue;
        }
        let mut world = World::new();
        let odd = BookAppointment { status, ..world.booking(world.ann, NINE) };
        assert_eq!(refused(world.run(odd)), "status-not-bookable");
    }
}

#[test]
fn a_booking_needs_its_start_and_bearable_reasons() {
    let mut world = World::new();
    let timeless = BookAppointment { start: None, ..world.booking(world.ann, NINE) };
    assert_eq!(refused(world.run(timeless)), "start-missing");
    let long =
        BookAppointment { reason: Some(why(&"x".repeat(REASON_BYTES_MAX + 1))), ..world.booking(world.ann, NINE) };
    assert_eq!(refused(world.run(long)), "reason-too-long");
}
