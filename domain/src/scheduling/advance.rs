//! Taking an appointment that has no seat yet further: to proposed, pending, or booked with a seat and a price.

use super::book::{SeatWish, check_reasons};
use super::commands::AdvanceAppointment;
use super::events::{AppointmentMadePending, AppointmentProposed};
use super::transition::{Action, allow};
use super::{Appointment, AppointmentStatus, BookingContext, SchedulingRejection};
use crate::event::Changes;
use crate::kernel::Times;

/// Takes an appointment further. Streams: the appointment (led), and for `booked` those of [`BookingContext`] for the
/// appointment's role and patient, with the days of the start given, else of the one requested.
///
/// The reason told when it was asked for stays where it was written down; `AppointmentBooked.reason` is empty then.
///
/// # Errors
/// As for booking, or when the status does not allow it.
pub fn advance(
    ctx: &BookingContext<'_>,
    appointment: &Appointment,
    command: &AdvanceAppointment,
    times: &Times,
) -> Result<Changes, SchedulingRejection> {
    check_reasons([&command.overbooking_reason, &command.overlap_reason])?;
    let action = match command.to {
        AppointmentStatus::Proposed => Action::Propose,
        AppointmentStatus::Pending => Action::MakePending,
        AppointmentStatus::Booked => Action::Book,
        to => return Err(SchedulingRejection::AdvanceTargetInvalid { to }),
    };
    let facts = allow(appointment, action)?;
    macro_rules! asked_for {
        ($event:ident) => {
            Ok(vec![(
                facts.stream(),
                $event {
                    appointment: facts.appointment,
                    hospital: facts.hospital,
                    patient: facts.patient,
                    practitioner: facts.practitioner,
                    role: facts.role,
                    requested: facts.requested.clone(),
                    service: facts.service.clone(),
                    reason: None,
                }
                .into(),
            )])
        };
    }
    match action {
        Action::Propose => asked_for!(AppointmentProposed),
        Action::MakePending => asked_for!(AppointmentMadePending),
        _ => {
            let requested = facts.requested.as_ref().map(|period| period.start);
            let start = command.start.or(requested).ok_or(SchedulingRejection::StartMissing)?;
            ctx.schedule.check_link(facts.hospital, facts.patient)?;
            ctx.check_service(&facts.service)?;
            let wish = SeatWish {
                appointment: facts.appointment,
                patient: facts.patient,
                service: &facts.service,
                hold: command.hold,
                overbooking_reason: &command.overbooking_reason,
                overlap_reason: &command.overlap_reason,
            };
            ctx.booked(&wish, start, None, times)
        }
    }
}

#[cfg(test)]
mod tests;
