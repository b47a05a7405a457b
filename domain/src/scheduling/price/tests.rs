//! Prices and fees at the edges of their dates and hours.

use super::super::world::{World, at, date};
use super::*;
use crate::organization::{LateCancel, Policies};

#[test]
fn the_entry_in_force_on_the_date_counts_both_ends_included() {
    let world = World::new();
    let hospital = world.hospital();
    let settings = hospital.settings().expect("known");
    let amount = |day: &str| agreed(settings, "visit", date(day)).map(|price| price.amount.minor);
    assert_eq!(amount("2019-12-31"), None);
    assert_eq!(amount("2020-01-01"), Some(12_000));
    assert_eq!(amount("2025-03-16"), Some(12_000));
    assert_eq!(amount("2025-03-17"), Some(13_000));
    assert_eq!(agreed(settings, "unheard-of", date("2025-03-17")), None);
}

#[test]
fn a_cancellation_is_late_from_less_than_the_hours_before_the_start() {
    let late = LateCancel { hours_before: 24, fee: "late".to_owned() };
    let policies = Policies { late_cancel: Some(late), ..Policies::default() };
    let world = World::with("Europe/London", policies, vec![]);
    let hospital = world.hospital();
    let settings = hospital.settings().expect("known");
    let start = at("2025-03-04T09:00:00Z");
    let fee = |now: &str| late_cancel_fee(settings, start, at(now)).map(|price| price.amount.minor);
    assert_eq!(fee("2025-03-03T09:00:00Z"), None, "exactly 24 hours before is in time");
    assert_eq!(fee("2025-03-03T09:00:00.000001Z"), Some(2_000));
    assert_eq!(fee("2025-03-04T10:00:00Z"), Some(2_000));
}

#[test]
fn without_a_policy_nothing_is_charged() {
    let world = World::new();
    let hospital = world.hospital();
    let settings = hospital.settings().expect("known");
    assert_eq!(late_cancel_fee(settings, world.now, world.now), None);
    assert_eq!(no_show_fee(settings, world.now), None);
}
