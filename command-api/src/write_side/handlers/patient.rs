//! Patients, claims on identifiers, and the steps of a registration.

use carelog_domain::kernel::{Decide, Identity, PatientId};
use carelog_domain::organization::Hospital;
use carelog_domain::patient::commands::*;
use carelog_domain::patient::{
    self, ClaimCommand, Claimed, Identifier, IdentifierAdditions, IdentifierClaim, Patient, PatientCommand,
    Registration, claim_stream,
};
use carelog_domain::scheduling::{self, PatientSchedule};
use carelog_domain::streams;

use super::Answer;
use crate::write_side::session::Session;

/// What identifiers are hashed under for their claims (format).
const CLAIM_DOMAIN: &str = "identifier";

pub(super) async fn request_registration(s: &mut Session<'_>, command: &RequestRegistration) -> Answer {
    s.authorize(command.hospital)?;
    let hospital = s.load::<Hospital>(&streams::organization(command.hospital)).await?;
    let times = s.times();
    let patient = PatientId::derive(s.request.id, s.slot(), times.occurred_at, 0);
    let registration = s.load::<Registration>(&streams::patient_registration(patient, command.hospital)).await?;
    let claims = command.identifiers.iter().map(|identifier| keyed_hash(s, identifier)).collect();
    Ok(patient::request_registration(&hospital, &registration, command, patient, claims, &times)?)
}

pub(super) async fn request_link(s: &mut Session<'_>, command: &RequestLink) -> Answer {
    s.authorize(command.hospital)?;
    let hospital = s.load::<Hospital>(&streams::organization(command.hospital)).await?;
    let known = s.load::<Patient>(&streams::patient(command.patient)).await?;
    let stream = streams::patient_registration(command.patient, command.hospital);
    let registration = s.load::<Registration>(&stream).await?;
    Ok(patient::request_link(&hospital, &known, &registration, command)?)
}

/// The keyed hash (hex) that an identifier's claim is named by.
fn keyed_hash(s: &Session<'_>, identifier: &Identity<Identifier>) -> String {
    let text = identifier.open().map_or_else(String::new, Identifier::normalised);
    hex::encode(s.side().keys().keyed_hash(CLAIM_DOMAIN, text.as_bytes()))
}

pub(super) async fn correct(s: &mut Session<'_>, command: &CorrectPatient) -> Answer {
    s.authorize_for(command.patient).await?;
    of_patient(s, command.patient, PatientCommand::Correct(command.clone())).await
}

pub(super) async fn change_contacts(s: &mut Session<'_>, command: &ChangeContacts) -> Answer {
    s.authorize_for(command.patient).await?;
    of_patient(s, command.patient, PatientCommand::ChangeContacts(command.clone())).await
}

pub(super) async fn register(s: &mut Session<'_>, command: &RegisterPatient) -> Answer {
    of_patient(s, command.patient, PatientCommand::Register(command.clone())).await
}

async fn of_patient(s: &mut Session<'_>, id: PatientId, command: PatientCommand) -> Answer {
    let stream = streams::patient(id);
    let state = s.load::<Patient>(&stream).await?;
    let events = state.decide(&command, &s.times())?;
    Ok(events.into_iter().map(|event| (stream.clone(), event.into())).collect())
}

pub(super) async fn link(s: &mut Session<'_>, command: &LinkPatient) -> Answer {
    s.authorize(command.hospital)?;
    let hospital = s.load::<Hospital>(&streams::organization(command.hospital)).await?;
    let stream = streams::patient_schedule(command.hospital, command.patient);
    let schedule = s.load::<PatientSchedule>(&stream).await?;
    Ok(scheduling::link(&hospital, &schedule, command)?)
}

pub(super) async fn end_registration(s: &mut Session<'_>, command: &EndRegistration) -> Answer {
    let stream = streams::patient_registration(command.patient, command.hospital);
    let registration = s.load::<Registration>(&stream).await?;
    Ok(patient::end_registration(&registration, command)?)
}

pub(super) async fn add_identifier(s: &mut Session<'_>, command: &AddIdentifier) -> Answer {
    s.authorize_for(command.patient).await?;
    let known = s.load::<Patient>(&streams::patient(command.patient)).await?;
    let additions = s.load::<IdentifierAdditions>(&streams::identifier_addition(command.patient)).await?;
    let keyed_hash = keyed_hash(s, &command.identifier);
    let claim = s.load::<IdentifierClaim>(&claim_stream(&keyed_hash)?).await?;
    let claimed = Claimed { request: s.request.id, keyed_hash: &keyed_hash, claim: &claim };
    Ok(patient::add_identifier(&known, &additions, command, claimed, s.times().occurred_at)?)
}

pub(super) async fn record_identifier(s: &mut Session<'_>, command: &RecordIdentifier) -> Answer {
    let known = s.load::<Patient>(&streams::patient(command.patient)).await?;
    let additions = s.load::<IdentifierAdditions>(&streams::identifier_addition(command.patient)).await?;
    Ok(patient::record_identifier(&known, &additions, command)?)
}

pub(super) async fn refuse_identifier(s: &mut Session<'_>, command: &RefuseIdentifier) -> Answer {
    let additions = s.load::<IdentifierAdditions>(&streams::identifier_addition(command.patient)).await?;
    Ok(patient::refuse_identifier(&additions, command)?)
}

pub(super) async fn claim(s: &mut Session<'_>, command: &ClaimIdentifier) -> Answer {
    of_claim(s, &command.keyed_hash, ClaimCommand::Claim(command.clone())).await
}

pub(super) async fn confirm_claim(s: &mut Session<'_>, command: &ConfirmClaim) -> Answer {
    of_claim(s, &command.keyed_hash, ClaimCommand::Confirm(command.clone())).await
}

pub(super) async fn release_claim(s: &mut Session<'_>, command: &ReleaseClaim) -> Answer {
    of_claim(s, &command.keyed_hash, ClaimCommand::Release(command.clone())).await
}

async fn of_claim(s: &mut Session<'_>, keyed_hash: &str, command: ClaimCommand) -> Answer {
    let stream = claim_stream(keyed_hash)?;
    let state = s.load::<IdentifierClaim>(&stream).await?;
    let events = state.decide(&command, &s.times())?;
    Ok(events.into_iter().map(|event| (stream.clone(), event.into())).collect())
}
