//! Roles: assignment, schedules by date, opened days.

use super::*;
use crate::kernel::fold;
use crate::practitioner::events::{DaysOpened, ScheduleSet};
use crate::scheduling::world::{World, block, date, names};
use chrono::Weekday;

fn opened(from: &str, to: &str) -> RoleEvent {
    let id = uuid::Uuid::from_u128(1);
    DaysOpened {
        role: RoleId(id),
        practitioner: PractitionerId(id),
        hospital: HospitalId(id),
        from: date(from),
        to: date(to),
    }
    .into()
}

fn schedule(from: &str, blocks: Vec<WeeklyBlock>) -> RoleEvent {
    let id = uuid::Uuid::from_u128(1);
    ScheduleSet {
        role: RoleId(id),
        practitioner: PractitionerId(id),
        hospital: HospitalId(id),
        effective_from: date(from),
        blocks,
    }
    .into()
}

#[test]
fn a_role_joins_a_known_practitioner_and_a_known_hospital() {
    let world = World::new();
    let practitioner = world.state(&streams::practitioner(world.practitioner));
    let good = AssignRole {
        practitioner: world.practitioner,
        hospital: world.hospital,
        specialty: "cardiology".to_owned(),
        services: vec!["visit".to_owned()],
    };
    let new = RoleId(uuid::Uuid::from_u128(4));
    let assign = |command: &AssignRole| {
        assign_role(&world.hospital(), &practitioner, &PractitionerRole::default(), command, new)
    };
    assert_eq!(names(&assign(&good).expect("assigned")), ["RoleAssigned"]);
    let nobody = PractitionerId(uuid::Uuid::from_u128(5));
    let nowhere = HospitalId(uuid::Uuid::from_u128(5));
    for (bad, rejection) in [
        (AssignRole { practitioner: nobody, ..good.clone() }, PractitionerRejection::PractitionerUnknown),
        (AssignRole { hospital: nowhere, ..good.clone() }, PractitionerRejection::HospitalUnknown),
        (
            AssignRole { specialty: "heart and lung".to_owned(), ..good.clone() },
            PractitionerRejection::SpecialtyInvalid,
        ),
        (AssignRole { services: vec![String::new()], ..good.clone() }, PractitionerRejection::ServicesInvalid),
        (AssignRole { services: vec!["a".to_owned(); 101], ..good.clone() }, PractitionerRejection::ServicesInvalid),
    ] {
        assert_eq!(assign(&bad), Err(rejection));
    }
    let there = world.role_state(world.role);
    assert_eq!(
        assign_role(&world.hospital(), &practitioner, &there, &good, world.role),
        Err(PractitionerRejection::RoleExists)
    );
}

#[test]
fn the_schedule_of_a_date_is_the_last_one_in_force_by_then() {
    let first = vec![block(Weekday::Mon, "09:00", "10:00", 30, 1)];
    let second = vec![block(Weekday::Mon, "12:00", "13:00", 30, 1)];
    // Set in the other order: their dates decide.
    let role: PractitionerRole = fold(&[schedule("2025-03-10", second.clone()), schedule("2025-03-01", first.clone())]);
    assert!(role.blocks_on(date("2025-02-28")).is_empty());
    assert_eq!(role.blocks_on(date("2025-03-09")), first);
    assert_eq!(role.blocks_on(date("2025-03-10")), second);
    assert_eq!(role.next_schedule_after(date("2025-03-01")), Some(date("2025-03-10")));
    assert_eq!(role.next_schedule_after(date("2025-03-10")), None);
}

#[test]
fn a_night_block_of_the_schedule_before_is_not_cut_again() {
    let night = vec![block(Weekday::Sun, "22:00", "06:00", 60, 1)];
    let early = vec![block(Weekday::Mon, "04:00", "08:00", 60, 1)];
    let role: PractitionerRole = fold(&[schedule("2025-03-01", night), schedule("2025-03-10", early)]);
    let starts: Vec<String> =
        role.slots_on(date("2025-03-10"), Zone::UTC).iter().map(|slot| slot.start.to_string()).collect();
    assert_eq!(starts, ["2025-03-10T06:00:00Z", "2025-03-10T07:00:00Z"]);
}

#[test]
fn spans_of_opened_days_grow_together() {
    let role: PractitionerRole = fold(&[
        opened("2025-03-10", "2025-03-12"),
        opened("2025-03-01", "2025-03-03"),
        opened("2025-03-13", "2025-03-15"),
    ]);
    let open = |day: &str| role.is_opened(date(day));
    assert!(open("2025-03-01") && open("2025-03-03") && !open("2025-03-04") && !open("2025-02-28"));
    assert!(open("2025-03-12") && open("2025-03-13") && !open("2025-03-16"));
    assert_eq!(role.opened_until(), Some(date("2025-03-15")));
    assert_eq!(role.opened.len(), 2, "neighbours are one span");
    assert_eq!(
        role.opened_dates(date("2025-03-03"), date("2025-03-11")),
        [date("2025-03-03"), date("2025-03-10"), date("2025-03-11"),]
    );
}
