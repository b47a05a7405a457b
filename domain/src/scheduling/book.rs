//! Asking for an appointment: proposed, pending, on the waitlist, or booked with a seat and a price at once.

use std::sync::Arc;

use super::commands::BookAppointment;
use super::day::{Day, DayFacts, SeatOffer, SeatRequest};
use super::events::{
    AppointmentBooked, AppointmentMadePending, AppointmentProposed, AppointmentWaitlisted, HoldReleased, SeatTaken,
    VisitPlanned,
};
use super::{AgreedPrice, AppointmentStatus, PatientSchedule, Period, SchedulingRejection, candidate_dates, price};
use crate::event::Changes;
use crate::kernel::reason::{check_length, says_something};
use crate::kernel::{AppointmentId, Clinical, HoldId, Times, Timestamp};
use crate::organization::{Hospital, Settings};
use crate::practitioner::{PractitionerRole, RoleFacts};
use crate::streams;

/// What a seat is decided on. Streams: the hospital, the role (both read), the days of
/// [`candidate_dates`]`(zone, start)` of that role and the patient's schedule at the hospital (both written).
#[derive(Clone, Copy, Debug)]
pub struct BookingContext<'a> {
    /// The hospital.
    pub hospital: &'a Hospital,
    /// The role that is booked; when moving, the role moved to.
    pub role: &'a PractitionerRole,
    /// The role's days that may hold the slot; none when no start is given.
    pub days: &'a [Arc<Day>],
    /// The patient at the hospital.
    pub schedule: &'a PatientSchedule,
    /// User id of whoever asks: only they can use their holds.
    pub user: &'a str,
    /// True when they have the permission `Overbook`.
    pub may_overbook: bool,
}

/// Asks for an appointment; the id derives from the command. Leads the appointment's stream.
///
/// # Errors
/// Unknown hospital, role or patient; a service that is not offered or has no price; no such slot or no seat in it; an
/// overlap with another live appointment of the patient.
pub fn book(
    ctx: &BookingContext<'_>,
    command: &BookAppointment,
    appointment: AppointmentId,
    times: &Times,
) -> Result<Changes, SchedulingRejection> {
    check_reasons([&command.reason, &command.overbooking_reason, &command.overlap_reason])?;
    let (settings, role) = ctx.known()?;
    ctx.schedule.check_link(settings.hospital, command.patient)?;
    ctx.check_service(&command.service)?;
    let wish = SeatWish {
        appointment,
        patient: command.patient,
        service: &command.service,
        hold: command.hold,
        overbooking_reason: &command.overbooking_reason,
        overlap_reason: &command.overlap_reason,
    };
    if command.status == AppointmentStatus::Booked {
        let start = command.start.ok_or(SchedulingRejection::StartMissing)?;
        return ctx.booked(&wish, start, command.reason.clone(), times);
    }
    if !settings.prices.iter().any(|entry| entry.service == command.service) {
        return Err(SchedulingRejection::ServiceNotOffered { service: command.service.clone() });
    }
    let requested = command.start.map(|start| ctx.slot_period(start)).transpose()?;
    macro_rules! asked_for {
        ($event:ident) => {
            $event {
                appointment,
                hospital: settings.hospital,
                patient: command.patient,
                practitioner: role.practitioner,
                role: role.role,
                requested,
                service: command.service.clone(),
                reason: command.reason.clone(),
            }
            .into()
        };
    }
    let event = match command.status {
        AppointmentStatus::Proposed => asked_for!(AppointmentProposed),
        AppointmentStatus::Pending => asked_for!(AppointmentMadePending),
        AppointmentStatus::Waitlist => asked_for!(AppointmentWaitlisted),
        status => return Err(SchedulingRejection::StatusNotBookable { status }),
    };
    Ok(vec![(streams::appointment(appointment), event)])
}

/// Who wants a seat, and how badly.
pub(super) struct SeatWish<'a> {
    pub(super) appointment: AppointmentId,
    pub(super) patient: crate::kernel::PatientId,
    pub(super) service: &'a str,
    pub(super) hold: Option<HoldId>,
    pub(super) overbooking_reason: &'a Option<Clinical<String>>,
    pub(super) overlap_reason: &'a Option<Clinical<String>>,
}

/// A seat that was found.
pub(super) struct Found<'a> {
    pub(super) day: &'a DayFacts,
    pub(super) period: Period,
    pub(super) offer: SeatOffer,
    /// True when the patient has another live appointment then, which the wish says is meant.
    pub(super) overlaps: bool,
}

impl<'a> BookingContext<'a> {
    /// Hospital and role, which belong together.
    pub(super) fn known(&self) -> Result<(&'a Settings, &'a RoleFacts), SchedulingRejection> {
        let settings = self.hospital.settings().ok_or(SchedulingRejection::HospitalUnknown)?;
        let role = self.role.facts().ok_or(SchedulingRejection::RoleUnknown)?;
        if role.hospital != settings.hospital {
            return Err(SchedulingRejection::OtherHospital);
        }
        Ok((settings, role))
    }

    /// Does the role offer the service?
    pub(super) fn check_service(&self, service: &str) -> Result<(), SchedulingRejection> {
        let (_, role) = self.known()?;
        if role.services.is_empty() || role.services.iter().any(|offered| offered == service) {
            return Ok(());
        }
        Err(SchedulingRejection::ServiceNotOffered { service: service.to_owned() })
    }

    /// The price of the service on the hospital's local date of the start, as known now.
    pub(super) fn price(&self, service: &str, start: Timestamp) -> Result<AgreedPrice, SchedulingRejection> {
        let (settings, _) = self.known()?;
        let date = settings.zone.date_of(start);
        price::agreed(settings, service, date)
            .ok_or_else(|| SchedulingRejection::PriceMissing { service: service.to_owned(), date })
    }

    /// The opened day of this role that holds the slot.
    pub(super) fn day_of(&self, start: Timestamp) -> Result<(&'a Day, &'a DayFacts), SchedulingRejection> {
        let (_, role) = self.known()?;
        let mut days = self.days.iter().filter_map(|day| Some((&**day, day.facts()?)));
        days.find(|(day, facts)| facts.role == role.role && day.slot(start).is_some())
            .ok_or(SchedulingRejection::SlotNotOpen { slot: start })
    }

    /// The slot at a start, opened or only planned by the schedule (a wish may go beyond the opened days).
    fn slot_period(&self, start: Timestamp) -> Result<Period, SchedulingRejection> {
        let (settings, _) = self.known()?;
        if let Ok((day, _)) = self.day_of(start)
            && let Some(slot) = day.slot(start)
        {
            return Ok(Period { start, end: slot.end });
        }
        let dates = candidate_dates(settings.zone, start).into_iter().filter(|date| !self.role.is_opened(*date));
        let planned = dates.flat_map(|date| self.role.slots_on(date, settings.zone));
        let mut fitting = planned.filter(|slot| slot.start == start);
        let slot = fitting.next().ok_or(SchedulingRejection::SlotNotOpen { slot: start })?;
        Ok(Period { start, end: slot.end })
    }

    /// A seat for the wish: in the slot, and in the patient's time.
    pub(super) fn find_seat(
        &self,
        wish: &SeatWish<'_>,
        start: Timestamp,
        leaving: Option<AppointmentId>,
        times: &Times,
    ) -> Result<Found<'a>, SchedulingRejection> {
        let (settings, _) = self.known()?;
        let (day, facts) = self.day_of(start)?;
        let offer = day.offer(&SeatRequest {
            start,
            hold: wish.hold,
            user: self.user,
            wants_overbooking: says_something(wish.overbooking_reason.as_ref()),
            may_overbook: self.may_overbook,
            overbooking_max: settings.policies.overbooking_per_slot_max,
            leaving,
            now: times.occurred_at,
        })?;
        let period = Period { start, end: offer.end };
        let overlap = self.schedule.overlapping(&period, wish.appointment);
        match overlap {
            Some(other) if !says_something(wish.overlap_reason.as_ref()) => {
                Err(SchedulingRejection::VisitsOverlap { other })
            }
            _ => Ok(Found { day: facts, period, offer, overlaps: overlap.is_some() }),
        }
    }

    /// A booking with seat, price and the place in the patient's schedule.
    pub(super) fn booked(
        &self,
        wish: &SeatWish<'_>,
        start: Timestamp,
        reason: Option<Clinical<String>>,
        times: &Times,
    ) -> Result<Changes, SchedulingRejection> {
        let (settings, role) = self.known()?;
        let price = self.price(wish.service, start)?;
        let found = self.find_seat(wish, start, None, times)?;
        let booked = AppointmentBooked {
            appointment: wish.appointment,
            hospital: settings.hospital,
            patient: wish.patient,
            practitioner: role.practitioner,
            role: role.role,
            specialty: role.specialty.clone(),
            date: found.day.date,
            period: found.period.clone(),
            price,
            reason,
            overbooking_reason: wish.overbooking_reason.clone().filter(|_| found.offer.overbooked),
            overlap_reason: wish.overlap_reason.clone().filter(|_| found.overlaps),
        };
        let planned = VisitPlanned {
            hospital: settings.hospital,
            patient: wish.patient,
            appointment: wish.appointment,
            period: found.period.clone(),
        };
        let mut changes: Changes = vec![(streams::appointment(wish.appointment), booked.into())];
        changes.extend(found.take_seat(wish.appointment));
        changes.push((streams::patient_schedule(settings.hospital, wish.patient), planned.into()));
        Ok(changes)
    }
}

impl Found<'_> {
    /// The day's events: the hold is used up and the seat taken.
    pub(super) fn take_seat(&self, appointment: AppointmentId) -> Changes {
        let DayFacts { hospital, role, date, .. } = *self.day;
        let slot = self.period.start;
        let stream = streams::day(role, date);
        let mut changes: Changes = vec![];
        if let Some(hold) = self.offer.uses_hold {
            changes.push((stream.clone(), HoldReleased { hospital, role, date, hold, slot }.into()));
        }
        let overbooked = self.offer.overbooked;
        changes.push((stream, SeatTaken { hospital, role, date, slot, appointment, overbooked }.into()));
        changes
    }
}

/// Reasons that may be left out are short enough.
pub(super) fn check_reasons<'r>(
    reasons: impl IntoIterator<Item = &'r Option<Clinical<String>>>,
) -> Result<(), SchedulingRejection> {
    reasons.into_iter().try_for_each(|reason| Ok(check_length(reason.as_ref())?))
}

#[cfg(test)]
mod tests;
