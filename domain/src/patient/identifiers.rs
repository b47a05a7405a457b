//! Identifiers that a patient of the chain is given later: the state of a stream `identifier-addition:<patient>`, where
//! each wish is written down and its end. The saga `IdentifierAddition` carries them out, one after the other.
//!
//! ```text
//! requested -> completed (and, in the same batch, added to the patient) | refused
//! ```
//!
//! Whoever has a confirmed claim on an identifier has the identifier or is being given it, so asking again is no event.

use std::collections::{BTreeMap, BTreeSet};

use super::commands::{AddIdentifier, RecordIdentifier, RefuseIdentifier};
use super::events::IdentifierAdded;
use super::person::{ENTRIES_MAX, check_identifiers};
use super::{IdentifierClaim, Patient, PatientRejection};
use crate::event::{Changes, ProcessEvent};
use crate::kernel::{CommandId, Evolve, PatientId, Timestamp};
use crate::process::events::{IdentifierAdditionCompleted, IdentifierAdditionRefused, IdentifierAdditionRequested};
use crate::streams;

/// What was asked to be added to one patient, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IdentifierAdditions {
    requests: BTreeMap<CommandId, Addition>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Addition {
    /// Keyed hash (hex) of the identifier.
    claim: String,
    status: AdditionStatus,
}

/// How far the addition of an identifier is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdditionStatus {
    /// On its way.
    Requested,
    /// The identifier is theirs.
    Completed,
    /// It is not, and this request never makes it so.
    Refused,
}

/// One identifier as its rules see it: which request, the keyed hash (hex) of it, and who has the claim on that.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "fields whose names say everything")]
pub struct Claimed<'a> {
    pub request: CommandId,
    pub keyed_hash: &'a str,
    pub claim: &'a IdentifierClaim,
}

impl IdentifierAdditions {
    /// How far a request is; `None` if nobody asked.
    pub fn status(&self, request: CommandId) -> Option<AdditionStatus> {
        self.requests.get(&request).map(|addition| addition.status)
    }

    fn claims(&self, status: AdditionStatus) -> BTreeSet<&str> {
        let such = self.requests.values().filter(|addition| addition.status == status);
        such.map(|addition| addition.claim.as_str()).collect()
    }

    fn end(&mut self, request: CommandId, status: AdditionStatus) {
        if let Some(addition) = self.requests.get_mut(&request) {
            addition.status = status;
        }
    }
}

impl Evolve for IdentifierAdditions {
    type Event = ProcessEvent;

    fn evolve(&mut self, event: &ProcessEvent) {
        match event {
            ProcessEvent::IdentifierAdditionRequested(e) => {
                let addition = Addition { claim: e.claim.clone(), status: AdditionStatus::Requested };
                self.requests.insert(e.request, addition);
            }
            ProcessEvent::IdentifierAdditionCompleted(e) => self.end(e.request, AdditionStatus::Completed),
            ProcessEvent::IdentifierAdditionRefused(e) => self.end(e.request, AdditionStatus::Refused),
            _ => {}
        }
    }
}

/// Asks to give a patient one more identifier; no event when it is theirs. Streams: the patient and the claim (read), the
/// additions (led).
///
/// # Errors
/// Unknown patient, an identifier that makes no sense or is one too many, or that somebody else has.
pub fn add_identifier(
    patient: &Patient,
    additions: &IdentifierAdditions,
    command: &AddIdentifier,
    claimed: Claimed<'_>,
    now: Timestamp,
) -> Result<Changes, PatientRejection> {
    let owner = check_known(patient, command.patient)?.0;
    check_identifiers(std::slice::from_ref(&command.identifier))?;
    if claimed.claim.owner(now).is_some_and(|other| other != owner) {
        return Err(PatientRejection::IdentifierTaken);
    }
    let running = additions.claims(AdditionStatus::Requested);
    let is_theirs = *claimed.claim == IdentifierClaim::Confirmed { owner };
    if is_theirs && !running.contains(claimed.keyed_hash) {
        return Ok(vec![]);
    }
    // An addition ends in the batch that adds, so each one on its way has yet to be counted with the patient's own.
    let added = additions.claims(AdditionStatus::Completed);
    let on_the_way = running.into_iter().chain([claimed.keyed_hash]).filter(|claim| !added.contains(claim));
    if patient.identifiers() + on_the_way.collect::<BTreeSet<_>>().len() > ENTRIES_MAX {
        return Err(PatientRejection::IdentifierInvalid);
    }
    let requested = IdentifierAdditionRequested {
        patient: command.patient,
        request: claimed.request,
        identifier: command.identifier.clone(),
        claim: claimed.keyed_hash.to_owned(),
    };
    Ok(vec![(streams::identifier_addition(command.patient), requested.into())])
}

/// Step of the saga, once the claim is confirmed: the identifier is the patient's, and the request has ended. Of several
/// requests for one identifier only the first adds it; a repeat is no event. Streams: the additions (led), the patient.
///
/// # Errors
/// Unknown patient, nobody asked for it, or it was refused.
pub fn record_identifier(
    patient: &Patient,
    additions: &IdentifierAdditions,
    command: &RecordIdentifier,
) -> Result<Changes, PatientRejection> {
    let id = check_known(patient, command.patient)?;
    let addition = additions.requests.get(&command.request).ok_or(PatientRejection::AdditionUnknown)?;
    match addition.status {
        AdditionStatus::Completed => return Ok(vec![]),
        AdditionStatus::Refused => return Err(PatientRejection::AdditionEnded),
        AdditionStatus::Requested => {}
    }
    let completed = IdentifierAdditionCompleted { patient: id, request: command.request };
    let mut changes: Changes = vec![(streams::identifier_addition(id), completed.into())];
    if !additions.claims(AdditionStatus::Completed).contains(addition.claim.as_str()) {
        let added = IdentifierAdded { patient: id, identifier: command.identifier.clone() };
        changes.push((streams::patient(id), added.into()));
    }
    Ok(changes)
}

/// Step of the saga: the identifier is not given to the patient; a repeat is no event. Streams: the additions (led).
///
/// # Errors
/// When nobody asked for it, or it was added.
pub fn refuse_identifier(
    additions: &IdentifierAdditions,
    command: &RefuseIdentifier,
) -> Result<Changes, PatientRejection> {
    let RefuseIdentifier { patient, request, code } = command.clone();
    match additions.status(request) {
        None => Err(PatientRejection::AdditionUnknown),
        Some(AdditionStatus::Completed) => Err(PatientRejection::AdditionEnded),
        Some(AdditionStatus::Refused) => Ok(vec![]),
        Some(AdditionStatus::Requested) => {
            let refused = IdentifierAdditionRefused { patient, request, code };
            Ok(vec![(streams::identifier_addition(patient), refused.into())])
        }
    }
}

fn check_known(patient: &Patient, id: PatientId) -> Result<PatientId, PatientRejection> {
    patient.id().filter(|known| *known == id).ok_or(PatientRejection::PatientUnknown)
}

#[cfg(test)]
mod tests;
