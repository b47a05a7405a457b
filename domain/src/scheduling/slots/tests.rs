//! From walls to instants: gaps, ambiguous hours, half-hour changes, and many zones at random.

use chrono::Weekday;
use proptest::prelude::*;

use super::super::world::{at, block, date};
use super::*;

fn zone(name: &str) -> Zone {
    name.parse().expect("a zone")
}

fn count(zone_name: &str, day: &str, start: &str, end: &str, minutes: u16) -> usize {
    let date = date(day);
    slots_of(date, &[block(date.weekday(), start, end, minutes, 1)], zone(zone_name)).len()
}

#[test]
fn a_london_night_has_12_16_or_20_quarter_hours() {
    assert_eq!(count("Europe/London", "2025-03-30", "00:00", "04:00", 15), 12);
    assert_eq!(count("Europe/London", "2025-03-31", "00:00", "04:00", 15), 16);
    assert_eq!(count("Europe/London", "2025-10-26", "00:00", "04:00", 15), 20);
}

#[test]
fn lord_howe_moves_its_clocks_by_half_an_hour() {
    assert_eq!(count("Australia/Lord_Howe", "2025-10-05", "00:00", "04:00", 15), 14);
    assert_eq!(count("Australia/Lord_Howe", "2025-10-06", "00:00", "04:00", 15), 16);
    assert_eq!(count("Australia/Lord_Howe", "2025-04-06", "00:00", "04:00", 15), 18);
}

#[test]
fn a_block_in_a_gap_is_shifted_by_the_gap() {
    let slots = slots_of(date("2025-03-30"), &[block(Weekday::Sun, "01:15", "01:45", 15, 1)], zone("Europe/London"));
    assert_eq!(slots[0].start, at("2025-03-30T01:15:00Z"));
    assert_eq!(slots.len(), 2);
}

#[test]
fn a_block_that_ends_in_an_ambiguous_hour_ends_with_its_second_pass() {
    // 00:00 to 01:30 on the wall is two and a half hours that night; a block that begins there begins with the first.
    assert_eq!(count("Europe/London", "2025-10-26", "00:00", "01:30", 30), 5);
    assert_eq!(count("Europe/London", "2025-10-26", "01:30", "04:00", 30), 7);
}

#[test]
fn a_block_over_midnight_belongs_to_the_date_it_begins_on() {
    let night = [block(Weekday::Fri, "22:00", "02:00", 60, 1)];
    let starts: Vec<_> =
        slots_of(date("2025-01-03"), &night, zone("Europe/London")).into_iter().map(|slot| slot.start).collect();
    assert_eq!(
        starts,
        ["22:00", "23:00"]
            .map(|t| at(&format!("2025-01-03T{t}:00Z")))
            .into_iter()
            .chain(["00:00", "01:00"].map(|t| at(&format!("2025-01-04T{t}:00Z"))))
            .collect::<Vec<_>>()
    );
    assert!(slots_of(date("2025-01-04"), &night, zone("Europe/London")).is_empty());
}

#[test]
fn two_blocks_that_meet_in_an_ambiguous_hour_share_it_out_once() {
    let day = date("2025-10-26");
    let blocks = [block(Weekday::Sun, "00:00", "01:30", 15, 1), block(Weekday::Sun, "01:30", "04:00", 15, 1)];
    let slots = slots_of(day, &blocks, zone("Europe/London"));
    assert_eq!(slots.len(), 20);
    assert!(slots.windows(2).all(|pair| pair[0].end == pair[1].start));
    // The same, where the first block comes from the day before.
    let night = [block(Weekday::Sat, "23:00", "01:30", 15, 1), block(Weekday::Sun, "01:30", "04:00", 15, 1)];
    let eve = slots_of(date("2025-10-25"), &night, zone("Europe/London"));
    let morning = slots_of(day, &night, zone("Europe/London"));
    assert_eq!(eve.last().expect("slots").end, morning[0].start);
    assert_eq!(eve.len() + morning.len(), 24);
}

#[test]
fn a_date_that_the_zone_left_out_has_no_slots() {
    let friday = date("2011-12-30");
    assert!(slots_of(friday, &[block(Weekday::Fri, "09:00", "12:00", 30, 1)], zone("Pacific/Apia")).is_empty());
}

#[test]
fn a_remainder_shorter_than_a_slot_is_left_over() {
    assert_eq!(count("Europe/London", "2025-01-03", "09:00", "10:10", 30), 2);
}

#[test]
fn blocks_are_checked_on_the_wall() {
    let good = block(Weekday::Mon, "09:00", "12:00", 30, 1);
    let check = |blocks: &[WeeklyBlock]| check_blocks(blocks);
    assert_eq!(check(&[good.clone(), block(Weekday::Mon, "12:00", "13:00", 30, 1)]), Ok(()));
    assert_eq!(
        check(&[good.clone(), block(Weekday::Mon, "11:30", "13:00", 30, 1)]),
        Err(PractitionerRejection::BlocksOverlap)
    );
    assert_eq!(
        check(&[block(Weekday::Sun, "22:00", "02:00", 30, 1), block(Weekday::Mon, "01:00", "03:00", 30, 1)]),
        Err(PractitionerRejection::BlocksOverlap)
    );
    assert_eq!(check(&[block(Weekday::Mon, "09:00", "09:10", 30, 1)]), Err(PractitionerRejection::BlockTooShort));
    assert_eq!(
        check(&[WeeklyBlock { slot_minutes: 4, ..good.clone() }]),
        Err(PractitionerRejection::SlotMinutesInvalid)
    );
    assert_eq!(
        check(&[WeeklyBlock { slot_minutes: 481, ..good.clone() }]),
        Err(PractitionerRejection::SlotMinutesInvalid)
    );
    assert_eq!(check(&[WeeklyBlock { capacity: 0, ..good.clone() }]), Err(PractitionerRejection::CapacityInvalid));
    assert_eq!(check(&vec![good; 51]), Err(PractitionerRejection::BlocksTooMany));
    assert_eq!(check(&[block(Weekday::Mon, "00:00", "00:00", 60, 1)]), Ok(()), "a block may last a whole day");
}

#[test]
fn the_opening_of_the_fullest_day_fits_a_frame() {
    use crate::event::Event;
    use crate::scheduling::world::World;
    let all_day = Weekday::Mon;
    let week: Vec<_> = [all_day, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun]
        .map(|weekday| block(weekday, "00:00", "00:00", SLOT_MINUTES_MIN, CAPACITY_MAX))
        .to_vec();
    let mut world = World::unopened("Europe/London", crate::organization::Policies::default(), week);
    let (from, to) = (at("2025-10-25T00:00:00Z"), at("2025-10-28T00:00:00Z"));
    world.run(crate::practitioner::commands::TakeLeave { role: world.role, from, to, reason: None }).expect("leave");
    let day = date("2025-10-26");
    let opened =
        world.run(crate::scheduling::commands::OpenDays { role: world.role, from: day, to: day }).expect("it opens");
    let Event::DayEvent(_) = &opened[1].1 else { panic!("a day is opened") };
    let bytes = opened[1].1.to_json().to_string().len();
    assert!(bytes < 60_000, "{bytes} bytes");
}

/// Zones of all kinds: half and quarter hours, changes at midnight, in both hemispheres, and none at all.
const ZONES: [&str; 14] = [
    "Europe/London",
    "Australia/Lord_Howe",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "America/Nuuk",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Africa/Cairo",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Antarctica/Troll",
    "UTC",
];

fn days_later(date: LocalDate, days: u64) -> LocalDate {
    date.checked_add_days(chrono::Days::new(days)).expect("a date")
}

#[test]
fn the_last_day_of_time_ends() {
    let blocks = [
        block(LocalDate::MAX.weekday(), "08:00", "00:00", 5, 1),
        block(LocalDate::MAX.weekday(), "07:00", "08:00", 5, 1),
    ];
    for name in ZONES {
        let slots = slots_of(LocalDate::MAX, &blocks, zone(name));
        assert!(slots.iter().all(|slot| slot.start < slot.end), "{name}");
    }
}

/// What a span of the wall is in time, told by walking it minute by minute: how many minutes of elapsed time begin
/// with a wall time that is in the span (a second pass through an ambiguous time counts too).
fn minutes_on_the_wall(zone: Zone, day: LocalDate, start: NaiveTime, end: NaiveTime) -> usize {
    let from = zone.start_instant(day, NaiveTime::MIN).plus_minutes(-26 * 60);
    let inside = |minute: &i64| {
        let local = zone.local(from.plus_minutes(*minute));
        local >= day.and_time(start) && local < day.and_time(end)
    };
    (0..3 * 26 * 60).filter(inside).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_slot_is_lost_and_none_overlap(
        zone_index in 0..ZONES.len(), day in 0u64..9_000, start in 0u32..23, hours in 1u32..12, minutes in 1u16..13,
    ) {
        let zone = zone(ZONES[zone_index]);
        let first = days_later(date("2005-01-01"), day);
        let minutes = minutes * 5;
        let blocks: Vec<WeeklyBlock> = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun]
            .into_iter()
            .map(|weekday| block(weekday, &format!("{start:02}:00"), &format!("{:02}:00", (start + hours) % 24), minutes, 1))
            .collect();
        let week: Vec<OpenedSlot> = (0..8).flat_map(|i| slots_of(days_later(first, i), &blocks, zone)).collect();
        for pair in week.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start, "{:?} {:?}", pair[0], pair[1]);
        }
        for slot in &week {
            prop_assert_eq!(slot.end, slot.start.plus_minutes(i64::from(minutes)));
        }
        for i in 0..8 {
            let day = days_later(first, i);
            for slot in slots_of(day, &blocks, zone) {
                prop_assert!(candidate_dates(zone, slot.start).contains(&day), "{} on {}", slot.start, day);
            }
        }
    }

    #[test]
    fn a_block_has_as_many_slots_as_its_wall_time_really_lasts(
        zone_index in 0..ZONES.len(), day in 0u64..9_000, start in 0u32..20, hours in 1u32..4,
    ) {
        let zone = zone(ZONES[zone_index]);
        let day = days_later(date("2005-01-01"), day);
        let (from, to) = (NaiveTime::from_hms_opt(start, 0, 0).expect("a time"), NaiveTime::from_hms_opt(start + hours, 0, 0).expect("a time"));
        // Where an end of the block is itself in a gap or ambiguous, the rules of shifting decide; elsewhere walking
        // the wall minute by minute must count the same.
        let plain = |time: NaiveTime| {
            let (first, last) = (zone.start_instant(day, time), zone.end_instant(day, time));
            first == last && zone.local(first) == day.and_time(time)
        };
        prop_assume!(plain(from) && plain(to));
        let slots = slots_of(day, &[block(day.weekday(), &format!("{start:02}:00"), &format!("{:02}:00", start + hours), 5, 1)], zone);
        prop_assert_eq!(slots.len() * 5, minutes_on_the_wall(zone, day, from, to));
    }
}
