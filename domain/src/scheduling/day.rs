//! One day of a practitioner at a hospital: the state of a stream `practitioner-day:<role>:<date>`.
//!
//! A slot's status is derived from its seats: free while one is left, busy when full, busy-unavailable under leave. A
//! hold counts as a taken seat until its instant and ends by time alone, so every question is asked with a `now`.

use std::collections::{BTreeMap, BTreeSet};

use super::events::DayOpened;
use super::{OpenedSlot, Period, SchedulingRejection, SlotStatus};
use crate::event::DayEvent;
use crate::kernel::{
    AppointmentId, Evolve, HoldId, HospitalId, LeaveId, LocalDate, PractitionerId, RoleId, StreamName, Timestamp,
};
use crate::streams;

/// A day, if it was opened.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Day {
    facts: Option<DayFacts>,
    slots: BTreeMap<Timestamp, Slot>,
    holds: BTreeMap<HoldId, Hold>,
}

/// Whose day it is.
#[derive(Clone, PartialEq, Debug)]
pub struct DayFacts {
    /// At which hospital.
    pub hospital: HospitalId,
    /// Whose.
    pub practitioner: PractitionerId,
    /// In which role.
    pub role: RoleId,
    /// The local date on which its blocks begin.
    pub date: LocalDate,
    /// The role's specialty.
    pub specialty: String,
}

/// A slot and who sits in it; its identity within the day is its start.
#[derive(Clone, PartialEq, Debug)]
pub struct Slot {
    /// Its end, exclusive.
    pub end: Timestamp,
    /// Seats, 1 or more.
    pub capacity: u16,
    /// Who sits in it; a no-show and a visit that ended keep their seats.
    pub seats: BTreeSet<AppointmentId>,
    /// Leaves that cover it.
    pub leaves: BTreeSet<LeaveId>,
}

/// A seat kept for somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// The start of its slot.
    pub slot: Timestamp,
    /// User id of whoever holds it.
    pub owner: String,
    /// It ends then.
    pub until: Timestamp,
    /// True once it was given up or used.
    pub over: bool,
}

impl Day {
    /// Whose day it is; `None` if it was never opened.
    pub fn facts(&self) -> Option<&DayFacts> {
        self.facts.as_ref()
    }

    /// True once it can be booked.
    pub fn is_open(&self) -> bool {
        self.facts.is_some()
    }

    /// Its slots by start.
    pub fn slots(&self) -> impl Iterator<Item = (Timestamp, &Slot)> + '_ {
        self.slots.iter().map(|(&start, slot)| (start, slot))
    }

    /// The slot that starts then.
    pub fn slot(&self, start: Timestamp) -> Option<&Slot> {
        self.slots.get(&start)
    }

    /// A hold, whether it has ended or not.
    pub fn hold(&self, hold: HoldId) -> Option<&Hold> {
        self.holds.get(&hold)
    }

    /// Seats of a slot that are kept at `now`, but for those of `except`.
    pub fn held(&self, start: Timestamp, now: Timestamp, except: Option<HoldId>) -> usize {
        let counts = |(id, hold): &(&HoldId, &Hold)| {
            hold.slot == start && !hold.over && hold.until > now && except.is_none_or(|except| **id != except)
        };
        self.holds.iter().filter(counts).count()
    }

    /// FHIR's slot status at `now`.
    pub fn status(&self, start: Timestamp, now: Timestamp) -> Option<SlotStatus> {
        let slot = self.slot(start)?;
        let taken = slot.seats.len() + self.held(start, now, None);
        Some(match () {
            () if !slot.leaves.is_empty() => SlotStatus::BusyUnavailable,
            () if taken < usize::from(slot.capacity) => SlotStatus::Free,
            () => SlotStatus::Busy,
        })
    }

    /// True when nobody sits in the slot and nobody keeps a seat: a changed schedule may take it away.
    pub fn is_untouched(&self, start: Timestamp, now: Timestamp) -> bool {
        self.slot(start).is_some_and(|slot| slot.seats.is_empty()) && self.held(start, now, None) == 0
    }

    /// Slots that share an instant with a period.
    pub fn slots_within(&self, period: &Period) -> impl Iterator<Item = (Timestamp, &Slot)> + '_ {
        let period = period.clone();
        self.slots().filter(move |(start, slot)| period.overlaps(&Period { start: *start, end: slot.end }))
    }
}

/// How a seat is asked for.
#[derive(Clone, Copy, Debug)]
pub struct SeatRequest<'a> {
    /// The slot's start.
    pub start: Timestamp,
    /// A hold that the seat uses up.
    pub hold: Option<HoldId>,
    /// Who asks: only they can use their hold.
    pub user: &'a str,
    /// True when a reason for overbooking was given.
    pub wants_overbooking: bool,
    /// True when whoever asks is permitted to overbook.
    pub may_overbook: bool,
    /// How many may sit in a slot beyond its capacity.
    pub overbooking_max: u32,
    /// The appointment that leaves the slot in the same command, if it is this one.
    pub leaving: Option<AppointmentId>,
    /// When.
    pub now: Timestamp,
}

/// A seat that can be taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatOffer {
    /// The slot.
    pub end: Timestamp,
    /// True when the seat is beyond the capacity.
    pub overbooked: bool,
    /// The hold to release, if it was on this slot.
    pub uses_hold: Option<HoldId>,
}

impl Day {
    /// Is there a seat? Live seats and holds never exceed the capacity, or, asked for with a reason and permitted, the
    /// capacity and the allowance.
    ///
    /// # Errors
    /// Why there is none.
    pub fn offer(&self, request: &SeatRequest<'_>) -> Result<SeatOffer, SchedulingRejection> {
        let start = request.start;
        let slot = self.slot(start).ok_or(SchedulingRejection::SlotNotOpen { slot: start })?;
        if !slot.leaves.is_empty() {
            return Err(SchedulingRejection::SlotOnLeave { slot: start });
        }
        let uses_hold = self.usable_hold(request)?;
        let leaving = request.leaving.is_some_and(|leaving| slot.seats.contains(&leaving));
        let taken = slot.seats.len() - usize::from(leaving) + self.held(start, request.now, uses_hold);
        let capacity = usize::from(slot.capacity);
        if taken < capacity {
            return Ok(SeatOffer { end: slot.end, overbooked: false, uses_hold });
        }
        if !request.wants_overbooking {
            return Err(SchedulingRejection::SlotTaken { slot: start });
        }
        if !request.may_overbook {
            return Err(SchedulingRejection::OverbookingNotPermitted);
        }
        if taken >= capacity + request.overbooking_max as usize {
            return Err(SchedulingRejection::OverbookingExhausted { slot: start });
        }
        Ok(SeatOffer { end: slot.end, overbooked: true, uses_hold })
    }

    /// The hold the request names, if it is the asker's and on this slot. One that ended by time, or is over, gives no
    /// right to a seat, but does not forbid a free one.
    fn usable_hold(&self, request: &SeatRequest<'_>) -> Result<Option<HoldId>, SchedulingRejection> {
        let Some(id) = request.hold else { return Ok(None) };
        let Some(hold) = self.hold(id) else { return Err(SchedulingRejection::HoldUnknown) };
        if hold.owner != request.user {
            return Err(SchedulingRejection::HoldNotYours);
        }
        if hold.slot != request.start {
            return Err(SchedulingRejection::HoldElsewhere);
        }
        Ok((!hold.over).then_some(id))
    }

    /// The stream this day is kept in.
    pub fn stream(&self) -> Option<StreamName> {
        self.facts().map(|facts| streams::day(facts.role, facts.date))
    }
}

impl Evolve for Day {
    type Event = DayEvent;

    fn evolve(&mut self, event: &DayEvent) {
        match event {
            DayEvent::DayOpened(e) => self.opened(e),
            DayEvent::SlotsChanged(e) => {
                e.removed.iter().for_each(|start| drop(self.slots.remove(start)));
                e.added.iter().for_each(|slot| self.add(slot));
            }
            DayEvent::SlotsBlocked(e) => self.each_slot(&e.slots, |slot| slot.leaves.insert(e.leave)),
            DayEvent::SlotsUnblocked(e) => self.each_slot(&e.slots, |slot| slot.leaves.remove(&e.leave)),
            DayEvent::SlotHeld(e) => {
                let hold = Hold { slot: e.slot, owner: e.owner.clone(), until: e.until, over: false };
                self.holds.insert(e.hold, hold);
            }
            DayEvent::HoldReleased(e) => {
                if let Some(hold) = self.holds.get_mut(&e.hold) {
                    hold.over = true;
                }
            }
            DayEvent::SeatTaken(e) => {
                self.each_slot(&[e.slot], |slot| slot.seats.insert(e.appointment));
            }
            DayEvent::SeatReleased(e) => {
                self.each_slot(&[e.slot], |slot| slot.seats.remove(&e.appointment));
            }
        }
    }
}

impl Day {
    fn opened(&mut self, event: &DayOpened) {
        self.facts = Some(DayFacts {
            hospital: event.hospital,
            practitioner: event.practitioner,
            role: event.role,
            date: event.date,
            specialty: event.specialty.clone(),
        });
        event.slots.iter().for_each(|slot| self.add(slot));
        for (start, leave) in &event.blocked {
            self.each_slot(&[*start], |slot| slot.leaves.insert(*leave));
        }
    }

    fn add(&mut self, slot: &OpenedSlot) {
        let empty = Slot { end: slot.end, capacity: slot.capacity, seats: BTreeSet::new(), leaves: BTreeSet::new() };
        self.slots.insert(slot.start, empty);
    }

    fn each_slot(&mut self, starts: &[Timestamp], mut change: impl FnMut(&mut Slot) -> bool) {
        for start in starts {
            if let Some(slot) = self.slots.get_mut(start) {
                change(slot);
            }
        }
    }
}

#[cfg(test)]
mod tests;
