//! `PatientRegistration`: claims each identifier, registers the patient in the chain, links them to the hospital.
//!
//! ```text
//! RegistrationRequested -> claim each -> confirm each -> register -> link -> end
//!                          \ refused -> release what was claimed -> end with the refusal's code
//! ```
//!
//! Claims are confirmed before the patient is written down: a claim that lapsed while the program was down and went to
//! somebody else is then still found in time, and nothing has to be unregistered.

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{HospitalId, PatientId, Personal, Recorded, StreamName, Version};
use carelog_domain::patient::commands::{
    ClaimIdentifier, ConfirmClaim, EndRegistration, LinkPatient, RegisterPatient, ReleaseClaim,
};
use carelog_domain::process::events::RegistrationRequested;

use crate::saga::{Hospital, Intent, Refused, Saga, step};

pub(crate) const CLAIM: &str = "claim";
pub(crate) const CONFIRM: &str = "confirm";
/// The code a request ends with whose patient's identity was erased before it could be carried out.
pub(crate) const ERASED: &str = "identity-erased";

/// The registration of one patient at one hospital.
#[derive(Default)]
pub struct PatientRegistration {
    asked: Option<Asked>,
}

struct Asked {
    hospital: HospitalId,
    patient: PatientId,
    claims: Vec<String>,
    /// Of the request: a refused registration may be asked for again.
    version: Version,
}

impl Saga for PatientRegistration {
    const NAME: &'static str = "patient-registration";
    const TAKES: &'static [&'static str] = &["RegistrationRequested", "SagaStepFailed"];
    const OPENS: bool = true;

    fn instance_of(event: &Recorded<Event>) -> Option<String> {
        match &event.event {
            Event::ProcessEvent(ProcessEvent::RegistrationRequested(_)) => Some(event.context.stream.key().to_owned()),
            _ => None,
        }
    }

    /// The request lies in the saga's own stream.
    fn sources(_instance: &str) -> Vec<StreamName> {
        vec![]
    }

    fn react(&self, event: &Recorded<Event>, _hospital: &Hospital) -> Vec<Intent> {
        match (&event.event, &self.asked) {
            (Event::ProcessEvent(ProcessEvent::RegistrationRequested(e)), _) => register(e, event),
            (Event::ProcessEvent(ProcessEvent::SagaStepFailed(e)), Some(asked)) => asked.give_up(&e.code),
            _ => vec![],
        }
    }

    fn evolve(&mut self, event: &Recorded<Event>, _hospital: &Hospital) {
        if let Event::ProcessEvent(ProcessEvent::RegistrationRequested(e)) = &event.event {
            let (version, claims) = (event.context.version, distinct(&e.claims));
            self.asked = Some(Asked { hospital: e.hospital, patient: e.patient, claims, version });
        }
    }

    /// Somebody else holds the identifier, or took it over after the claim lapsed. Whatever else goes wrong with a claim is
    /// trouble that passes, and no reason to tell anyone that the patient was refused.
    fn refused(step: &str, code: &str) -> Refused {
        match code {
            "identifier-taken" if step.starts_with(CLAIM) => Refused::Stop,
            "claim-lost" if step.starts_with(CONFIRM) => Refused::Stop,
            _ => Refused::DeadLetter,
        }
    }
}

fn register(e: &RegistrationRequested, event: &Recorded<Event>) -> Vec<Intent> {
    let cause = &event.context;
    let (hospital, patient, owner) = (e.hospital, e.patient, e.patient.0);
    let end =
        |refused: Option<String>| Intent::send(step("end", cause), EndRegistration { hospital, patient, refused });
    let erased = e.demographics.as_ref().is_some_and(Personal::is_erased);
    if erased {
        return vec![end(Some(ERASED.to_owned()))];
    }
    let process = cause.command.0;
    let claims = distinct(&e.claims);
    let claim = |(n, keyed_hash): (usize, &String)| {
        Intent::send(
            step(&format!("{CLAIM}.{n}"), cause),
            ClaimIdentifier { keyed_hash: keyed_hash.clone(), owner, process },
        )
    };
    let confirm = |(n, keyed_hash): (usize, &String)| {
        Intent::send(step(&format!("{CONFIRM}.{n}"), cause), ConfirmClaim { keyed_hash: keyed_hash.clone(), owner })
    };
    let chain = e.demographics.as_ref().map(|demographics| {
        let (demographics, identifiers) = (demographics.clone(), e.identifiers.clone());
        Intent::send(step("register", cause), RegisterPatient { patient, demographics, identifiers })
    });
    let claimed = claims.iter().enumerate().map(claim);
    let confirmed = claims.iter().enumerate().map(confirm);
    let link = Intent::send(step("link", cause), LinkPatient { hospital, patient });
    claimed.chain(confirmed).chain(chain).chain([link, end(None)]).collect()
}

impl Asked {
    /// Releases every claim, whether it was taken or not: releasing what is not ours does nothing.
    fn give_up(&self, code: &str) -> Vec<Intent> {
        let owner = self.patient.0;
        let release = |(n, keyed_hash): (usize, &String)| {
            Intent::send(
                format!("release.{n}.{}", self.version),
                ReleaseClaim { keyed_hash: keyed_hash.clone(), owner },
            )
        };
        let (hospital, patient) = (self.hospital, self.patient);
        let end = EndRegistration { hospital, patient, refused: Some(code.to_owned()) };
        self.claims
            .iter()
            .enumerate()
            .map(release)
            .chain([Intent::send(format!("end-refused.{}", self.version), end)])
            .collect()
    }
}

/// The claims in order, each once: the same identifier may be given twice.
fn distinct(claims: &[String]) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    claims.iter().filter(|each| seen.insert(*each)).cloned().collect()
}
