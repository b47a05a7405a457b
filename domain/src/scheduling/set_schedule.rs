//! A new weekly schedule: from its date on it is what days are opened by, and days opened already follow it in the slots
//! that nobody sits in or keeps a seat of.

use std::collections::BTreeMap;

use super::events::{SlotsBlocked, SlotsChanged};
use super::open_days::{covering, known, opening};
use super::slots::{check_blocks, cut, end_of_blocks};
use super::{Day, OpenedSlot};
use crate::event::Changes;
use crate::kernel::{Evolve, LeaveId, LocalDate, Times, Timestamp, Zone};
use crate::organization::Hospital;
use crate::practitioner::commands::SetSchedule;
use crate::practitioner::events::ScheduleSet;
use crate::practitioner::{PractitionerRejection, PractitionerRole, RoleFacts};
use crate::streams;

/// The opened dates that a schedule from `effective_from` touches at `now`: load the role's days of these. The past
/// stays as it was; from the date of a later schedule on, that one holds.
pub fn dates_touched(role: &PractitionerRole, zone: Zone, effective_from: LocalDate, now: Timestamp) -> Vec<LocalDate> {
    let today = zone.date_of(now);
    let yesterday = today.pred_opt().unwrap_or(today);
    let from = effective_from.max(yesterday);
    let last = role.next_schedule_after(effective_from).and_then(|next| next.pred_opt());
    let Some(until) = role.opened_until() else { return vec![] };
    let to = last.map_or(until, |last| last.min(until));
    if to < from { vec![] } else { role.opened_dates(from, to) }
}

/// Sets the weekly schedule from a date on. Streams: the hospital (read), the role (led), the role's days of
/// [`dates_touched`] (written where they change; one that had no slot so far is opened).
///
/// # Errors
/// When hospital or role are unknown, or the blocks are not a week's.
pub fn set_schedule(
    hospital: &Hospital,
    role: &PractitionerRole,
    days: &BTreeMap<LocalDate, Day>,
    command: &SetSchedule,
    times: &Times,
) -> Result<Changes, PractitionerRejection> {
    let (settings, facts) = known(hospital, role)?;
    check_blocks(&command.blocks)?;
    let set = ScheduleSet {
        role: facts.role,
        practitioner: facts.practitioner,
        hospital: facts.hospital,
        effective_from: command.effective_from,
        blocks: command.blocks.clone(),
    };
    let mut after = role.clone();
    after.evolve(&set.clone().into());
    let mut changes: Changes = vec![(streams::role(facts.role), set.into())];
    let now = times.occurred_at;
    // What the day before still covers: its blocks, and slots that stay though its blocks are gone.
    let mut stays_until: Option<(LocalDate, Timestamp)> = None;
    for date in dates_touched(role, settings.zone, command.effective_from, now) {
        let eve = date.pred_opt();
        let planned = eve.and_then(|eve| end_of_blocks(eve, after.blocks_on(eve), settings.zone));
        let kept = stays_until.filter(|(of, _)| Some(*of) == eve).map(|(_, until)| until);
        let wanted = cut(date, after.blocks_on(date), settings.zone, planned.max(kept));
        let day = days.get(&date);
        let change = Change::of(day, wanted, now);
        stays_until = change.stays_until.map(|until| (date, until));
        changes.extend(change.events(facts, &after, date, day.is_some_and(Day::is_open)));
    }
    Ok(changes)
}

/// What a new schedule does to one opened day.
struct Change {
    removed: Vec<Timestamp>,
    added: Vec<OpenedSlot>,
    /// The end of the last slot that stays.
    stays_until: Option<Timestamp>,
}

impl Change {
    fn of(day: Option<&Day>, wanted: Vec<OpenedSlot>, now: Timestamp) -> Change {
        let present: Vec<(OpenedSlot, bool)> = day
            .into_iter()
            .flat_map(|day| day.slots().map(|(start, slot)| (start, slot, day.is_untouched(start, now))))
            .map(|(start, slot, untouched)| {
                let free = untouched && start >= now;
                (OpenedSlot { start, end: slot.end, capacity: slot.capacity }, free)
            })
            .collect();
        let stays = |slot: &OpenedSlot, free: bool| !free || wanted.contains(slot);
        let kept: Vec<&OpenedSlot> =
            present.iter().filter(|(slot, free)| stays(slot, *free)).map(|(slot, _)| slot).collect();
        let clear = |slot: &OpenedSlot| kept.iter().all(|kept| slot.end <= kept.start || kept.end <= slot.start);
        let stays_until = kept.iter().map(|slot| slot.end).max();
        let removed = present.iter().filter(|(slot, free)| !stays(slot, *free)).map(|(slot, _)| slot.start).collect();
        let added = wanted.iter().filter(|slot| slot.start >= now && clear(slot)).cloned().collect();
        Change { removed, added, stays_until }
    }

    fn events(self, facts: &RoleFacts, role: &PractitionerRole, date: LocalDate, is_open: bool) -> Changes {
        let stream = streams::day(facts.role, date);
        let Change { removed, added, .. } = self;
        if removed.is_empty() && added.is_empty() {
            return vec![];
        }
        if !is_open {
            return vec![(stream, opening(facts, role, date, added).into())];
        }
        let mut blocked: BTreeMap<LeaveId, Vec<Timestamp>> = BTreeMap::new();
        for (start, leave) in added.iter().flat_map(|slot| covering(role, slot)) {
            blocked.entry(leave).or_default().push(start);
        }
        let &RoleFacts { hospital, practitioner, role, .. } = facts;
        let changed = SlotsChanged { hospital, practitioner, role, date, removed, added };
        let mut changes: Changes = vec![(stream.clone(), changed.into())];
        changes.extend(blocked.into_iter().map(|(leave, slots)| {
            (stream.clone(), SlotsBlocked { hospital, practitioner, role, date, leave, slots }.into())
        }));
        changes
    }
}

#[cfg(test)]
mod tests;
