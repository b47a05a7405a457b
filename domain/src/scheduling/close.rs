//! The ends without a visit: cancelled, nobody came, or never should have been written.

use super::book::check_reasons;
use super::commands::{CancelAppointment, EnterAppointmentInError, MarkNoShow};
use super::events::{AppointmentCancelled, AppointmentEnteredInError, NoShowMarked, VisitDropped};
use super::reschedule::release;
use super::transition::{Action, allow, no_show_from};
use super::{Appointment, AppointmentFacts, AppointmentStatus, CancelledBy, SchedulingRejection, price};
use crate::event::Changes;
use crate::kernel::Times;
use crate::kernel::reason::check_reason;
use crate::organization::{Hospital, NoShowPolicy, Settings};

/// It will not take place. Streams: the hospital (read), the appointment (led), the day of its seat and the patient's
/// schedule (written, when it has a seat). A late cancellation by the patient carries the hospital's fee; the hospital
/// cancelling never costs.
///
/// # Errors
/// When the status does not allow it.
pub fn cancel(
    hospital: &Hospital,
    appointment: &Appointment,
    command: &CancelAppointment,
    times: &Times,
) -> Result<Changes, SchedulingRejection> {
    check_reasons([&command.reason])?;
    let facts = allow(appointment, Action::Cancel)?;
    let settings = settings_of(hospital, facts)?;
    let fee = match (command.by, facts.is_live(), facts.start()) {
        (CancelledBy::Patient, true, Some(start)) => price::late_cancel_fee(settings, start, times.occurred_at),
        _ => None,
    };
    let cancelled = AppointmentCancelled {
        appointment: facts.appointment,
        hospital: facts.hospital,
        patient: facts.patient,
        practitioner: facts.practitioner,
        by: command.by,
        reason: command.reason.clone(),
        from: facts.status,
        fee,
    };
    let mut changes: Changes = vec![(facts.stream(), cancelled.into())];
    changes.extend(leave_seat(facts));
    changes.extend(drop_visit(facts));
    Ok(changes)
}

/// The patient did not come. Streams: the hospital (read), the appointment (led), the patient's schedule (written). The
/// seat stays taken: a no-show does not free the slot.
///
/// An alarm (`automatic`) that no longer fits does nothing: the appointment was moved, is not booked any more, or the
/// hospital's policy has changed.
///
/// # Errors
/// When the status does not allow it, or it is too early to say.
pub fn mark_no_show(
    hospital: &Hospital,
    appointment: &Appointment,
    command: &MarkNoShow,
    times: &Times,
) -> Result<Changes, SchedulingRejection> {
    let known = appointment.facts()?;
    let settings = settings_of(hospital, known)?;
    let earliest = known.start().map(|start| no_show_from(start, &settings.policies));
    let too_early = earliest.filter(|earliest| times.occurred_at < *earliest);
    if command.automatic {
        let moved = command.start.is_some() && command.start != known.start();
        let off = settings.policies.no_show == NoShowPolicy::Off;
        if moved || off || known.status != AppointmentStatus::Booked || too_early.is_some() {
            return Ok(vec![]);
        }
    }
    let facts = allow(appointment, Action::MarkNoShow)?;
    if let Some(earliest) = too_early {
        return Err(SchedulingRejection::NoShowTooEarly { earliest });
    }
    let marked = NoShowMarked {
        appointment: facts.appointment,
        hospital: facts.hospital,
        patient: facts.patient,
        practitioner: facts.practitioner,
        automatic: command.automatic,
        fee: price::no_show_fee(settings, times.occurred_at),
    };
    let mut changes: Changes = vec![(facts.stream(), marked.into())];
    changes.extend(drop_visit(facts));
    Ok(changes)
}

/// It should never have been written. Streams: the appointment (led), the day of its seat and the patient's schedule
/// (written, when it takes up a seat).
///
/// # Errors
/// When it is entered in error already, or the reason is missing.
pub fn enter_in_error(
    appointment: &Appointment,
    command: &EnterAppointmentInError,
    _: &Times,
) -> Result<Changes, SchedulingRejection> {
    check_reason(&command.reason)?;
    let facts = allow(appointment, Action::EnterInError)?;
    let entered = AppointmentEnteredInError {
        appointment: facts.appointment,
        hospital: facts.hospital,
        patient: facts.patient,
        practitioner: facts.practitioner,
        from: facts.status,
        reason: command.reason.clone(),
    };
    let mut changes: Changes = vec![(facts.stream(), entered.into())];
    changes.extend(leave_seat(facts));
    changes.extend(drop_visit(facts));
    Ok(changes)
}

fn settings_of<'a>(hospital: &'a Hospital, facts: &AppointmentFacts) -> Result<&'a Settings, SchedulingRejection> {
    let settings = hospital.settings().filter(|settings| settings.hospital == facts.hospital);
    settings.ok_or(SchedulingRejection::HospitalUnknown)
}

/// The seat it takes up is free again.
fn leave_seat(facts: &AppointmentFacts) -> Changes {
    facts.taken_seat().map_or_else(Vec::new, |seat| release(facts.hospital, seat, facts.appointment))
}

/// The patient's time is free again, if the appointment is live.
fn drop_visit(facts: &AppointmentFacts) -> Changes {
    if !facts.is_live() {
        return vec![];
    }
    let dropped = VisitDropped { hospital: facts.hospital, patient: facts.patient, appointment: facts.appointment };
    vec![(facts.schedule_stream(), dropped.into())]
}

#[cfg(test)]
mod tests;
