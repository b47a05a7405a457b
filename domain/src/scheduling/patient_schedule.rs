//! A patient at a hospital: the state of a stream `patient-schedule:<hospital>:<patient>`. It begins with the link and
//! holds the patient's live appointments there, so that booking checks both without leaving the hospital's slot.

use std::collections::BTreeMap;

use super::events::PatientLinked;
use super::{Period, SchedulingRejection};
use crate::event::{Changes, PatientScheduleEvent};
use crate::kernel::{AppointmentId, Evolve, HospitalId, PatientId};
use crate::organization::Hospital;
use crate::patient::commands::LinkPatient;
use crate::streams;

/// A patient at a hospital, if linked.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PatientSchedule {
    link: Option<(HospitalId, PatientId)>,
    visits: BTreeMap<AppointmentId, Period>,
}

impl PatientSchedule {
    /// Hospital and patient; `None` while the patient is not known there.
    pub fn link(&self) -> Option<(HospitalId, PatientId)> {
        self.link
    }

    /// The live appointments.
    pub fn visits(&self) -> impl Iterator<Item = (AppointmentId, &Period)> + '_ {
        self.visits.iter().map(|(&id, period)| (id, period))
    }

    /// A live appointment that shares an instant with the period, other than `except`.
    pub fn overlapping(&self, period: &Period, except: AppointmentId) -> Option<AppointmentId> {
        self.visits().find(|(id, visit)| *id != except && visit.overlaps(period)).map(|(id, _)| id)
    }

    /// Is the patient known at this hospital?
    ///
    /// # Errors
    /// When they are not linked.
    pub fn check_link(&self, hospital: HospitalId, patient: PatientId) -> Result<(), SchedulingRejection> {
        if self.link == Some((hospital, patient)) { Ok(()) } else { Err(SchedulingRejection::PatientNotLinked) }
    }
}

impl Evolve for PatientSchedule {
    type Event = PatientScheduleEvent;

    fn evolve(&mut self, event: &PatientScheduleEvent) {
        match event {
            PatientScheduleEvent::PatientLinked(e) => self.link = Some((e.hospital, e.patient)),
            PatientScheduleEvent::VisitPlanned(e) => {
                self.visits.insert(e.appointment, e.period.clone());
            }
            PatientScheduleEvent::VisitMoved(e) => {
                self.visits.insert(e.appointment, e.period.clone());
            }
            PatientScheduleEvent::VisitDropped(e) => {
                self.visits.remove(&e.appointment);
            }
        }
    }
}

/// Step of the saga `PatientRegistration`: the patient is known at the hospital; no event when they were already.
/// Streams: the hospital (read), the patient's schedule there (led).
///
/// # Errors
/// When there is no such hospital.
pub fn link(
    hospital: &Hospital,
    schedule: &PatientSchedule,
    command: &LinkPatient,
) -> Result<Changes, SchedulingRejection> {
    if hospital.settings().is_none_or(|settings| settings.hospital != command.hospital) {
        return Err(SchedulingRejection::HospitalUnknown);
    }
    if schedule.link.is_some() {
        return Ok(vec![]);
    }
    let LinkPatient { hospital, patient } = *command;
    Ok(vec![(streams::patient_schedule(hospital, patient), PatientLinked { hospital, patient }.into())])
}

#[cfg(test)]
mod tests;
