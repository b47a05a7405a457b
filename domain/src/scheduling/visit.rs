//! The visit itself: arrival, check-in, its end, and the corrections of what was marked wrongly.

use super::commands::{Arrive, CheckIn, Fulfil, UndoStatus};
use super::events::{
    AppointmentFulfilled, AppointmentStatusUndone, PatientArrived, PatientCheckedIn, RebookingNeeded, RebookingSettled,
    VisitDropped, VisitPlanned,
};
use super::transition::{Action, allow};
use super::{Appointment, AppointmentFacts, AppointmentStatus, Day, PatientSchedule, SchedulingRejection};
use crate::event::{Changes, Event};
use crate::kernel::Times;
use crate::kernel::reason::check_reason;

/// How far the clock of whoever ends a visit may be ahead of ours.
const CLOCK_SKEW_MINUTES_MAX: i64 = 2;

/// The patient is here. Streams: the appointment (led).
///
/// # Errors
/// When the status does not allow it.
pub fn arrive(appointment: &Appointment, _: &Arrive, _: &Times) -> Result<Changes, SchedulingRejection> {
    let facts = allow(appointment, Action::Arrive)?;
    let arrived = PatientArrived {
        appointment: facts.appointment,
        hospital: facts.hospital,
        patient: facts.patient,
        practitioner: facts.practitioner,
    };
    Ok(vec![(facts.stream(), arrived.into())])
}

/// The desk takes the patient in. Streams: the appointment (led).
///
/// # Errors
/// When the status does not allow it.
pub fn check_in(appointment: &Appointment, _: &CheckIn, _: &Times) -> Result<Changes, SchedulingRejection> {
    let facts = allow(appointment, Action::CheckIn)?;
    let checked_in = PatientCheckedIn {
        appointment: facts.appointment,
        hospital: facts.hospital,
        patient: facts.patient,
        practitioner: facts.practitioner,
    };
    Ok(vec![(facts.stream(), checked_in.into())])
}

/// The visit took place and has ended. Streams: the appointment (led), the patient's schedule (written). The seat stays
/// taken; the patient's time is free again.
///
/// # Errors
/// When the status does not allow it, or the times make no sense.
pub fn fulfil(appointment: &Appointment, command: &Fulfil, times: &Times) -> Result<Changes, SchedulingRejection> {
    let facts = allow(appointment, Action::Fulfil)?;
    if command.ended < command.started || command.ended > times.occurred_at.plus_minutes(CLOCK_SKEW_MINUTES_MAX) {
        return Err(SchedulingRejection::VisitTimesInvalid);
    }
    let fulfilled = AppointmentFulfilled {
        appointment: facts.appointment,
        hospital: facts.hospital,
        patient: facts.patient,
        practitioner: facts.practitioner,
        started: command.started,
        ended: command.ended,
    };
    let dropped = VisitDropped { hospital: facts.hospital, patient: facts.patient, appointment: facts.appointment };
    Ok(vec![(facts.stream(), fulfilled.into()), (facts.schedule_stream(), dropped.into())])
}

/// Puts a status back. Streams: the appointment (led), the day of its seat (read), the patient's schedule (read; written
/// when a no-show is taken back: the visit is live again, and must not overlap another one).
///
/// A leave taken or taken back while it was not booked left it alone; once booked again it is to be rebooked, or not.
///
/// # Errors
/// When the status does not allow it, the reason is missing, or the patient has another live appointment by now.
pub fn undo(
    appointment: &Appointment,
    day: &Day,
    schedule: &PatientSchedule,
    command: &UndoStatus,
    _: &Times,
) -> Result<Changes, SchedulingRejection> {
    check_reason(&command.reason)?;
    let action = match command.to {
        AppointmentStatus::Booked => Action::UndoToBooked,
        AppointmentStatus::Arrived => Action::UndoToArrived,
        to => return Err(SchedulingRejection::UndoTargetInvalid { to }),
    };
    let facts = allow(appointment, action)?;
    let undone = AppointmentStatusUndone {
        appointment: facts.appointment,
        hospital: facts.hospital,
        patient: facts.patient,
        practitioner: facts.practitioner,
        from: facts.status,
        to: command.to,
        reason: command.reason.clone(),
    };
    let mut changes: Changes = vec![(facts.stream(), undone.into())];
    if command.to == AppointmentStatus::Booked {
        changes.extend(rebooking(facts, day).map(|event| (facts.stream(), event)));
    }
    if let (AppointmentStatus::NoShow, Some(seat)) = (facts.status, &facts.seat) {
        let overlap = schedule.overlapping(&seat.period, facts.appointment).filter(|_| !facts.overlap_meant);
        if let Some(other) = overlap {
            return Err(SchedulingRejection::VisitsOverlap { other });
        }
        let planned = VisitPlanned {
            hospital: facts.hospital,
            patient: facts.patient,
            appointment: facts.appointment,
            period: seat.period.clone(),
        };
        changes.push((facts.schedule_stream(), planned.into()));
    }
    Ok(changes)
}

/// What the leaves over its seat make of an appointment that is booked again.
fn rebooking(facts: &AppointmentFacts, day: &Day) -> Option<Event> {
    let &AppointmentFacts { appointment, hospital, patient, practitioner, .. } = facts;
    let leaves = day.slot(facts.start()?).map(|slot| &slot.leaves)?;
    match (facts.rebooking, leaves.first()) {
        (Some(known), _) if leaves.contains(&known) => None,
        (_, Some(&leave)) => Some(RebookingNeeded { appointment, hospital, patient, practitioner, leave }.into()),
        (Some(leave), None) => Some(RebookingSettled { appointment, hospital, patient, practitioner, leave }.into()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests;
