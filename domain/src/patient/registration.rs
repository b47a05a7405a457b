//! The registration of a patient at a hospital: the state of a stream `patient-registration:<patient>:<hospital>`, where
//! the wish is written down and its end. The saga `PatientRegistration` carries it out step by step.

use super::commands::{EndRegistration, RequestLink, RequestRegistration};
use super::person::{check_demographics, check_identifiers, latest_birth};
use super::{Patient, PatientRejection};
use crate::event::{Changes, ProcessEvent};
use crate::kernel::{Evolve, HospitalId, PatientId, Times};
use crate::organization::Hospital;
use crate::process::events::{RegistrationCompleted, RegistrationRefused, RegistrationRequested};
use crate::streams;

/// A registration, if somebody asked for it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registration {
    status: Option<RegistrationStatus>,
}

/// How far a registration is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RegistrationStatus {
    /// On its way.
    Requested,
    /// Registered and linked.
    Completed,
    /// Refused, with the code of the refusal.
    Refused {
        /// Why.
        code: String,
    },
}

impl Registration {
    /// How far it is; `None` if nobody asked.
    pub fn status(&self) -> Option<&RegistrationStatus> {
        self.status.as_ref()
    }

    /// May it be asked for now? After a refusal it may be tried again.
    fn check_open(&self) -> Result<(), PatientRejection> {
        match self.status() {
            None | Some(RegistrationStatus::Refused { .. }) => Ok(()),
            Some(RegistrationStatus::Requested) => Err(PatientRejection::RegistrationRunning),
            Some(RegistrationStatus::Completed) => Err(PatientRejection::AlreadyRegistered),
        }
    }
}

impl Evolve for Registration {
    type Event = ProcessEvent;

    fn evolve(&mut self, event: &ProcessEvent) {
        match event {
            ProcessEvent::RegistrationRequested(_) => self.status = Some(RegistrationStatus::Requested),
            ProcessEvent::RegistrationCompleted(_) => self.status = Some(RegistrationStatus::Completed),
            ProcessEvent::RegistrationRefused(e) => {
                self.status = Some(RegistrationStatus::Refused { code: e.code.clone() });
            }
            _ => {}
        }
    }
}

/// Asks to register a new patient at a hospital. The patient's id derives from the command; `claims` are the keyed
/// hashes (hex) of the identifiers, in their order. Streams: the hospital (read), the registration (led).
///
/// # Errors
/// Unknown hospital, particulars or identifiers that make no sense, the same identifier twice.
pub fn request_registration(
    hospital: &Hospital,
    registration: &Registration,
    command: &RequestRegistration,
    patient: PatientId,
    claims: Vec<String>,
    times: &Times,
) -> Result<Changes, PatientRejection> {
    check_hospital(hospital, command.hospital)?;
    registration.check_open()?;
    check_demographics(&command.demographics, latest_birth(times))?;
    check_identifiers(&command.identifiers)?;
    let mut hashes = claims.clone();
    hashes.sort_unstable();
    hashes.dedup();
    if hashes.len() != claims.len() {
        return Err(PatientRejection::IdentifierRepeated);
    }
    assert_eq!(claims.len(), command.identifiers.len(), "every identifier has its claim");
    let requested = RegistrationRequested {
        hospital: command.hospital,
        patient,
        demographics: Some(command.demographics.clone()),
        identifiers: command.identifiers.clone(),
        claims,
    };
    Ok(vec![(streams::patient_registration(patient, command.hospital), requested.into())])
}

/// Asks to register a patient of the chain at one more hospital. Streams: the hospital and the patient (read), the
/// registration (led).
///
/// # Errors
/// Unknown hospital or patient; registered there already, or on the way.
pub fn request_link(
    hospital: &Hospital,
    patient: &Patient,
    registration: &Registration,
    command: &RequestLink,
) -> Result<Changes, PatientRejection> {
    check_hospital(hospital, command.hospital)?;
    if patient.id() != Some(command.patient) {
        return Err(PatientRejection::PatientUnknown);
    }
    registration.check_open()?;
    let RequestLink { hospital, patient } = *command;
    let requested =
        RegistrationRequested { hospital, patient, demographics: None, identifiers: vec![], claims: vec![] };
    Ok(vec![(streams::patient_registration(patient, hospital), requested.into())])
}

/// Step of the saga: the registration ended; no event when it had ended the same way. Streams: the registration (led).
///
/// # Errors
/// When nobody asked for it, or it has ended the other way.
pub fn end_registration(registration: &Registration, command: &EndRegistration) -> Result<Changes, PatientRejection> {
    let EndRegistration { hospital, patient, refused } = command.clone();
    let stream = streams::patient_registration(patient, hospital);
    match (registration.status(), refused) {
        (None, _) => Err(PatientRejection::RegistrationUnknown),
        (Some(RegistrationStatus::Requested), None) => {
            Ok(vec![(stream, RegistrationCompleted { hospital, patient }.into())])
        }
        (Some(RegistrationStatus::Requested), Some(code)) => {
            Ok(vec![(stream, RegistrationRefused { hospital, patient, code }.into())])
        }
        (Some(RegistrationStatus::Completed), None) | (Some(RegistrationStatus::Refused { .. }), Some(_)) => Ok(vec![]),
        (Some(_), _) => Err(PatientRejection::RegistrationEnded),
    }
}

fn check_hospital(hospital: &Hospital, id: HospitalId) -> Result<(), PatientRejection> {
    let known = hospital.settings().is_some_and(|settings| settings.hospital == id);
    if known { Ok(()) } else { Err(PatientRejection::HospitalUnknown) }
}

#[cfg(test)]
mod tests;
