//! From a weekly schedule on the wall to slots in time. Pure arithmetic over dates, zones and elapsed minutes.
//!
//! A block `[local start, local end)` becomes two instants (a time in a gap is shifted by the gap; an ambiguous start
//! is the earlier, an ambiguous end the later) and is cut by elapsed time, so that a day of 23, 25 or 23.5 hours loses
//! no slot. Where the rules for gaps and ambiguous times make two blocks of the wall overlap in time, the later block
//! begins when the earlier one has ended: no instant is given out twice.

use chrono::{Datelike, NaiveTime};

use super::OpenedSlot;
use crate::kernel::{LocalDate, Timestamp, Zone};
use crate::practitioner::{PractitionerRejection, WeeklyBlock};

/// Shortest slot: a day of 25 hours then has at most 300 slots, and its `DayOpened` fits a frame of 65,535 bytes.
pub const SLOT_MINUTES_MIN: u16 = 5;
/// Longest slot.
pub const SLOT_MINUTES_MAX: u16 = 480;
/// Most seats of a slot.
pub const CAPACITY_MAX: u16 = 500;
/// Most blocks of a week.
pub const BLOCKS_MAX: usize = 50;

const MINUTES_OF_WEEK: u32 = 7 * 24 * 60;

/// The slots of a date under one weekly schedule that is also in force on the day before.
pub fn slots_of(date: LocalDate, blocks: &[WeeklyBlock], zone: Zone) -> Vec<OpenedSlot> {
    let before = date.pred_opt().and_then(|eve| end_of_blocks(eve, blocks, zone));
    cut(date, blocks, zone, before)
}

/// The slots of a date, none of them before `not_before` (the end of the day before's last block).
pub(crate) fn cut(
    date: LocalDate,
    blocks: &[WeeklyBlock],
    zone: Zone,
    not_before: Option<Timestamp>,
) -> Vec<OpenedSlot> {
    let mut slots = vec![];
    let mut taken_until = not_before.unwrap_or(Timestamp::from_micros(i64::MIN));
    for (block, start, end) in spans(date, blocks, zone) {
        let length = i64::from(block.slot_minutes.max(1));
        let mut from = start.max(taken_until);
        // At the end of time an instant plus some minutes is the same instant again.
        while let to = from.plus_minutes(length)
            && from < to
            && to <= end
        {
            slots.push(OpenedSlot { start: from, end: to, capacity: block.capacity });
            from = to;
        }
        taken_until = taken_until.max(end);
    }
    slots
}

/// When the last block of a date ends; `None` if it has none.
pub(crate) fn end_of_blocks(date: LocalDate, blocks: &[WeeklyBlock], zone: Zone) -> Option<Timestamp> {
    spans(date, blocks, zone).into_iter().map(|(_, _, end)| end).max()
}

/// The dates whose blocks can hold a slot that starts then: the local date and the day before, as a block may cross
/// midnight; where clocks change around midnight one more.
pub fn candidate_dates(zone: Zone, start: Timestamp) -> Vec<LocalDate> {
    let local = zone.date_of(start);
    let end_of_day = NaiveTime::from_hms_opt(23, 59, 59).unwrap_or(NaiveTime::MIN);
    let can_hold = |date: &LocalDate| {
        let next = date.succ_opt().unwrap_or(*date);
        zone.start_instant(*date, NaiveTime::MIN) <= start && start <= zone.end_instant(next, end_of_day)
    };
    [local.succ_opt(), Some(local), local.pred_opt(), local.pred_opt().and_then(|eve| eve.pred_opt())]
        .into_iter()
        .flatten()
        .filter(can_hold)
        .collect()
}

/// The blocks that begin on a date, as spans of time, in order of their start. A date that the zone left out (Apia had
/// no 30 December 2011) has none.
fn spans(date: LocalDate, blocks: &[WeeklyBlock], zone: Zone) -> Vec<(&WeeklyBlock, Timestamp, Timestamp)> {
    let noon = NaiveTime::from_hms_opt(12, 0, 0).unwrap_or(NaiveTime::MIN);
    if zone.date_of(zone.start_instant(date, noon)) != date {
        return vec![];
    }
    let todays = blocks.iter().filter(|block| block.weekday == date.weekday());
    let mut spans: Vec<_> = todays
        .map(|block| {
            let last = if block.end > block.start { date } else { date.succ_opt().unwrap_or(date) };
            (block, zone.start_instant(date, block.start), zone.end_instant(last, block.end))
        })
        .collect();
    spans.sort_by_key(|(block, start, _)| (*start, block.start));
    spans
}

/// Is this a schedule a week can have?
///
/// # Errors
/// What is wrong with a block, or that two overlap on the wall.
pub fn check_blocks(blocks: &[WeeklyBlock]) -> Result<(), PractitionerRejection> {
    if blocks.len() > BLOCKS_MAX {
        return Err(PractitionerRejection::BlocksTooMany);
    }
    let mut week: Vec<(u32, u32)> = vec![];
    for block in blocks {
        if !(SLOT_MINUTES_MIN..=SLOT_MINUTES_MAX).contains(&block.slot_minutes) {
            return Err(PractitionerRejection::SlotMinutesInvalid);
        }
        if !(1..=CAPACITY_MAX).contains(&block.capacity) {
            return Err(PractitionerRejection::CapacityInvalid);
        }
        let (start, length) = on_the_wall(block);
        if length < u32::from(block.slot_minutes) {
            return Err(PractitionerRejection::BlockTooShort);
        }
        week.push((start, start + length));
    }
    week.sort_unstable();
    let overlap = week.windows(2).any(|pair| pair[1].0 < pair[0].1);
    let around = match (week.first(), week.iter().map(|block| block.1).max()) {
        (Some(first), Some(last)) => last > first.0 + MINUTES_OF_WEEK,
        _ => false,
    };
    if overlap || around { Err(PractitionerRejection::BlocksOverlap) } else { Ok(()) }
}

/// A block's start in the week and its length on the wall, in minutes.
fn on_the_wall(block: &WeeklyBlock) -> (u32, u32) {
    use chrono::Timelike;
    let minutes = |time: NaiveTime| time.hour() * 60 + time.minute();
    let start = minutes(block.start);
    let end = minutes(block.end) + if block.end > block.start { 0 } else { 24 * 60 };
    (block.weekday.num_days_from_monday() * 24 * 60 + start, end - start)
}

#[cfg(test)]
mod tests;
