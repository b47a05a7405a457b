//! Asking for a registration, and its end, in every state.

use super::*;
use crate::kernel::{Identity, Personal, fold};
use crate::patient::commands::RegisterPatient;
use crate::patient::{Demographics, Gender, HumanName, Identifier, PatientCommand};
use crate::scheduling::world::{World, names};

fn demographics() -> Identity<Demographics> {
    Personal::new(Demographics {
        name: HumanName { text: "Ann Other".to_owned() },
        gender: Gender::Female,
        birth_date: None,
        contacts: vec![],
        address: None,
    })
}

fn mrn(value: &str) -> Identity<Identifier> {
    Personal::new(Identifier { system: "urn:test".to_owned(), kind: "MR".to_owned(), value: value.to_owned() })
}

fn state(changes: &[&Changes]) -> Registration {
    let events: Vec<ProcessEvent> = changes
        .iter()
        .flat_map(|changes| changes.iter())
        .map(|(_, event)| event.clone().try_into().expect("a process's"))
        .collect();
    fold(&events)
}

fn request(world: &World, registration: &Registration, hashes: &[&str]) -> Result<Changes, PatientRejection> {
    let identifiers = hashes.iter().map(|hash| mrn(hash)).collect();
    let command = RequestRegistration { hospital: world.hospital, demographics: demographics(), identifiers };
    let claims = hashes.iter().map(|&hash| hash.to_owned()).collect();
    request_registration(&world.hospital(), registration, &command, world.ann, claims, &world.times())
}

fn ending(world: &World, refused: Option<&str>) -> EndRegistration {
    EndRegistration { hospital: world.hospital, patient: world.ann, refused: refused.map(str::to_owned) }
}

#[test]
fn a_registration_is_requested_in_a_stream_of_its_own() {
    let world = World::new();
    let changes = request(&world, &Registration::default(), &["a", "b"]).expect("requested");
    assert_eq!(names(&changes), ["RegistrationRequested"]);
    assert_eq!(changes[0].0, streams::patient_registration(world.ann, world.hospital));
    assert_eq!(changes[0].0.slot(), world.ann.slot());
}

#[test]
fn the_same_identifier_twice_is_refused() {
    let world = World::new();
    assert_eq!(request(&world, &Registration::default(), &["a", "b", "a"]), Err(PatientRejection::IdentifierRepeated));
}

#[test]
fn what_is_running_or_done_is_not_asked_for_again_but_what_was_refused_is() {
    let world = World::new();
    let requested = request(&world, &Registration::default(), &[]).expect("requested");
    let running = state(&[&requested]);
    assert_eq!(running.status(), Some(&RegistrationStatus::Requested));
    assert_eq!(request(&world, &running, &[]), Err(PatientRejection::RegistrationRunning));
    let completed = end_registration(&running, &ending(&world, None)).expect("completed");
    assert_eq!(request(&world, &state(&[&requested, &completed]), &[]), Err(PatientRejection::AlreadyRegistered));
    let refused = end_registration(&running, &ending(&world, Some("identifier-taken"))).expect("refused");
    assert!(request(&world, &state(&[&requested, &refused]), &[]).is_ok());
}

#[test]
fn a_registration_ends_once_and_the_same_end_again_is_no_event() {
    let world = World::new();
    let requested = request(&world, &Registration::default(), &[]).expect("requested");
    let running = state(&[&requested]);
    for (end, other) in [(None, Some("x")), (Some("x"), None)] {
        let ended = end_registration(&running, &ending(&world, end)).expect("ended");
        let after = state(&[&requested, &ended]);
        assert_eq!(end_registration(&after, &ending(&world, end)), Ok(vec![]));
        assert_eq!(end_registration(&after, &ending(&world, other)), Err(PatientRejection::RegistrationEnded));
    }
    assert_eq!(
        end_registration(&Registration::default(), &ending(&world, None)),
        Err(PatientRejection::RegistrationUnknown)
    );
}

#[test]
fn a_patient_of_the_chain_is_linked_at_one_more_hospital() {
    let world = World::new();
    let register = RegisterPatient { patient: world.ann, demographics: demographics(), identifiers: vec![] };
    use crate::kernel::Decide;
    let events = Patient::default().decide(&PatientCommand::Register(register), &world.times()).expect("registered");
    let ann: Patient = fold(&events);
    let command = RequestLink { hospital: world.hospital, patient: world.ann };
    let asked = request_link(&world.hospital(), &ann, &Registration::default(), &command).expect("asked");
    assert_eq!(names(&asked), ["RegistrationRequested"]);
    assert_eq!(
        request_link(&world.hospital(), &Patient::default(), &Registration::default(), &command),
        Err(PatientRejection::PatientUnknown)
    );
    assert_eq!(
        request_link(&Hospital::default(), &ann, &Registration::default(), &command),
        Err(PatientRejection::HospitalUnknown)
    );
    assert_eq!(
        request_link(&world.hospital(), &ann, &state(&[&asked]), &command),
        Err(PatientRejection::RegistrationRunning)
    );
}
