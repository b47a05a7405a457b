//! Opening days.

use chrono::Weekday;

use super::super::world::{World, at, block, date, names, refused};
use super::*;
use crate::kernel::RoleId;
use crate::organization::Policies;
use crate::practitioner::commands::TakeLeave;

fn unopened() -> World {
    let blocks = [Weekday::Mon, Weekday::Wed].map(|weekday| block(weekday, "09:00", "12:00", 30, 1));
    World::unopened("Europe/London", Policies::default(), blocks.to_vec())
}

fn span(world: &World, from: &str, to: &str) -> OpenDays {
    OpenDays { role: world.role, from: date(from), to: date(to) }
}

#[test]
fn every_day_with_a_block_is_opened() {
    let mut world = unopened();
    let changes = world.run(span(&world, "2025-03-03", "2025-03-09")).expect("opened");
    assert_eq!(names(&changes), ["DaysOpened", "DayOpened", "DayOpened"]);
    assert_eq!(world.day(world.role, date("2025-03-03")).slots().count(), 6);
    assert!(!world.day(world.role, date("2025-03-04")).is_open());
    assert!(world.role_state(world.role).is_opened(date("2025-03-04")), "a day without a block is opened, and empty");
}

#[test]
fn days_open_already_stay() {
    let mut world = unopened();
    world.run(span(&world, "2025-03-03", "2025-03-09")).expect("opened");
    world.book(world.ann, "2025-03-03T09:00:00Z");
    assert_eq!(world.run(span(&world, "2025-03-04", "2025-03-09")), Ok(vec![]), "nothing new");
    let changes = world.run(span(&world, "2025-03-03", "2025-03-10")).expect("one more");
    assert_eq!(names(&changes), ["DaysOpened", "DayOpened"]);
    assert_eq!(changes[1].0, crate::streams::day(world.role, date("2025-03-10")));
    assert_eq!(
        world.day(world.role, date("2025-03-03")).slot(at("2025-03-03T09:00:00Z")).map(|slot| slot.seats.len()),
        Some(1)
    );
}

#[test]
fn a_day_is_opened_with_the_leaves_that_cover_it() {
    let mut world = unopened();
    let (from, to) = (at("2025-03-03T10:00:00Z"), at("2025-03-03T11:00:00Z"));
    world.run(TakeLeave { role: world.role, from, to, reason: None }).expect("leave");
    world.run(span(&world, "2025-03-03", "2025-03-03")).expect("opened");
    let day = world.day(world.role, date("2025-03-03"));
    let covered: Vec<_> = day.slots().filter(|(_, slot)| !slot.leaves.is_empty()).map(|(start, _)| start).collect();
    assert_eq!(covered, [at("2025-03-03T10:00:00Z"), at("2025-03-03T10:30:00Z")]);
    assert_eq!(refused(world.run(world.booking(world.ann, "2025-03-03T10:30:00Z"))), "slot-on-leave");
}

#[test]
fn a_span_has_an_order_and_an_end() {
    let mut world = unopened();
    assert_eq!(refused(world.run(span(&world, "2025-03-04", "2025-03-03"))), "days-range");
    assert_eq!(refused(world.run(span(&world, "2025-01-01", "2026-02-05"))), "days-range");
    let nobody = OpenDays { role: RoleId(uuid::Uuid::from_u128(1)), ..span(&world, "2025-03-03", "2025-03-03") };
    assert_eq!(refused(world.run(nobody)), "practitioner-role-unknown");
    assert!(world.run(span(&world, "2025-01-01", "2026-02-04")).is_ok(), "400 days");
}
