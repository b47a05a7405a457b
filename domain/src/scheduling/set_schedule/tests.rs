//! A changed schedule on opened days.

use chrono::Weekday;

use super::super::commands::*;
use super::super::world::{World, at, block, date, names, refused};
use super::*;
use crate::organization::Policies;
use crate::practitioner::WeeklyBlock;
use crate::practitioner::commands::TakeLeave;

const NINE: &str = "2025-03-10T09:00:00Z";

fn mondays(start: &str, end: &str, minutes: u16) -> Vec<WeeklyBlock> {
    vec![block(Weekday::Mon, start, end, minutes, 1)]
}

fn world() -> World {
    World::with("Europe/London", Policies::default(), mondays("09:00", "11:00", 30))
}

fn from(world: &World, effective_from: &str, blocks: Vec<WeeklyBlock>) -> SetSchedule {
    SetSchedule { role: world.role, effective_from: date(effective_from), blocks }
}

fn starts(world: &World, day: &str) -> Vec<String> {
    let day = world.day(world.role, date(day));
    day.slots().map(|(start, _)| start.to_utc().format("%H:%M").to_string()).collect()
}

#[test]
fn opened_days_follow_a_changed_schedule_from_its_date_on() {
    let mut world = world();
    let changes = world.run(from(&world, "2025-03-10", mondays("10:00", "12:00", 30))).expect("changed");
    assert_eq!(changes[0].0, streams::role(world.role));
    assert_eq!(starts(&world, "2025-03-03"), ["09:00", "09:30", "10:00", "10:30"], "the week before stays");
    assert_eq!(starts(&world, "2025-03-10"), ["10:00", "10:30", "11:00", "11:30"]);
    assert_eq!(
        starts(&world, "2025-03-31"),
        ["09:00", "09:30", "10:00", "10:30"],
        "10:00 in London is 09:00 UTC by then"
    );
}

#[test]
fn a_seat_taken_or_kept_holds_its_slot() {
    let mut world = world();
    world.book(world.ann, NINE);
    world.run(HoldSlot { role: world.role, start: at("2025-03-10T10:30:00Z"), minutes: None }).expect("held");
    world.run(from(&world, "2025-03-10", mondays("09:10", "11:10", 20))).expect("changed");
    // 09:00-09:30 and 10:30-11:00 stay; of the new slots only those beside them come.
    assert_eq!(starts(&world, "2025-03-10"), ["09:00", "09:30", "09:50", "10:10", "10:30"]);
}

#[test]
fn the_same_schedule_again_touches_no_day() {
    let mut world = world();
    let changes = world.run(from(&world, "2025-03-10", mondays("09:00", "11:00", 30))).expect("set");
    assert_eq!(names(&changes), ["ScheduleSet"]);
}

#[test]
fn another_capacity_is_another_slot() {
    let mut world = world();
    world.book(world.ann, NINE);
    world.run(from(&world, "2025-03-10", vec![block(Weekday::Mon, "09:00", "11:00", 30, 5)])).expect("set");
    let day = world.day(world.role, date("2025-03-10"));
    let seats: Vec<_> = day.slots().map(|(_, slot)| slot.capacity).collect();
    assert_eq!(seats, [1, 5, 5, 5], "the booked one stays as it was");
}

#[test]
fn the_past_stays_as_it_was() {
    let mut world = world();
    world.now = at("2025-03-10T10:00:00Z");
    world.run(from(&world, "2025-03-01", mondays("12:00", "13:00", 30))).expect("set");
    assert_eq!(starts(&world, "2025-03-03"), ["09:00", "09:30", "10:00", "10:30"]);
    assert_eq!(starts(&world, "2025-03-10"), ["09:00", "09:30", "12:00", "12:30"]);
}

#[test]
fn a_later_schedule_holds_from_its_own_date() {
    let mut world = world();
    world.run(from(&world, "2025-03-24", mondays("14:00", "15:00", 30))).expect("set");
    world.run(from(&world, "2025-03-10", mondays("12:00", "13:00", 30))).expect("set");
    assert_eq!(starts(&world, "2025-03-17"), ["12:00", "12:30"]);
    assert_eq!(starts(&world, "2025-03-24"), ["14:00", "14:30"]);
}

#[test]
fn a_day_without_slots_so_far_is_opened_by_the_schedule_that_gives_it_some() {
    let mut world = world();
    let changes =
        world.run(from(&world, "2025-03-10", vec![block(Weekday::Thu, "09:00", "10:00", 30, 1)])).expect("set");
    assert!(names(&changes).contains(&"DayOpened"));
    assert_eq!(starts(&world, "2025-03-13"), ["09:00", "09:30"]);
    assert!(starts(&world, "2025-03-10").is_empty());
    world.book(world.ann, "2025-03-13T09:00:00Z");
}

#[test]
fn new_slots_under_a_leave_are_blocked() {
    let mut world = world();
    let (begin, end) = (at("2025-03-10T00:00:00Z"), at("2025-03-11T00:00:00Z"));
    world.run(TakeLeave { role: world.role, from: begin, to: end, reason: None }).expect("leave");
    let changes = world.run(from(&world, "2025-03-10", mondays("14:00", "15:00", 30))).expect("set");
    assert!(names(&changes).contains(&"SlotsBlocked"));
    assert_eq!(refused(world.run(world.booking(world.ann, "2025-03-10T14:00:00Z"))), "slot-on-leave");
}

#[test]
fn a_kept_night_slot_is_not_cut_again_on_the_day_after() {
    let mut world =
        World::with("Europe/London", Policies::default(), vec![block(Weekday::Sun, "22:00", "04:00", 60, 1)]);
    world.book(world.ann, "2025-03-17T02:00:00Z");
    world.run(from(&world, "2025-03-10", vec![block(Weekday::Mon, "00:00", "05:00", 60, 1)])).expect("set");
    assert_eq!(starts(&world, "2025-03-16"), ["02:00"]);
    assert_eq!(starts(&world, "2025-03-17"), ["03:00", "04:00"]);
}

#[test]
fn a_schedule_that_is_none_is_refused() {
    let mut world = world();
    assert_eq!(refused(world.run(from(&world, "2025-03-10", mondays("09:00", "09:10", 30)))), "block-too-short");
}
