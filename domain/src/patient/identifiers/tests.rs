//! Giving a patient one more identifier, in every state.

use super::*;
use crate::event::Event;
use crate::kernel::{Identity, Personal, fold};
use crate::patient::events::PatientRegistered;
use crate::patient::{Demographics, Gender, HumanName, Identifier};

fn ann() -> PatientId {
    PatientId(uuid::Uuid::from_u128(1))
}

fn request(number: u8) -> CommandId {
    CommandId(uuid::Uuid::from_u128(u128::from(number)))
}

fn noon() -> Timestamp {
    "2025-03-03T12:00:00Z".parse().expect("an instant")
}

fn mrn(value: &str) -> Identity<Identifier> {
    Personal::new(Identifier { system: "urn:test".to_owned(), kind: "MR".to_owned(), value: value.to_owned() })
}

fn asks(value: &str) -> AddIdentifier {
    AddIdentifier { patient: ann(), identifier: mrn(value) }
}

/// Requested, by the request's number.
fn requested(number: u8, claim: &str) -> Event {
    let (patient, identifier, claim) = (ann(), mrn(claim), claim.to_owned());
    IdentifierAdditionRequested { patient, request: request(number), identifier, claim }.into()
}

fn completed(number: u8) -> Event {
    IdentifierAdditionCompleted { patient: ann(), request: request(number) }.into()
}

fn refused(number: u8) -> Event {
    IdentifierAdditionRefused { patient: ann(), request: request(number), code: "identifier-taken".to_owned() }.into()
}

fn added(value: &str) -> Event {
    IdentifierAdded { patient: ann(), identifier: mrn(value) }.into()
}

fn registered(identifiers: usize) -> Event {
    let demographics = Demographics {
        name: HumanName { text: "Ann Other".to_owned() },
        gender: Gender::Female,
        birth_date: None,
        contacts: vec![],
        address: None,
    };
    let identifiers = (0..identifiers).map(|number| mrn(&number.to_string())).collect();
    PatientRegistered { patient: ann(), demographics: Personal::new(demographics), identifiers }.into()
}

/// The two states that events of both streams make.
struct Given {
    patient: Patient,
    additions: IdentifierAdditions,
}

fn given(events: &[Event]) -> Given {
    let of = |event: &Event| event.clone();
    let patient: Vec<_> = events.iter().filter_map(|event| of(event).try_into().ok()).collect();
    let additions: Vec<_> = events.iter().filter_map(|event| of(event).try_into().ok()).collect();
    Given { patient: fold(&patient), additions: fold(&additions) }
}

type Outcome = Result<Vec<Event>, PatientRejection>;

fn events(outcome: Result<Changes, PatientRejection>) -> Outcome {
    outcome.map(|changes| changes.into_iter().map(|(_, event)| event).collect())
}

impl Given {
    /// Asks for an identifier whose claim is hashed to its own value.
    fn when_asked(&self, number: u8, value: &str, claim: &IdentifierClaim) -> Outcome {
        let claimed = Claimed { request: request(number), keyed_hash: value, claim };
        events(add_identifier(&self.patient, &self.additions, &asks(value), claimed, noon()))
    }

    fn when_recorded(&self, number: u8, value: &str) -> Outcome {
        let command = RecordIdentifier { patient: ann(), request: request(number), identifier: mrn(value) };
        events(record_identifier(&self.patient, &self.additions, &command))
    }

    fn when_refused(&self, number: u8) -> Outcome {
        let code = "identifier-taken".to_owned();
        events(refuse_identifier(&self.additions, &RefuseIdentifier { patient: ann(), request: request(number), code }))
    }
}

const FREE: IdentifierClaim = IdentifierClaim::Free;
const HERS: IdentifierClaim = IdentifierClaim::Confirmed { owner: uuid::Uuid::from_u128(1) };
const ANOTHERS: IdentifierClaim = IdentifierClaim::Confirmed { owner: uuid::Uuid::from_u128(2) };

#[test]
fn what_is_asked_for_waits_in_a_stream_of_its_own_beside_the_patient() {
    let Given { patient, additions } = given(&[registered(0)]);
    let claimed = Claimed { request: request(1), keyed_hash: "a", claim: &FREE };
    let changes = add_identifier(&patient, &additions, &asks("a"), claimed, noon()).expect("asked");
    assert_eq!(changes, [(streams::identifier_addition(ann()), requested(1, "a"))]);
    assert_eq!(changes[0].0.slot(), ann().slot());
}

#[test]
fn the_identifier_is_added_in_the_batch_that_ends_the_request() {
    let asked = given(&[registered(0), requested(1, "a")]);
    assert_eq!(asked.additions.status(request(1)), Some(AdditionStatus::Requested));
    assert_eq!(asked.when_recorded(1, "a"), Ok(vec![completed(1), added("a")]));
    let done = given(&[registered(0), requested(1, "a"), completed(1), added("a")]);
    assert_eq!(done.patient.identifiers(), 1);
    assert_eq!(done.when_recorded(1, "a"), Ok(vec![]), "the step is repeated");
    assert_eq!(done.when_refused(1), Err(PatientRejection::AdditionEnded));
}

#[test]
fn an_identifier_that_is_theirs_is_not_added_again() {
    assert_eq!(given(&[registered(1)]).when_asked(1, "0", &HERS), Ok(vec![]), "since the registration");
    let later = given(&[registered(0), requested(1, "a"), completed(1), added("a")]);
    assert_eq!(later.when_asked(2, "a", &HERS), Ok(vec![]), "since an earlier request");
}

#[test]
fn of_two_requests_for_one_identifier_at_once_the_first_adds_it_and_both_end_well() {
    let running = given(&[registered(0), requested(1, "a")]);
    for claim in [FREE, HERS] {
        assert_eq!(running.when_asked(2, "a", &claim), Ok(vec![requested(2, "a")]));
    }
    let first = given(&[registered(0), requested(1, "a"), requested(2, "a"), completed(1), added("a")]);
    assert_eq!(first.when_recorded(2, "a"), Ok(vec![completed(2)]));
    let other = given(&[registered(0), requested(1, "a"), requested(2, "a"), refused(1)]);
    assert_eq!(other.when_recorded(2, "a"), Ok(vec![completed(2), added("a")]), "the first came to nothing");
}

#[test]
fn what_somebody_else_has_is_refused_until_their_claim_lapses() {
    let ann = given(&[registered(0)]);
    let claimed = |until: &str| IdentifierClaim::Claimed {
        owner: uuid::Uuid::from_u128(2),
        until: until.parse().expect("an instant"),
    };
    assert_eq!(ann.when_asked(1, "a", &ANOTHERS), Err(PatientRejection::IdentifierTaken));
    assert_eq!(ann.when_asked(1, "a", &claimed("2025-03-03T12:00:01Z")), Err(PatientRejection::IdentifierTaken));
    assert_eq!(ann.when_asked(1, "a", &claimed("2025-03-03T12:00:00Z")), Ok(vec![requested(1, "a")]));
}

#[test]
fn a_patient_has_at_most_twenty_identifiers_those_on_their_way_included() {
    let full = given(&[registered(20)]);
    assert_eq!(full.when_asked(1, "a", &FREE), Err(PatientRejection::IdentifierInvalid));
    assert_eq!(full.when_asked(1, "0", &HERS), Ok(vec![]), "it is one of the twenty");
    let nearly = given(&[registered(18), requested(1, "a")]);
    assert_eq!(nearly.when_asked(2, "b", &FREE), Ok(vec![requested(2, "b")]));
    assert_eq!(nearly.when_asked(2, "a", &HERS), Ok(vec![requested(2, "a")]), "the same one is counted once");
    let last = given(&[registered(18), requested(1, "a"), requested(2, "b")]);
    assert_eq!(last.when_asked(3, "c", &FREE), Err(PatientRejection::IdentifierInvalid));
    let one_refused = given(&[registered(18), requested(1, "a"), requested(2, "b"), refused(2)]);
    assert_eq!(one_refused.when_asked(3, "c", &FREE), Ok(vec![requested(3, "c")]));
    let added_last = given(&[registered(18), requested(1, "a"), completed(1), added("a")]);
    assert_eq!(added_last.when_asked(2, "b", &FREE), Ok(vec![requested(2, "b")]), "one that is added counts once");
}

#[test]
fn an_identifier_makes_sense_and_its_patient_is_known() {
    assert_eq!(given(&[]).when_asked(1, "a", &FREE), Err(PatientRejection::PatientUnknown));
    assert_eq!(given(&[requested(1, "a")]).when_recorded(1, "a"), Err(PatientRejection::PatientUnknown));
    for bad in ["", " - ", &"9".repeat(201)] {
        assert_eq!(given(&[registered(0)]).when_asked(1, bad, &FREE), Err(PatientRejection::IdentifierInvalid));
    }
}

#[test]
fn a_request_ends_once_and_the_same_end_again_is_no_event() {
    let nobody = given(&[registered(0)]);
    assert_eq!(nobody.when_recorded(1, "a"), Err(PatientRejection::AdditionUnknown));
    assert_eq!(nobody.when_refused(1), Err(PatientRejection::AdditionUnknown));
    assert_eq!(given(&[registered(0), requested(1, "a")]).when_refused(1), Ok(vec![refused(1)]));
    let ended = given(&[registered(0), requested(1, "a"), refused(1)]);
    assert_eq!(ended.when_refused(1), Ok(vec![]));
    assert_eq!(ended.when_recorded(1, "a"), Err(PatientRejection::AdditionEnded));
}
