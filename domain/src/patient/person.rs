//! A patient of the chain: the rules of one stream `patient:<patient>`. The state keeps no particulars: they are
//! personal, stay sealed when states are loaded, and no rule here needs their past.

use super::commands::{ChangeContacts, CorrectPatient, RegisterPatient};
use super::events::{ContactsChanged, PatientCorrected, PatientRegistered};
use super::{Address, ContactPoint, Demographics, Identifier, PatientRejection};
use crate::event::PatientEvent;
use crate::kernel::reason::check_reason;
use crate::kernel::{Decide, Evolve, Identity, LocalDate, PatientId, Times, Zone};

/// Longest name of a person.
const NAME_BYTES_MAX: usize = 300;
/// Most contacts, and identifiers, of a patient: they travel in one event.
pub(super) const ENTRIES_MAX: usize = 20;
/// Longest contact, and part of an identifier.
const ENTRY_BYTES_MAX: usize = 200;
/// Longest address.
const ADDRESS_BYTES_MAX: usize = 1_000;
/// Longest country of an address.
const COUNTRY_BYTES_MAX: usize = 60;

/// A patient, if the chain knows them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Patient {
    id: Option<PatientId>,
    identifiers: usize,
}

/// What can be asked of one patient.
#[derive(Clone, PartialEq, Debug)]
pub enum PatientCommand {
    /// Step of the saga `PatientRegistration`; harmless when repeated.
    Register(RegisterPatient),
    /// Puts right what was wrong.
    Correct(CorrectPatient),
    /// Replaces how to reach them.
    ChangeContacts(ChangeContacts),
}

impl Patient {
    /// Their id; `None` if the chain does not know them.
    pub fn id(&self) -> Option<PatientId> {
        self.id
    }

    /// How many identifiers they have.
    pub fn identifiers(&self) -> usize {
        self.identifiers
    }
}

impl Evolve for Patient {
    type Event = PatientEvent;

    fn evolve(&mut self, event: &PatientEvent) {
        match event {
            PatientEvent::PatientRegistered(e) => {
                *self = Patient { id: Some(e.patient), identifiers: e.identifiers.len() };
            }
            PatientEvent::IdentifierAdded(_) => self.identifiers += 1,
            PatientEvent::PatientCorrected(_) | PatientEvent::ContactsChanged(_) => {}
        }
    }
}

impl Decide for Patient {
    type Command = PatientCommand;
    type Rejection = PatientRejection;

    fn decide(&self, command: &PatientCommand, times: &Times) -> Result<Vec<PatientEvent>, PatientRejection> {
        match command {
            PatientCommand::Register(_) if self.id.is_some() => Ok(vec![]), // The step is repeated.
            PatientCommand::Register(command) => register(command, times),
            _ if self.id.is_none() => Err(PatientRejection::PatientUnknown),
            PatientCommand::Correct(command) => correct(command, times),
            PatientCommand::ChangeContacts(command) => change_contacts(command),
        }
    }
}

fn register(command: &RegisterPatient, times: &Times) -> Result<Vec<PatientEvent>, PatientRejection> {
    check_demographics(&command.demographics, latest_birth(times))?;
    check_identifiers(&command.identifiers)?;
    let RegisterPatient { patient, demographics, identifiers } = command.clone();
    Ok(vec![PatientRegistered { patient, demographics, identifiers }.into()])
}

fn correct(command: &CorrectPatient, times: &Times) -> Result<Vec<PatientEvent>, PatientRejection> {
    let CorrectPatient { patient, name, gender, birth_date, reason } = command.clone();
    if name.is_none() && gender.is_none() && birth_date.is_none() {
        return Err(PatientRejection::NothingToCorrect);
    }
    if let Some(name) = &name {
        check_name(name.open().map_or("", |name| name.text.as_str()))?;
    }
    if let Some(birth_date) = &birth_date {
        check_birth(birth_date.open().copied(), latest_birth(times))?;
    }
    check_reason(&reason)?;
    Ok(vec![PatientCorrected { patient, name, gender, birth_date, reason }.into()])
}

fn change_contacts(command: &ChangeContacts) -> Result<Vec<PatientEvent>, PatientRejection> {
    check_contacts(command.contacts.open().map_or(&[], Vec::as_slice))?;
    check_address(command.address.as_ref().and_then(|address| address.open()))?;
    let ChangeContacts { patient, contacts, address } = command.clone();
    Ok(vec![ContactsChanged { patient, contacts, address }.into()])
}

/// Particulars that make sense: a name, contacts and an address of bearable length, a birth that has happened.
pub(super) fn check_demographics(
    demographics: &Identity<Demographics>,
    latest_birth: LocalDate,
) -> Result<(), PatientRejection> {
    let demographics = demographics.open().ok_or(PatientRejection::NameMissing)?;
    check_name(&demographics.name.text)?;
    check_birth(demographics.birth_date, latest_birth)?;
    check_contacts(&demographics.contacts)?;
    check_address(demographics.address.as_ref())
}

/// Identifiers that can be claimed.
pub(super) fn check_identifiers(identifiers: &[Identity<Identifier>]) -> Result<(), PatientRejection> {
    let fits = |text: &str| !text.trim().is_empty() && text.len() <= ENTRY_BYTES_MAX;
    let good = |identifier: &Identity<Identifier>| {
        identifier.open().is_some_and(|it| {
            let has_value = it.value.chars().any(|c| !c.is_whitespace() && c != '-');
            fits(&it.system) && fits(&it.kind) && fits(&it.value) && has_value
        })
    };
    let all_good = identifiers.len() <= ENTRIES_MAX && identifiers.iter().all(good);
    if all_good { Ok(()) } else { Err(PatientRejection::IdentifierInvalid) }
}

/// The last day on which somebody can have been born: today, wherever on earth the day has begun.
pub(super) fn latest_birth(times: &Times) -> LocalDate {
    Zone::UTC.date_of(times.occurred_at.plus_minutes(14 * 60))
}

fn check_name(name: &str) -> Result<(), PatientRejection> {
    if name.trim().is_empty() {
        return Err(PatientRejection::NameMissing);
    }
    if name.len() > NAME_BYTES_MAX { Err(PatientRejection::NameTooLong) } else { Ok(()) }
}

fn check_birth(birth: Option<LocalDate>, latest: LocalDate) -> Result<(), PatientRejection> {
    use chrono::Datelike;
    let possible = |birth: LocalDate| birth.year() >= 1850 && birth <= latest;
    if birth.is_none_or(possible) { Ok(()) } else { Err(PatientRejection::BirthDateInvalid) }
}

fn check_contacts(contacts: &[ContactPoint]) -> Result<(), PatientRejection> {
    let good = |contact: &ContactPoint| !contact.value.trim().is_empty() && contact.value.len() <= ENTRY_BYTES_MAX;
    let all_good = contacts.len() <= ENTRIES_MAX && contacts.iter().all(good);
    if all_good { Ok(()) } else { Err(PatientRejection::ContactInvalid) }
}

fn check_address(address: Option<&Address>) -> Result<(), PatientRejection> {
    let good = |address: &Address| {
        let country = address.country.as_ref().map_or(0, String::len);
        let text = address.text.trim();
        !text.is_empty() && address.text.len() <= ADDRESS_BYTES_MAX && country <= COUNTRY_BYTES_MAX
    };
    if address.is_none_or(good) { Ok(()) } else { Err(PatientRejection::AddressInvalid) }
}

#[cfg(test)]
mod tests;
