//! Opening days: what the weekly schedule promises becomes slots that can be booked.

use super::commands::OpenDays;
use super::events::DayOpened;
use super::{OpenedSlot, SchedulingRejection};
use crate::event::Changes;
use crate::kernel::{LeaveId, LocalDate, Timestamp};
use crate::organization::{Hospital, Settings};
use crate::practitioner::events::DaysOpened;
use crate::practitioner::role::dates;
use crate::practitioner::{PractitionerRole, RoleFacts};
use crate::streams;

/// Most days opened by one command: a year and a month, an event each.
pub const DAYS_MAX: i64 = 400;

/// Opens every day of the span on which the schedule has a block; days open already stay. Streams: the hospital (read),
/// the role (led); each day opened is a new stream. Nothing when all are open.
///
/// # Errors
/// When hospital or role are unknown, or the span is not one.
pub fn open_days(
    hospital: &Hospital,
    role: &PractitionerRole,
    command: &OpenDays,
) -> Result<Changes, SchedulingRejection> {
    let settings = hospital.settings().ok_or(SchedulingRejection::HospitalUnknown)?;
    let facts = role.facts().ok_or(SchedulingRejection::RoleUnknown)?;
    if command.to < command.from || (command.to - command.from).num_days() >= DAYS_MAX {
        return Err(SchedulingRejection::DaysInvalid);
    }
    let closed: Vec<LocalDate> = dates(command.from, command.to).filter(|date| !role.is_opened(*date)).collect();
    if closed.is_empty() {
        return Ok(vec![]);
    }
    let opened = DaysOpened {
        role: facts.role,
        practitioner: facts.practitioner,
        hospital: facts.hospital,
        from: command.from,
        to: command.to,
    };
    let mut changes: Changes = vec![(streams::role(facts.role), opened.into())];
    changes.extend(closed.into_iter().filter_map(|date| {
        let slots = role.slots_on(date, settings.zone);
        (!slots.is_empty()).then(|| (streams::day(facts.role, date), opening(facts, role, date, slots).into()))
    }));
    Ok(changes)
}

/// The opening of one day, with the leaves that cover its slots.
pub(super) fn opening(
    facts: &RoleFacts,
    role: &PractitionerRole,
    date: LocalDate,
    slots: Vec<OpenedSlot>,
) -> DayOpened {
    let blocked = slots.iter().flat_map(|slot| covering(role, slot)).collect();
    DayOpened {
        hospital: facts.hospital,
        practitioner: facts.practitioner,
        role: facts.role,
        date,
        specialty: facts.specialty.clone(),
        slots,
        blocked,
    }
}

/// The leaves that cover a slot.
pub(super) fn covering<'a>(
    role: &'a PractitionerRole,
    slot: &OpenedSlot,
) -> impl Iterator<Item = (Timestamp, LeaveId)> + 'a {
    let (start, slot) = (slot.start, slot.clone());
    role.leaves().filter(move |(_, leave)| leave.covers(&slot)).map(move |(id, _)| (start, id))
}

/// The zone-aware settings of the hospital a role works at.
pub(super) fn known<'a>(
    hospital: &'a Hospital,
    role: &'a PractitionerRole,
) -> Result<(&'a Settings, &'a RoleFacts), crate::practitioner::PractitionerRejection> {
    use crate::practitioner::PractitionerRejection as No;
    let facts = role.facts().ok_or(No::RoleUnknown)?;
    let settings = hospital.settings().filter(|settings| settings.hospital == facts.hospital);
    Ok((settings.ok_or(No::HospitalUnknown)?, facts))
}

#[cfg(test)]
mod tests;
