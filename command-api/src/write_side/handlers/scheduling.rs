//! Holds and appointments.

use std::sync::Arc;

use carelog_domain::kernel::{AppointmentId, HoldId, LocalDate, PatientId, RoleId, Tag, Timestamp};
use carelog_domain::organization::Hospital;
use carelog_domain::patient::PatientRejection;
use carelog_domain::policy::Permission;
use carelog_domain::practitioner::PractitionerRole;
use carelog_domain::scheduling::commands::*;
use carelog_domain::scheduling::{
    self, Appointment, AppointmentFacts, BookingContext, Day, PatientSchedule, SchedulingRejection, candidate_dates,
};
use carelog_domain::streams;

use super::Answer;
use crate::write_side::refusal::Refusal;
use crate::write_side::session::Session;

pub(super) async fn hold(s: &mut Session<'_>, command: &HoldSlot) -> Answer {
    let place = Place::load(s, command.role, Some(command.start), None).await?;
    let times = s.times();
    let hold = HoldId::derive(s.request.id, s.slot(), times.occurred_at, 0);
    Ok(scheduling::hold_slot(&place.days, command, hold, &s.request.actor.user, &times)?)
}

pub(super) async fn release_hold(s: &mut Session<'_>, command: &ReleaseHold) -> Answer {
    let found = s.first_with_tag(&Tag::new("hold", command.hold)).await?.ok_or(SchedulingRejection::HoldUnknown)?;
    let day = s.load::<Day>(&found.context.stream).await?;
    s.authorize(day.facts().ok_or(SchedulingRejection::HoldUnknown)?.hospital)?;
    Ok(scheduling::release_hold(&day, command, &s.request.actor.user, &s.times())?)
}

pub(super) async fn book(s: &mut Session<'_>, command: &BookAppointment) -> Answer {
    let place = Place::load(s, command.role, command.start, Some(command.patient)).await?;
    let times = s.times();
    let appointment = AppointmentId::derive(s.request.id, s.slot(), times.occurred_at, 0);
    let decided = scheduling::book(&place.context(s), command, appointment, &times);
    if decided == Err(SchedulingRejection::PatientNotLinked) && !s.exists(&streams::patient(command.patient)).await? {
        return Err(PatientRejection::PatientUnknown.into());
    }
    Ok(decided?)
}

pub(super) async fn advance(s: &mut Session<'_>, command: &AdvanceAppointment) -> Answer {
    let appointment = appointment(s, command.appointment).await?;
    let facts = appointment.facts()?;
    let start = command.start.or_else(|| facts.requested.as_ref().map(|period| period.start));
    let place = Place::load(s, facts.role, start, Some(facts.patient)).await?;
    Ok(scheduling::advance(&place.context(s), &appointment, command, &s.times())?)
}

pub(super) async fn reschedule(s: &mut Session<'_>, command: &RescheduleAppointment) -> Answer {
    let appointment = appointment(s, command.appointment).await?;
    let facts = appointment.facts()?;
    let role = command.role.unwrap_or(facts.role);
    if role.slot() != s.slot() {
        return Err(SchedulingRejection::OtherHospital.into());
    }
    let place = Place::load(s, role, Some(command.start), Some(facts.patient)).await?;
    seat(s, facts).await?; // After the place, which lets go of the days that do not hold the new slot.
    Ok(scheduling::reschedule(&place.context(s), &appointment, command, &s.times())?)
}

pub(super) async fn arrive(s: &mut Session<'_>, command: &Arrive) -> Answer {
    let appointment = appointment(s, command.appointment).await?;
    Ok(scheduling::arrive(&appointment, command, &s.times())?)
}

pub(super) async fn check_in(s: &mut Session<'_>, command: &CheckIn) -> Answer {
    let appointment = appointment(s, command.appointment).await?;
    Ok(scheduling::check_in(&appointment, command, &s.times())?)
}

pub(super) async fn fulfil(s: &mut Session<'_>, command: &Fulfil) -> Answer {
    let appointment = appointment(s, command.appointment).await?;
    schedule(s, appointment.facts()?).await?;
    Ok(scheduling::fulfil(&appointment, command, &s.times())?)
}

pub(super) async fn cancel(s: &mut Session<'_>, command: &CancelAppointment) -> Answer {
    let appointment = appointment(s, command.appointment).await?;
    let facts = appointment.facts()?;
    let hospital = s.load::<Hospital>(&streams::organization(facts.hospital)).await?;
    seat(s, facts).await?;
    schedule(s, facts).await?;
    Ok(scheduling::cancel(&hospital, &appointment, command, &s.times())?)
}

pub(super) async fn mark_no_show(s: &mut Session<'_>, command: &MarkNoShow) -> Answer {
    let appointment = appointment(s, command.appointment).await?;
    let facts = appointment.facts()?;
    let hospital = s.load::<Hospital>(&streams::organization(facts.hospital)).await?;
    schedule(s, facts).await?;
    Ok(scheduling::mark_no_show(&hospital, &appointment, command, &s.times())?)
}

pub(super) async fn undo(s: &mut Session<'_>, command: &UndoStatus) -> Answer {
    let appointment = appointment(s, command.appointment).await?;
    let facts = appointment.facts()?;
    let day = seat(s, facts).await?;
    let schedule = schedule(s, facts).await?;
    Ok(scheduling::undo(&appointment, &day, &schedule, command, &s.times())?)
}

pub(super) async fn enter_in_error(s: &mut Session<'_>, command: &EnterAppointmentInError) -> Answer {
    let appointment = appointment(s, command.appointment).await?;
    let facts = appointment.facts()?;
    seat(s, facts).await?;
    schedule(s, facts).await?;
    Ok(scheduling::enter_in_error(&appointment, command, &s.times())?)
}

/// An appointment the actor may act on.
async fn appointment(s: &mut Session<'_>, id: AppointmentId) -> Result<Arc<Appointment>, Refusal> {
    let appointment = s.load::<Appointment>(&streams::appointment(id)).await?;
    s.authorize(appointment.facts()?.hospital)?;
    Ok(appointment)
}

async fn schedule(s: &mut Session<'_>, facts: &AppointmentFacts) -> Result<Arc<PatientSchedule>, Refusal> {
    s.load::<PatientSchedule>(&facts.schedule_stream()).await
}

/// The day an appointment sits in, if it has a seat.
async fn seat(s: &mut Session<'_>, facts: &AppointmentFacts) -> Result<Arc<Day>, Refusal> {
    match facts.day_stream() {
        Some(day) => s.load::<Day>(&day).await,
        None => Ok(Arc::default()),
    }
}

/// Everything a seat is decided on.
struct Place {
    hospital: Arc<Hospital>,
    role: Arc<PractitionerRole>,
    days: Vec<Arc<Day>>,
    schedule: Arc<PatientSchedule>,
    may_overbook: bool,
}

impl Place {
    async fn load(
        s: &mut Session<'_>,
        role_id: RoleId,
        start: Option<Timestamp>,
        patient: Option<PatientId>,
    ) -> Result<Place, Refusal> {
        let role = s.load::<PractitionerRole>(&streams::role(role_id)).await?;
        let id = role.facts().ok_or(SchedulingRejection::RoleUnknown)?.hospital;
        s.authorize(id)?;
        let hospital = s.load::<Hospital>(&streams::organization(id)).await?;
        let zone = hospital.settings().ok_or(SchedulingRejection::HospitalUnknown)?.zone;
        let dates: Vec<LocalDate> = start.map(|start| candidate_dates(zone, start)).unwrap_or_default();
        let mut days = Vec::with_capacity(dates.len());
        for date in dates.into_iter().filter(|date| role.is_opened(*date)) {
            let day = s.load::<Day>(&streams::day(role_id, date)).await?;
            // Of the two dates that may hold it, one does; the other is not relied on, lest it makes conflicts.
            match start {
                Some(start) if day.slot(start).is_none() => s.rely_not_on(&streams::day(role_id, date)),
                _ => days.push(day),
            }
        }
        let schedule = match patient {
            Some(patient) => s.load::<PatientSchedule>(&streams::patient_schedule(id, patient)).await?,
            None => Arc::default(),
        };
        Ok(Place { hospital, role, days, schedule, may_overbook: s.may(Permission::Overbook, id) })
    }

    fn context<'a>(&'a self, s: &Session<'a>) -> BookingContext<'a> {
        BookingContext {
            hospital: &self.hospital,
            role: &self.role,
            days: &self.days,
            schedule: &self.schedule,
            user: &s.request.actor.user,
            may_overbook: self.may_overbook,
        }
    }
}
