//! Moving a booked appointment within its hospital: it keeps its id; the old seat is released and the new one taken in
//! the same batch.

use super::book::{SeatWish, check_reasons};
use super::commands::RescheduleAppointment;
use super::events::{AppointmentRescheduled, Seat, SeatReleased, VisitMoved};
use super::transition::{Action, allow};
use super::{Appointment, BookingContext, SchedulingRejection};
use crate::event::Changes;
use crate::kernel::Times;
use crate::kernel::reason::check_reason;
use crate::organization::ReschedulePrice;
use crate::streams;

/// Moves a booked appointment. Streams: the appointment (led), those of [`BookingContext`] for the role moved to (the
/// appointment's own when none is given) with the days of the new start, and the day of the old seat (written).
///
/// The price agreed at booking stays, unless the hospital's policy is to take the new date's.
///
/// # Errors
/// As for booking, or when the status does not allow it, or nothing would move, or the role is at another hospital.
pub fn reschedule(
    ctx: &BookingContext<'_>,
    appointment: &Appointment,
    command: &RescheduleAppointment,
    times: &Times,
) -> Result<Changes, SchedulingRejection> {
    check_reason(&command.reason)?;
    check_reasons([&command.overbooking_reason, &command.overlap_reason])?;
    let facts = allow(appointment, Action::Reschedule)?;
    let (settings, role) = ctx.known()?;
    if role.hospital != facts.hospital {
        return Err(SchedulingRejection::OtherHospital);
    }
    let (Some(from), Some(agreed)) = (facts.seat.clone(), facts.price.clone()) else {
        return Err(SchedulingRejection::AppointmentUnknown); // A booked appointment has both.
    };
    if from.role == role.role && from.period.start == command.start {
        return Err(SchedulingRejection::AlreadyThere { slot: command.start });
    }
    ctx.schedule.check_link(facts.hospital, facts.patient)?;
    ctx.check_service(&facts.service)?;
    let price = match settings.policies.reschedule_price {
        ReschedulePrice::Keep => agreed,
        ReschedulePrice::Reprice => ctx.price(&facts.service, command.start)?,
    };
    let wish = SeatWish {
        appointment: facts.appointment,
        patient: facts.patient,
        service: &facts.service,
        hold: command.hold,
        overbooking_reason: &command.overbooking_reason,
        overlap_reason: &command.overlap_reason,
    };
    let found = ctx.find_seat(&wish, command.start, Some(facts.appointment), times)?;
    let to =
        Seat { role: role.role, practitioner: role.practitioner, date: found.day.date, period: found.period.clone() };
    let moved = AppointmentRescheduled {
        appointment: facts.appointment,
        hospital: facts.hospital,
        patient: facts.patient,
        practitioner: role.practitioner,
        from: from.clone(),
        to,
        by: command.by,
        reason: command.reason.clone(),
        price,
        overbooking_reason: command.overbooking_reason.clone().filter(|_| found.offer.overbooked),
        overlap_reason: command.overlap_reason.clone().filter(|_| found.overlaps),
    };
    let released = release(facts.hospital, &from, facts.appointment);
    let visit = VisitMoved {
        hospital: facts.hospital,
        patient: facts.patient,
        appointment: facts.appointment,
        period: found.period.clone(),
    };
    let mut changes: Changes = vec![(facts.stream(), moved.into())];
    changes.extend(released);
    changes.extend(found.take_seat(facts.appointment));
    changes.push((facts.schedule_stream(), visit.into()));
    Ok(changes)
}

/// The day's event when an appointment leaves its seat.
pub(super) fn release(
    hospital: crate::kernel::HospitalId,
    seat: &Seat,
    appointment: crate::kernel::AppointmentId,
) -> Changes {
    let Seat { role, date, .. } = *seat;
    let slot = seat.period.start;
    vec![(streams::day(role, date), SeatReleased { hospital, role, date, slot, appointment }.into())]
}

#[cfg(test)]
mod tests;
