//! A registration, step by step.

use carelog_domain::kernel::{CommandId, Identity, Personal};
use carelog_domain::patient::{Demographics, Gender, HumanName, Identifier};
use carelog_domain::process::events::{RegistrationRequested, SagaStepFailed};
use carelog_domain::streams;
use carelog_sagas::saga::Refused;
use carelog_sagas::{Hospital, Intent, PatientRegistration, Saga};

use crate::given::*;

fn identifier(value: &str) -> Identity<Identifier> {
    let (system, kind) = ("urn:test".to_owned(), "MR".to_owned());
    Personal::new(Identifier { system, kind, value: value.to_owned() })
}

fn demographics() -> Identity<Demographics> {
    Personal::new(Demographics {
        name: HumanName { text: "Ada Example".to_owned() },
        gender: Gender::Female,
        birth_date: None,
        contacts: vec![],
        address: None,
    })
}

fn requested(demographics: Option<Identity<Demographics>>, claims: &[&str]) -> Told {
    let event = RegistrationRequested {
        hospital: hospital_id(),
        patient: patient_id(),
        demographics,
        identifiers: claims.iter().map(|claim| identifier(claim)).collect(),
        claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
    };
    told(streams::patient_registration(patient_id(), hospital_id()), "2025-03-01T08:00:00Z", event)
}

fn failed(step: &str, code: &str) -> Told {
    let instance = format!("{}:{}", patient_id(), hospital_id());
    let command = CommandId::of_step("test", step);
    let (saga, step, code) = (PatientRegistration::NAME.to_owned(), step.to_owned(), code.to_owned());
    let event = SagaStepFailed { saga, instance, step, command, code, attempts: 1 };
    told(streams::patient_registration(patient_id(), hospital_id()), "2025-03-01T08:00:01Z", event)
}

fn registration(events: impl IntoIterator<Item = Told>) -> Given<PatientRegistration> {
    given(Hospital::default(), events)
}

#[test]
fn it_claims_and_confirms_each_identifier_before_anything_is_written_down() {
    registration([]).when(requested(Some(demographics()), &["aa", "bb"])).then_steps(&[
        "ClaimIdentifier",
        "ClaimIdentifier",
        "ConfirmClaim",
        "ConfirmClaim",
        "RegisterPatient",
        "LinkPatient",
        "EndRegistration",
    ]);
}

#[test]
fn a_patient_the_chain_knows_is_linked_only() {
    registration([]).when(requested(None, &[])).then_steps(&["LinkPatient", "EndRegistration"]);
}

#[test]
fn a_refused_claim_releases_what_was_claimed_and_ends_with_its_code() {
    let told = [requested(Some(demographics()), &["aa", "bb"])];
    let steps = registration(told).when(failed("claim.1.1", "identifier-taken"));
    let steps = steps.then_steps(&["ReleaseClaim", "ReleaseClaim", "EndRegistration"]);
    let Intent::Send { command, .. } = &steps[2] else { panic!("a command") };
    let carelog_domain::command::Command::EndRegistration(end) = &**command else { panic!("an end") };
    assert_eq!(end.refused.as_deref(), Some("identifier-taken"));
}

#[test]
fn a_request_after_a_refusal_has_steps_of_its_own() {
    let told = [requested(None, &[])];
    let first = registration([]).when(requested(None, &[])).then_steps(&["LinkPatient", "EndRegistration"]);
    let second = registration(told).when(requested(None, &[])).then_steps(&["LinkPatient", "EndRegistration"]);
    assert!(first.iter().zip(&second).all(|(one, other)| one.step() != other.step()));
}

#[test]
fn an_identity_erased_before_it_was_registered_ends_the_registration() {
    registration([]).when(requested(Some(Personal::Erased), &["aa"])).then_steps(&["EndRegistration"]);
}

#[test]
fn only_a_claim_that_somebody_else_has_is_expected_to_be_refused() {
    for trouble in ["failed", "outcome-unknown", "still-running", "too-busy", "key-reused"] {
        assert_eq!(PatientRegistration::refused("claim.0.1", trouble), Refused::DeadLetter, "{trouble}");
        assert_eq!(PatientRegistration::refused("confirm.0.1", trouble), Refused::DeadLetter, "{trouble}");
    }
    assert_eq!(PatientRegistration::refused("claim.0.1", "identifier-taken"), Refused::Stop);
    assert_eq!(PatientRegistration::refused("confirm.0.1", "claim-lost"), Refused::Stop);
    assert_eq!(PatientRegistration::refused("link.1", "hospital-unknown"), Refused::DeadLetter);
}
