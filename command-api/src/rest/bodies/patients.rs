//! Bodies about patients.

use carelog_domain::command::Command;
use carelog_domain::kernel::{HospitalId, LocalDate, PatientId, Personal};
use carelog_domain::patient::commands::*;
use carelog_domain::patient::{Address, ContactPoint, Demographics, Gender, HumanName, Identifier};

use crate::problem::Problem;
use crate::rest::body::{Body, bodies};

bodies! {
    /// Registers a patient at a hospital: claims each identifier, registers in the chain, links.
    struct RequestRegistrationBody {
        hospital: HospitalId,
        name: HumanName,
        /// `unknown` unless told.
        #[serde(default = "unknown")]
        gender: Gender,
        birth_date: Option<LocalDate>,
        #[serde(default)]
        contacts: Vec<ContactPoint>,
        address: Option<Address>,
        /// Each belongs to one patient of the chain.
        #[serde(default)]
        identifiers: Vec<Identifier>,
    }
    /// Registers a patient the chain knows at one more hospital.
    struct RequestLinkBody { patient: PatientId, hospital: HospitalId }
    /// Puts right what was wrong; what is left out stays.
    struct CorrectPatientBody {
        patient: PatientId,
        name: Option<HumanName>,
        gender: Option<Gender>,
        birth_date: Option<LocalDate>,
        reason: String,
    }
    /// Gives a patient of the chain one more identifier.
    struct AddIdentifierBody {
        patient: PatientId,
        /// A URI that says who numbers, such as `urn:carelog:import:clinic-1`.
        system: String,
        /// A v2-0203 code such as `MR`.
        kind: String,
        value: String,
    }
    /// Replaces how to reach a patient.
    struct ChangeContactsBody { patient: PatientId, contacts: Vec<ContactPoint>, address: Option<Address> }
}

const fn unknown() -> Gender {
    Gender::Unknown
}

impl Body for RequestRegistrationBody {
    fn command(self) -> Result<Command, Problem> {
        let RequestRegistrationBody { hospital, name, gender, birth_date, contacts, address, identifiers } = self;
        let demographics = Personal::new(Demographics { name, gender, birth_date, contacts, address });
        let identifiers = identifiers.into_iter().map(Personal::new).collect();
        Ok(RequestRegistration { hospital, demographics, identifiers }.into())
    }
}

impl Body for RequestLinkBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(RequestLink { hospital: self.hospital, patient: self.patient }.into())
    }
}

impl Body for AddIdentifierBody {
    fn command(self) -> Result<Command, Problem> {
        let AddIdentifierBody { patient, system, kind, value } = self;
        Ok(AddIdentifier { patient, identifier: Personal::new(Identifier { system, kind, value }) }.into())
    }
}

impl Body for CorrectPatientBody {
    fn command(self) -> Result<Command, Problem> {
        let correct = CorrectPatient {
            patient: self.patient,
            name: self.name.map(Personal::new),
            gender: self.gender.map(Personal::new),
            birth_date: self.birth_date.map(Personal::new),
            reason: Personal::new(self.reason),
        };
        Ok(correct.into())
    }
}

impl Body for ChangeContactsBody {
    fn command(self) -> Result<Command, Problem> {
        let ChangeContactsBody { patient, contacts, address } = self;
        Ok(ChangeContacts { patient, contacts: Personal::new(contacts), address: address.map(Personal::new) }.into())
    }
}
