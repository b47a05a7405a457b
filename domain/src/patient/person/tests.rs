//! Registering, correcting, reaching a patient.

use super::*;
use crate::kernel::aggregate::testing::given;
use crate::kernel::{Personal, Timestamp};
use crate::patient::{ContactSystem, Gender, HumanName};

fn id() -> PatientId {
    PatientId(uuid::Uuid::from_u128(1))
}

fn noon() -> Timestamp {
    "2025-03-03T12:00:00Z".parse().expect("an instant")
}

fn date(text: &str) -> LocalDate {
    text.parse().expect("a date")
}

fn ann() -> Demographics {
    Demographics {
        name: HumanName { text: "Ann Other".to_owned() },
        gender: Gender::Female,
        birth_date: Some(date("1980-02-29")),
        contacts: vec![contact("+44 20 7946 0000")],
        address: Some(Address { text: "1 High Street".to_owned(), country: Some("GB".to_owned()) }),
    }
}

fn contact(value: &str) -> ContactPoint {
    ContactPoint { system: ContactSystem::Phone, value: value.to_owned() }
}

fn mrn(value: &str) -> Identity<Identifier> {
    Personal::new(Identifier { system: "urn:test".to_owned(), kind: "MR".to_owned(), value: value.to_owned() })
}

fn register(demographics: Demographics, identifiers: Vec<Identity<Identifier>>) -> PatientCommand {
    PatientCommand::Register(RegisterPatient { patient: id(), demographics: Personal::new(demographics), identifiers })
}

fn registered() -> PatientEvent {
    PatientRegistered { patient: id(), demographics: Personal::new(ann()), identifiers: vec![mrn("7")] }.into()
}

fn correction() -> CorrectPatient {
    CorrectPatient {
        patient: id(),
        name: None,
        gender: Some(Personal::new(Gender::Other)),
        birth_date: None,
        reason: Personal::new("they said so".to_owned()),
    }
}

#[track_caller]
fn refuses(demographics: Demographics, rejection: PatientRejection) {
    given::<Patient>([]).at(noon()).when(register(demographics, vec![])).then_rejected(rejection);
}

#[test]
fn the_step_that_registers_is_harmless_when_repeated() {
    given::<Patient>([]).at(noon()).when(register(ann(), vec![mrn("7")])).then([registered()]);
    given::<Patient>([registered()]).at(noon()).when(register(ann(), vec![mrn("7")])).then_nothing();
}

#[test]
fn particulars_make_sense() {
    let named = |text: &str| Demographics { name: HumanName { text: text.to_owned() }, ..ann() };
    refuses(named("  "), PatientRejection::NameMissing);
    refuses(named(&"x".repeat(301)), PatientRejection::NameTooLong);
    refuses(Demographics { contacts: vec![contact("")], ..ann() }, PatientRejection::ContactInvalid);
    refuses(Demographics { contacts: vec![contact("1"); 21], ..ann() }, PatientRejection::ContactInvalid);
    let nowhere = Address { text: " ".to_owned(), country: None };
    refuses(Demographics { address: Some(nowhere), ..ann() }, PatientRejection::AddressInvalid);
    for bad in [mrn(" - "), mrn(""), Personal::Erased, mrn(&"9".repeat(201))] {
        given::<Patient>([])
            .at(noon())
            .when(register(ann(), vec![bad]))
            .then_rejected(PatientRejection::IdentifierInvalid);
    }
    given::<Patient>([])
        .at(noon())
        .when(PatientCommand::Register(RegisterPatient {
            patient: id(),
            demographics: Personal::Erased,
            identifiers: vec![],
        }))
        .then_rejected(PatientRejection::NameMissing);
}

#[test]
fn a_birth_has_happened_somewhere_on_earth() {
    let born = |day: &str| Demographics { birth_date: Some(date(day)), ..ann() };
    refuses(born("1849-12-31"), PatientRejection::BirthDateInvalid);
    // At noon UTC it is the day after in Auckland already.
    refuses(born("2025-03-05"), PatientRejection::BirthDateInvalid);
    for day in ["1850-01-01", "2024-02-29", "2025-03-04"] {
        let events = given::<Patient>([]).at(noon()).when(register(born(day), vec![])).state();
        assert_eq!(events.id(), Some(id()), "{day}");
    }
    let unknown = Demographics { birth_date: None, ..ann() };
    assert!(given::<Patient>([]).at(noon()).when(register(unknown, vec![])).state().id().is_some());
}

#[test]
fn a_correction_says_what_and_why() {
    let event = PatientCorrected {
        patient: id(),
        name: None,
        gender: Some(Personal::new(Gender::Other)),
        birth_date: None,
        reason: Personal::new("they said so".to_owned()),
    };
    let when = |command| given::<Patient>([registered()]).at(noon()).when(PatientCommand::Correct(command));
    when(correction()).then([event.into()]);
    when(CorrectPatient { gender: None, ..correction() }).then_rejected(PatientRejection::NothingToCorrect);
    when(CorrectPatient { reason: Personal::new(" ".to_owned()), ..correction() })
        .then_rejected(PatientRejection::ReasonMissing);
    when(CorrectPatient { reason: Personal::new("x".repeat(2_001)), ..correction() })
        .then_rejected(PatientRejection::ReasonTooLong);
    when(CorrectPatient { name: Some(Personal::new(HumanName { text: String::new() })), ..correction() })
        .then_rejected(PatientRejection::NameMissing);
    when(CorrectPatient { birth_date: Some(Personal::new(date("2030-01-01"))), ..correction() })
        .then_rejected(PatientRejection::BirthDateInvalid);
}

#[test]
fn contacts_are_replaced() {
    let change = |contacts| ChangeContacts { patient: id(), contacts: Personal::new(contacts), address: None };
    let when = |command| given::<Patient>([registered()]).when(PatientCommand::ChangeContacts(command));
    let ChangeContacts { patient, contacts, address } = change(vec![contact("1")]);
    when(change(vec![contact("1")])).then([ContactsChanged { patient, contacts, address }.into()]);
    when(change(vec![contact(" ")])).then_rejected(PatientRejection::ContactInvalid);
}

#[test]
fn somebody_unknown_is_not_corrected() {
    given::<Patient>([]).when(PatientCommand::Correct(correction())).then_rejected(PatientRejection::PatientUnknown);
}
