//! A practitioner at a hospital: the state of a stream `practitioner-role:<role>`. What changes the schedule or takes
//! leave also touches opened days, so those commands are decided in `scheduling`.

use std::collections::{BTreeMap, BTreeSet};

use super::commands::AssignRole;
use super::events::RoleAssigned;
use super::{Practitioner, PractitionerRejection, WeeklyBlock};
use crate::event::{Changes, RoleEvent};
use crate::kernel::{Evolve, HospitalId, LeaveId, LocalDate, PractitionerId, RoleId, Timestamp, Zone};
use crate::organization::Hospital;
use crate::organization::hospital::is_service_code;
use crate::scheduling::OpenedSlot;
use crate::scheduling::slots::{cut, end_of_blocks};
use crate::streams;

/// Most services of a role: they travel in one event.
const SERVICES_MAX: usize = 100;

/// A practitioner at a hospital, if assigned.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PractitionerRole {
    facts: Option<RoleFacts>,
    schedules: BTreeMap<LocalDate, Vec<WeeklyBlock>>,
    leaves: BTreeMap<LeaveId, Leave>,
    cancelled_leaves: BTreeSet<LeaveId>,
    /// Spans of opened dates by their first, both ends included, apart from each other.
    opened: BTreeMap<LocalDate, LocalDate>,
}

/// What a role is.
#[derive(Clone, PartialEq, Debug)]
pub struct RoleFacts {
    /// The role.
    pub role: RoleId,
    /// Whose it is.
    pub practitioner: PractitionerId,
    /// Where.
    pub hospital: HospitalId,
    /// A code such as `cardiology`.
    pub specialty: String,
    /// Service codes that can be booked, none meaning all.
    pub services: Vec<String>,
}

/// An absence, `to` exclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leave {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

impl Leave {
    /// True when the slot and the leave share an instant.
    pub fn covers(&self, slot: &OpenedSlot) -> bool {
        slot.start < self.to && self.from < slot.end
    }
}

impl PractitionerRole {
    /// What it is; `None` if it was never assigned.
    pub fn facts(&self) -> Option<&RoleFacts> {
        self.facts.as_ref()
    }

    /// The weekly blocks in force on a date; none before the first schedule.
    pub fn blocks_on(&self, date: LocalDate) -> &[WeeklyBlock] {
        self.schedules.range(..=date).next_back().map_or(&[], |(_, blocks)| blocks)
    }

    /// The first date after `date` on which another schedule comes into force.
    pub fn next_schedule_after(&self, date: LocalDate) -> Option<LocalDate> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.schedules.range((Excluded(date), Unbounded)).next().map(|(&date, _)| date)
    }

    /// The slots that a date's schedule gives. A block of the day before that crosses midnight comes first: what it
    /// still covers is not cut again.
    pub fn slots_on(&self, date: LocalDate, zone: Zone) -> Vec<OpenedSlot> {
        let before = date.pred_opt().and_then(|eve| end_of_blocks(eve, self.blocks_on(eve), zone));
        cut(date, self.blocks_on(date), zone, before)
    }

    /// The leave of this id, unless cancelled.
    pub fn leave(&self, leave: LeaveId) -> Option<Leave> {
        self.leaves.get(&leave).copied()
    }

    /// Leaves that are taken and not cancelled.
    pub fn leaves(&self) -> impl Iterator<Item = (LeaveId, Leave)> + '_ {
        self.leaves.iter().map(|(&id, &leave)| (id, leave))
    }

    /// True when this leave was taken and taken back.
    pub fn is_cancelled(&self, leave: LeaveId) -> bool {
        self.cancelled_leaves.contains(&leave)
    }

    /// True when the date was opened (a date without a block then has no slots).
    pub fn is_opened(&self, date: LocalDate) -> bool {
        self.opened.range(..=date).next_back().is_some_and(|(_, &to)| date <= to)
    }

    /// Every opened date from `from` to `to`, both included.
    pub fn opened_dates(&self, from: LocalDate, to: LocalDate) -> Vec<LocalDate> {
        let spans = self.opened.iter().filter(|&(&first, &last)| first <= to && from <= last);
        spans.flat_map(|(&first, &last)| dates(first.max(from), last.min(to))).collect()
    }

    /// The last opened date.
    pub fn opened_until(&self) -> Option<LocalDate> {
        self.opened.last_key_value().map(|(_, &to)| to)
    }

    fn open(&mut self, mut from: LocalDate, mut to: LocalDate) {
        let touches = |first: LocalDate, last: LocalDate| {
            first <= to.succ_opt().unwrap_or(to) && from <= last.succ_opt().unwrap_or(last)
        };
        let joined: Vec<_> = self.opened.iter().map(|(&f, &t)| (f, t)).filter(|&(f, t)| touches(f, t)).collect();
        for (first, last) in joined {
            self.opened.remove(&first);
            from = from.min(first);
            to = to.max(last);
        }
        self.opened.insert(from, to);
    }
}

/// Every date from `from` to `to`, both included.
pub(crate) fn dates(from: LocalDate, to: LocalDate) -> impl Iterator<Item = LocalDate> {
    std::iter::successors(Some(from), |date| date.succ_opt()).take_while(move |date| *date <= to)
}

impl Evolve for PractitionerRole {
    type Event = RoleEvent;

    fn evolve(&mut self, event: &RoleEvent) {
        match event {
            RoleEvent::RoleAssigned(e) => {
                self.facts = Some(RoleFacts {
                    role: e.role,
                    practitioner: e.practitioner,
                    hospital: e.hospital,
                    specialty: e.specialty.clone(),
                    services: e.services.clone(),
                });
            }
            RoleEvent::ScheduleSet(e) => {
                self.schedules.insert(e.effective_from, e.blocks.clone());
            }
            RoleEvent::LeaveTaken(e) => {
                self.leaves.insert(e.leave, Leave { from: e.from, to: e.to });
            }
            RoleEvent::LeaveCancelled(e) => {
                self.leaves.remove(&e.leave);
                self.cancelled_leaves.insert(e.leave);
            }
            RoleEvent::DaysOpened(e) => self.open(e.from, e.to),
        }
    }
}

/// Assigns a practitioner to a hospital. Streams: the hospital, the practitioner (both read), the new role (led).
///
/// # Errors
/// When hospital or practitioner are unknown, or specialty or services are not codes.
pub fn assign_role(
    hospital: &Hospital,
    practitioner: &Practitioner,
    role: &PractitionerRole,
    command: &AssignRole,
    id: RoleId,
) -> Result<Changes, PractitionerRejection> {
    if role.facts.is_some() {
        return Err(PractitionerRejection::RoleExists);
    }
    if hospital.settings().is_none_or(|settings| settings.hospital != command.hospital) {
        return Err(PractitionerRejection::HospitalUnknown);
    }
    if practitioner.id() != Some(command.practitioner) {
        return Err(PractitionerRejection::PractitionerUnknown);
    }
    if !is_service_code(&command.specialty) {
        return Err(PractitionerRejection::SpecialtyInvalid);
    }
    if command.services.len() > SERVICES_MAX || !command.services.iter().all(|service| is_service_code(service)) {
        return Err(PractitionerRejection::ServicesInvalid);
    }
    let assigned = RoleAssigned {
        role: id,
        practitioner: command.practitioner,
        hospital: command.hospital,
        specialty: command.specialty.clone(),
        services: command.services.clone(),
    };
    Ok(vec![(streams::role(id), assigned.into())])
}

#[cfg(test)]
mod tests;
