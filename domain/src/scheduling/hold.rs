//! Keeping a seat for a while: a hold counts as taken until its instant and ends by time alone.

use std::sync::Arc;

use super::commands::{HoldSlot, ReleaseHold};
use super::day::SeatRequest;
use super::events::{HoldReleased, SlotHeld};
use super::{Day, SchedulingRejection};
use crate::event::Changes;
use crate::kernel::{HoldId, Times};
use crate::streams;

/// How long a seat is held unless told.
pub const HOLD_MINUTES: u16 = 5;
/// How long a seat is held at most.
pub const HOLD_MINUTES_MAX: u16 = 30;

/// Keeps a seat for a user; the id derives from the command. Streams: the role's days of
/// [`super::candidate_dates`]`(zone, start)`; leads the one that has the slot. A full slot is not held, however the
/// hospital overbooks.
///
/// # Errors
/// When there is no such slot, or no seat left in it.
pub fn hold_slot(
    days: &[Arc<Day>],
    command: &HoldSlot,
    hold: HoldId,
    user: &str,
    times: &Times,
) -> Result<Changes, SchedulingRejection> {
    let minutes = command.minutes.unwrap_or(HOLD_MINUTES);
    if !(1..=HOLD_MINUTES_MAX).contains(&minutes) {
        return Err(SchedulingRejection::HoldMinutesInvalid);
    }
    let mut opened = days.iter().filter_map(|day| Some((day, day.facts()?)));
    let (day, facts) = opened
        .find(|(day, facts)| facts.role == command.role && day.slot(command.start).is_some())
        .ok_or(SchedulingRejection::SlotNotOpen { slot: command.start })?;
    day.offer(&SeatRequest {
        start: command.start,
        hold: None,
        user,
        wants_overbooking: false,
        may_overbook: false,
        overbooking_max: 0,
        leaving: None,
        now: times.occurred_at,
    })?;
    let held = SlotHeld {
        hospital: facts.hospital,
        role: facts.role,
        date: facts.date,
        hold,
        slot: command.start,
        owner: user.to_owned(),
        until: times.occurred_at.plus_minutes(i64::from(minutes)),
    };
    Ok(vec![(streams::day(facts.role, facts.date), held.into())])
}

/// Gives a kept seat up. Streams: the day it is on (led; its `SlotHeld` is found by the tag `hold`). A hold that ended
/// by time, was used or given up before is no more: nothing happens.
///
/// # Errors
/// When the day was never opened, or somebody else holds it.
pub fn release_hold(
    day: &Day,
    command: &ReleaseHold,
    user: &str,
    times: &Times,
) -> Result<Changes, SchedulingRejection> {
    let facts = day.facts().ok_or(SchedulingRejection::HoldUnknown)?;
    let Some(hold) = day.hold(command.hold) else { return Ok(vec![]) };
    if hold.owner != user {
        return Err(SchedulingRejection::HoldNotYours);
    }
    if hold.over || hold.until <= times.occurred_at {
        return Ok(vec![]);
    }
    let released = HoldReleased {
        hospital: facts.hospital,
        role: facts.role,
        date: facts.date,
        hold: command.hold,
        slot: hold.slot,
    };
    Ok(vec![(streams::day(facts.role, facts.date), released.into())])
}

#[cfg(test)]
mod tests;
