//! `IdentifierAddition`: gives a patient of the chain one more identifier, request by request in the order they came.
//!
//! ```text
//! IdentifierAdditionRequested -> claim -> confirm -> record (added and ended in one batch)
//!                                 \ refused -> end with the refusal's code
//! ```
//!
//! As in a registration the claim is confirmed before the identifier is written down. A refused claim is somebody else's,
//! so there is nothing to release; one that is the patient's already is claimed and confirmed without an event.

use std::collections::BTreeMap;

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{CommandId, PatientId, Recorded, StreamName};
use carelog_domain::patient::commands::{ClaimIdentifier, ConfirmClaim, RecordIdentifier, RefuseIdentifier};
use carelog_domain::process::events::{IdentifierAdditionRequested, SagaStepFailed};

use crate::PatientRegistration;
use crate::patient_registration::{CLAIM, CONFIRM, ERASED};
use crate::saga::{Hospital, Intent, Refused, Saga, step};

/// The additions to one patient.
#[derive(Default)]
pub struct IdentifierAddition {
    /// By the version of the request, which its steps' names end with.
    asked: BTreeMap<String, Asked>,
}

struct Asked {
    patient: PatientId,
    request: CommandId,
}

impl Saga for IdentifierAddition {
    const NAME: &'static str = "identifier-addition";
    const TAKES: &'static [&'static str] = &["IdentifierAdditionRequested", "SagaStepFailed"];
    const OPENS: bool = true;

    fn instance_of(event: &Recorded<Event>) -> Option<String> {
        match &event.event {
            Event::ProcessEvent(ProcessEvent::IdentifierAdditionRequested(_)) => {
                Some(event.context.stream.key().to_owned())
            }
            _ => None,
        }
    }

    /// The requests lie in the saga's own stream.
    fn sources(_instance: &str) -> Vec<StreamName> {
        vec![]
    }

    fn react(&self, event: &Recorded<Event>, _hospital: &Hospital) -> Vec<Intent> {
        match &event.event {
            Event::ProcessEvent(ProcessEvent::IdentifierAdditionRequested(e)) => add(e, event),
            Event::ProcessEvent(ProcessEvent::SagaStepFailed(e)) => self.give_up(e).into_iter().collect(),
            _ => vec![],
        }
    }

    fn evolve(&mut self, event: &Recorded<Event>, _hospital: &Hospital) {
        if let Event::ProcessEvent(ProcessEvent::IdentifierAdditionRequested(e)) = &event.event {
            let asked = Asked { patient: e.patient, request: e.request };
            self.asked.insert(event.context.version.to_string(), asked);
        }
    }

    fn refused(step: &str, code: &str) -> Refused {
        PatientRegistration::refused(step, code)
    }
}

fn add(e: &IdentifierAdditionRequested, event: &Recorded<Event>) -> Vec<Intent> {
    let (cause, patient, request) = (&event.context, e.patient, e.request);
    if e.identifier.is_erased() {
        let refuse = RefuseIdentifier { patient, request, code: ERASED.to_owned() };
        return vec![Intent::send(step("refuse", cause), refuse)];
    }
    let (owner, process) = (patient.0, cause.command.0);
    let claim = ClaimIdentifier { keyed_hash: e.claim.clone(), owner, process };
    let confirm = ConfirmClaim { keyed_hash: e.claim.clone(), owner };
    let record = RecordIdentifier { patient, request, identifier: e.identifier.clone() };
    vec![
        Intent::send(step(CLAIM, cause), claim),
        Intent::send(step(CONFIRM, cause), confirm),
        Intent::send(step("record", cause), record),
    ]
}

impl IdentifierAddition {
    /// Ends the request whose step was refused.
    fn give_up(&self, failed: &SagaStepFailed) -> Option<Intent> {
        let (_, version) = failed.step.rsplit_once('.')?;
        let Asked { patient, request } = self.asked.get(version)?;
        let refuse = RefuseIdentifier { patient: *patient, request: *request, code: failed.code.clone() };
        Some(Intent::send(format!("refuse.{version}"), refuse))
    }
}
