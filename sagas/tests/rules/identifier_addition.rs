//! One more identifier, step by step.

use carelog_domain::command::Command;
use carelog_domain::kernel::{CommandId, Identity, Personal};
use carelog_domain::patient::Identifier;
use carelog_domain::process::events::{IdentifierAdditionRequested, SagaStepFailed};
use carelog_domain::streams;
use carelog_sagas::saga::Refused;
use carelog_sagas::{Hospital, IdentifierAddition, Intent, Saga};

use crate::given::*;

fn request(name: &str) -> CommandId {
    CommandId::of_client_key("test", "AddIdentifier", name)
}

fn requested(name: &str, identifier: Identity<Identifier>) -> Told {
    let (patient, claim) = (patient_id(), name.to_owned());
    let event = IdentifierAdditionRequested { patient, request: request(name), identifier, claim };
    told(streams::identifier_addition(patient), "2025-03-01T08:00:00Z", event)
}

fn asked(name: &str) -> Told {
    let (system, kind) = ("urn:test".to_owned(), "MR".to_owned());
    requested(name, Personal::new(Identifier { system, kind, value: name.to_owned() }))
}

fn failed(step: &str, code: &str) -> Told {
    let (saga, instance) = (IdentifierAddition::NAME.to_owned(), patient_id().to_string());
    let (step, command, code) = (step.to_owned(), CommandId::of_step("test", step), code.to_owned());
    let event = SagaStepFailed { saga, instance, step, command, code, attempts: 1 };
    told(streams::identifier_addition(patient_id()), "2025-03-01T08:00:01Z", event)
}

fn addition(events: impl IntoIterator<Item = Told>) -> Given<IdentifierAddition> {
    given(Hospital::default(), events)
}

fn command(intent: &Intent) -> &Command {
    let Intent::Send { command, .. } = intent else { panic!("a command") };
    command
}

#[test]
fn it_claims_and_confirms_the_identifier_before_it_is_written_down() {
    let steps = addition([]).when(asked("aa")).then_steps(&["ClaimIdentifier", "ConfirmClaim", "RecordIdentifier"]);
    let Command::ClaimIdentifier(claim) = command(&steps[0]) else { panic!("a claim") };
    assert_eq!((claim.keyed_hash.as_str(), claim.owner), ("aa", patient_id().0));
    let Command::RecordIdentifier(record) = command(&steps[2]) else { panic!("a record") };
    assert_eq!((record.patient, record.request), (patient_id(), request("aa")));
    assert_eq!(record.identifier.open().map(|identifier| identifier.value.as_str()), Some("aa"));
}

#[test]
fn a_refused_claim_ends_its_own_request_and_no_other() {
    let told = [asked("aa"), asked("bb")];
    let steps = addition(told).when(failed("claim.1", "identifier-taken")).then_steps(&["RefuseIdentifier"]);
    let Command::RefuseIdentifier(refuse) = command(&steps[0]) else { panic!("a refusal") };
    assert_eq!((refuse.request, refuse.code.as_str()), (request("aa"), "identifier-taken"));
    let steps = addition([asked("aa"), asked("bb")]).when(failed("confirm.2", "claim-lost"));
    let steps = steps.then_steps(&["RefuseIdentifier"]);
    let Command::RefuseIdentifier(refuse) = command(&steps[0]) else { panic!("a refusal") };
    assert_eq!((refuse.request, refuse.code.as_str()), (request("bb"), "claim-lost"));
}

#[test]
fn each_request_of_a_patient_has_steps_of_its_own() {
    let all = ["ClaimIdentifier", "ConfirmClaim", "RecordIdentifier"];
    let first = addition([]).when(asked("aa")).then_steps(&all);
    let second = addition([asked("aa")]).when(asked("aa")).then_steps(&all);
    assert!(first.iter().zip(&second).all(|(one, other)| one.step() != other.step()));
}

#[test]
fn an_identity_erased_before_the_identifier_was_added_ends_the_request() {
    let steps = addition([]).when(requested("aa", Personal::Erased)).then_steps(&["RefuseIdentifier"]);
    let Command::RefuseIdentifier(refuse) = command(&steps[0]) else { panic!("a refusal") };
    assert_eq!(refuse.code, "identity-erased");
}

#[test]
fn only_a_claim_that_somebody_else_has_is_expected_to_be_refused() {
    for trouble in ["failed", "outcome-unknown", "still-running", "too-busy", "key-reused"] {
        assert_eq!(IdentifierAddition::refused("claim.1", trouble), Refused::DeadLetter, "{trouble}");
        assert_eq!(IdentifierAddition::refused("confirm.1", trouble), Refused::DeadLetter, "{trouble}");
    }
    assert_eq!(IdentifierAddition::refused("claim.1", "identifier-taken"), Refused::Stop);
    assert_eq!(IdentifierAddition::refused("confirm.1", "claim-lost"), Refused::Stop);
    assert_eq!(IdentifierAddition::refused("record.1", "patient-unknown"), Refused::DeadLetter);
}
