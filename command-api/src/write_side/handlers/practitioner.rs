//! Practitioners, their roles, schedules, leave and opened days.

use std::collections::BTreeMap;
use std::sync::Arc;

use carelog_domain::kernel::{AppointmentId, Decide, LeaveId, LocalDate, PractitionerId, RoleId, Zone};
use carelog_domain::organization::Hospital;
use carelog_domain::practitioner::commands::*;
use carelog_domain::practitioner::role::assign_role as assign;
use carelog_domain::practitioner::{Practitioner, PractitionerCommand, PractitionerRejection, PractitionerRole};
use carelog_domain::scheduling::commands::OpenDays;
use carelog_domain::scheduling::{self, Appointment, Day, SchedulingRejection};
use carelog_domain::streams;

use super::Answer;
use crate::write_side::refusal::Refusal;
use crate::write_side::session::Session;

pub(super) async fn register(s: &mut Session<'_>, command: &RegisterPractitioner) -> Answer {
    let times = s.times();
    let id = PractitionerId::derive(s.request.id, s.slot(), times.occurred_at, 0);
    let stream = streams::practitioner(id);
    let practitioner = s.load::<Practitioner>(&stream).await?;
    let events = practitioner.decide(&PractitionerCommand::Register(id, command.clone()), &times)?;
    Ok(events.into_iter().map(|event| (stream.clone(), event.into())).collect())
}

pub(super) async fn assign_role(s: &mut Session<'_>, command: &AssignRole) -> Answer {
    s.authorize(command.hospital)?;
    let hospital = s.load::<Hospital>(&streams::organization(command.hospital)).await?;
    let practitioner = s.load::<Practitioner>(&streams::practitioner(command.practitioner)).await?;
    let id = RoleId::derive(s.request.id, s.slot(), s.times().occurred_at, 0);
    let role = s.load::<PractitionerRole>(&streams::role(id)).await?;
    Ok(assign(&hospital, &practitioner, &role, command, id)?)
}

pub(super) async fn set_schedule(s: &mut Session<'_>, command: &SetSchedule) -> Answer {
    let (hospital, role, zone) = workplace(s, command.role).await?;
    let dates = scheduling::dates_touched(&role, zone, command.effective_from, s.times().occurred_at);
    let days = days(s, command.role, dates).await?;
    Ok(scheduling::set_schedule(&hospital, &role, &days, command, &s.times())?)
}

pub(super) async fn take_leave(s: &mut Session<'_>, command: &TakeLeave) -> Answer {
    let (hospital, role, zone) = workplace(s, command.role).await?;
    let days = days(s, command.role, scheduling::leave_dates(&role, zone, command.from, command.to)).await?;
    let seated = appointments(s, scheduling::appointments_on_leave(&days, command.from, command.to)).await?;
    let leave = LeaveId::derive(s.request.id, s.slot(), s.times().occurred_at, 0);
    Ok(scheduling::take_leave(&hospital, &role, &days, &seated, command, leave)?)
}

pub(super) async fn cancel_leave(s: &mut Session<'_>, command: &CancelLeave) -> Answer {
    let (hospital, role, zone) = workplace(s, command.role).await?;
    let dates = match role.leave(command.leave) {
        Some(leave) => scheduling::leave_dates(&role, zone, leave.from, leave.to),
        None => vec![],
    };
    let days = days(s, command.role, dates).await?;
    let seated = appointments(s, scheduling::appointments_to_settle(&days, command.leave)).await?;
    Ok(scheduling::cancel_leave(&hospital, &role, &days, &seated, command)?)
}

pub(super) async fn open_days(s: &mut Session<'_>, command: &OpenDays) -> Answer {
    let (hospital, role, _) = workplace(s, command.role).await?;
    Ok(scheduling::open_days(&hospital, &role, command)?)
}

/// A role the actor may manage, its hospital and that one's zone.
async fn workplace(s: &mut Session<'_>, id: RoleId) -> Result<(Arc<Hospital>, Arc<PractitionerRole>, Zone), Refusal> {
    let role = s.load::<PractitionerRole>(&streams::role(id)).await?;
    let at = role.facts().ok_or(PractitionerRejection::RoleUnknown)?.hospital;
    s.authorize(at)?;
    let hospital = s.load::<Hospital>(&streams::organization(at)).await?;
    let zone = hospital.settings().ok_or(SchedulingRejection::HospitalUnknown)?.zone;
    Ok((hospital, role, zone))
}

async fn days(s: &mut Session<'_>, role: RoleId, dates: Vec<LocalDate>) -> Result<BTreeMap<LocalDate, Day>, Refusal> {
    let mut days = BTreeMap::new();
    for date in dates {
        let day = s.load::<Day>(&streams::day(role, date)).await?;
        days.insert(date, Day::clone(&day));
    }
    Ok(days)
}

async fn appointments(
    s: &mut Session<'_>,
    ids: Vec<AppointmentId>,
) -> Result<BTreeMap<AppointmentId, Appointment>, Refusal> {
    let mut appointments = BTreeMap::new();
    for id in ids {
        let appointment = s.load::<Appointment>(&streams::appointment(id)).await?;
        appointments.insert(id, Appointment::clone(&appointment));
    }
    Ok(appointments)
}
