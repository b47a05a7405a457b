//! Leave: free slots become busy-unavailable, booked ones put their appointments on the worklist `to rebook`; nothing is
//! cancelled silently.

use std::collections::BTreeMap;

use super::events::{RebookingNeeded, RebookingSettled, SlotsBlocked, SlotsUnblocked};
use super::open_days::known;
use super::{Appointment, AppointmentStatus, Day, Period, slots::candidate_dates};
use crate::event::Changes;
use crate::kernel::reason::check_length;
use crate::kernel::{AppointmentId, LeaveId, LocalDate, Timestamp, Zone};
use crate::organization::Hospital;
use crate::practitioner::commands::{CancelLeave, TakeLeave};
use crate::practitioner::events::{LeaveCancelled, LeaveTaken};
use crate::practitioner::{PractitionerRejection, PractitionerRole, RoleFacts};
use crate::streams;

/// Longest leave, in days.
const LEAVE_DAYS_MAX: i64 = 400;

/// The opened dates whose slots a leave can cover: load the role's days of these.
pub fn leave_dates(role: &PractitionerRole, zone: Zone, from: Timestamp, to: Timestamp) -> Vec<LocalDate> {
    let first = candidate_dates(zone, from).into_iter().min();
    let last = candidate_dates(zone, to).into_iter().max();
    match (first.and_then(|date| date.pred_opt()), last) {
        (Some(first), Some(last)) if first <= last => role.opened_dates(first, last),
        _ => vec![],
    }
}

/// The appointments that sit in slots a leave covers: load these before [`take_leave`].
pub fn appointments_on_leave(days: &BTreeMap<LocalDate, Day>, from: Timestamp, to: Timestamp) -> Vec<AppointmentId> {
    let period = Period { start: from, end: to };
    days.values().flat_map(|day| day.slots_within(&period)).flat_map(|(_, slot)| slot.seats.iter().copied()).collect()
}

/// The appointments that sit in slots this leave covers: load these before [`cancel_leave`].
pub fn appointments_to_settle(days: &BTreeMap<LocalDate, Day>, leave: LeaveId) -> Vec<AppointmentId> {
    let slots = days.values().flat_map(Day::slots).filter(|(_, slot)| slot.leaves.contains(&leave));
    slots.flat_map(|(_, slot)| slot.seats.iter().copied()).collect()
}

/// Takes leave; the id derives from the command. Streams: the hospital (read), the role (led), the role's days of
/// [`leave_dates`] and the appointments of [`appointments_on_leave`] (written where touched). Days opened later find the
/// leave in the role.
///
/// # Errors
/// When hospital or role are unknown, or the period is not one.
pub fn take_leave(
    hospital: &Hospital,
    role: &PractitionerRole,
    days: &BTreeMap<LocalDate, Day>,
    appointments: &BTreeMap<AppointmentId, Appointment>,
    command: &TakeLeave,
    leave: LeaveId,
) -> Result<Changes, PractitionerRejection> {
    let (_, facts) = known(hospital, role)?;
    if command.to <= command.from || command.to > command.from.plus_minutes(LEAVE_DAYS_MAX * 24 * 60) {
        return Err(PractitionerRejection::LeavePeriodInvalid);
    }
    check_length(command.reason.as_ref()).map_err(|_| PractitionerRejection::ReasonTooLong)?;
    let taken = LeaveTaken {
        role: facts.role,
        practitioner: facts.practitioner,
        hospital: facts.hospital,
        leave,
        from: command.from,
        to: command.to,
        reason: command.reason.clone(),
    };
    let mut changes: Changes = vec![(streams::role(facts.role), taken.into())];
    let period = Period { start: command.from, end: command.to };
    let &RoleFacts { hospital, practitioner, role, .. } = facts;
    for (&date, day) in days {
        let slots: Vec<Timestamp> = day.slots_within(&period).map(|(start, _)| start).collect();
        if !slots.is_empty() {
            let blocked = SlotsBlocked { hospital, practitioner, role, date, leave, slots };
            changes.push((streams::day(role, date), blocked.into()));
        }
    }
    for id in appointments_on_leave(days, command.from, command.to) {
        let Some(appointment) = appointments.get(&id).and_then(Appointment::get) else { continue };
        if appointment.status == AppointmentStatus::Booked {
            let needed = RebookingNeeded {
                appointment: id,
                hospital: appointment.hospital,
                patient: appointment.patient,
                practitioner: appointment.practitioner,
                leave,
            };
            changes.push((appointment.stream(), needed.into()));
        }
    }
    Ok(changes)
}

/// Takes leave back. Streams: the hospital (read), the role (led), the role's days of [`leave_dates`] and the
/// appointments of [`appointments_to_settle`] (written where touched).
///
/// An appointment that another leave covers as well stays on the worklist, for that one.
///
/// # Errors
/// When hospital, role or leave are unknown, or it was taken back before.
pub fn cancel_leave(
    hospital: &Hospital,
    role: &PractitionerRole,
    days: &BTreeMap<LocalDate, Day>,
    appointments: &BTreeMap<AppointmentId, Appointment>,
    command: &CancelLeave,
) -> Result<Changes, PractitionerRejection> {
    let (_, facts) = known(hospital, role)?;
    let leave = command.leave;
    if role.is_cancelled(leave) {
        return Err(PractitionerRejection::LeaveCancelled);
    }
    role.leave(leave).ok_or(PractitionerRejection::LeaveUnknown)?;
    let &RoleFacts { hospital, practitioner, role, .. } = facts;
    let mut changes: Changes =
        vec![(streams::role(role), LeaveCancelled { role, practitioner, hospital, leave }.into())];
    let mut seats: Vec<(AppointmentId, Option<LeaveId>)> = vec![];
    for (&date, day) in days {
        let covered = || day.slots().filter(|(_, slot)| slot.leaves.contains(&leave));
        let slots: Vec<Timestamp> = covered().map(|(start, _)| start).collect();
        if slots.is_empty() {
            continue;
        }
        for (_, slot) in covered() {
            let other = slot.leaves.iter().copied().find(|other| *other != leave);
            seats.extend(slot.seats.iter().map(|seat| (*seat, other)));
        }
        let unblocked = SlotsUnblocked { hospital, practitioner, role, date, leave, slots };
        changes.push((streams::day(role, date), unblocked.into()));
    }
    for (id, other) in seats {
        let Some(appointment) = appointments.get(&id).and_then(Appointment::get) else { continue };
        if appointment.status != AppointmentStatus::Booked || appointment.rebooking != Some(leave) {
            continue;
        }
        let (hospital, patient, practitioner) = (appointment.hospital, appointment.patient, appointment.practitioner);
        let event = match other {
            Some(leave) => RebookingNeeded { appointment: id, hospital, patient, practitioner, leave }.into(),
            None => RebookingSettled { appointment: id, hospital, patient, practitioner, leave }.into(),
        };
        changes.push((appointment.stream(), event));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests;
