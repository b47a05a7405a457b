//! Patients of the chain: registration, identifiers claimed, corrections.

pub mod claim;
pub mod commands;
pub mod events;
pub mod identifiers;
pub mod person;
pub mod registration;

pub use claim::{ClaimCommand, IdentifierClaim, claim_stream};
pub use identifiers::{
    AdditionStatus, Claimed, IdentifierAdditions, add_identifier, record_identifier, refuse_identifier,
};
pub use person::{Patient, PatientCommand};
pub use registration::{Registration, RegistrationStatus, end_registration, request_link, request_registration};

use crate::data::{data, words};
use crate::kernel::LocalDate;
use crate::kernel::reason::refused_for_reason;
use crate::rejection::rejections;

words! {
    /// FHIR administrative-gender.
    enum Gender { Male = "male", Female = "female", Other = "other", Unknown = "unknown" }
    /// FHIR contact-point-system.
    enum ContactSystem { Phone = "phone", Email = "email", Sms = "sms", Other = "other" }
}

data! {
    /// FHIR HumanName: the text unsplit.
    struct HumanName { text: String }
    /// FHIR Identifier: unique by system (or assigner), type and normalised value.
    struct Identifier {
        /// A URI that says who numbers, such as `urn:carelog:import:clinic-1`.
        system: String,
        /// A v2-0203 code such as `MR`.
        kind: String,
        value: String,
    }
    /// FHIR ContactPoint.
    struct ContactPoint { system: ContactSystem, value: String }
    /// An address, unsplit.
    struct Address { text: String, country: Option<String> }
    /// Who a patient is, as told at registration.
    struct Demographics {
        name: HumanName,
        gender: Gender,
        birth_date: Option<LocalDate>,
        contacts: Vec<ContactPoint>,
        address: Option<Address>,
    }
}

impl Identifier {
    /// The text that is hashed for the claim: trimmed, upper case, without spaces and dashes in the value. The lengths
    /// keep `a|b` + `c` apart from `a` + `b|c`.
    pub fn normalised(&self) -> String {
        let value: String =
            self.value.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_uppercase).collect();
        let (system, kind) = (self.system.trim(), self.kind.trim().to_uppercase());
        format!("{}:{system}|{}:{kind}|{value}", system.len(), kind.len())
    }
}

rejections! {
    /// Why something about a patient is refused.
    pub enum PatientRejection {
        PatientUnknown = NotFound "patient-unknown" at "patient": "there is no such patient";
        HospitalUnknown = NotFound "hospital-unknown" at "hospital": "there is no such hospital";
        NameMissing = Unprocessable "name-missing" at "name": "a name is needed";
        NameTooLong = Unprocessable "name-too-long" at "name": "a name has at most 300 bytes; shorten it";
        BirthDateInvalid = Unprocessable "birth-date-invalid" at "birthDate":
            "a birth date is a day from 1850 on and not in the future; leave it out when it is not known";
        ContactInvalid = Unprocessable "contact-invalid" at "contacts":
            "a patient has at most 20 contacts, each of 1 to 200 bytes";
        AddressInvalid = Unprocessable "address-invalid" at "address":
            "an address has 1 to 1,000 bytes, its country at most 60";
        IdentifierInvalid = Unprocessable "identifier-invalid" at "identifiers":
            "an identifier needs a system, a kind and a value of at most 200 bytes each, and a patient has at most 20";
        IdentifierRepeated = Unprocessable "identifier-repeated" at "identifiers":
            "the same identifier is given twice; leave one out";
        IdentifierTaken = Conflict "identifier-taken" at "identifiers":
            "this identifier belongs to somebody else; look for the patient before registering them again";
        ClaimLost = Conflict "claim-lost" at "identifiers":
            "the claim on this identifier lapsed and somebody else has it; start the registration again";
        KeyedHashInvalid = Unprocessable "keyed-hash-invalid" at "keyedHash": "a keyed hash is 64 hexadecimal digits";
        NothingToCorrect = Unprocessable "nothing-to-correct": "give at least one of name, gender and birthDate";
        ReasonMissing = Unprocessable "reason-missing" at "reason": "a reason is needed";
        ReasonTooLong = Unprocessable "reason-too-long" at "reason": "a reason has at most 2,000 bytes; shorten it";
        RegistrationUnknown = NotFound "registration-unknown" at "patient":
            "nobody asked to register this patient at this hospital";
        RegistrationRunning = Conflict "registration-running" at "patient":
            "the patient is being registered at this hospital right now; ask again in a moment";
        AlreadyRegistered = Conflict "already-registered" at "patient":
            "the patient is registered at this hospital already";
        RegistrationEnded = Conflict "registration-ended" at "patient":
            "this registration has ended the other way already";
        AdditionUnknown = NotFound "identifier-addition-unknown" at "patient":
            "nobody asked to give this patient the identifier";
        AdditionEnded = Conflict "identifier-addition-ended" at "patient":
            "this addition of an identifier has ended the other way already";
    }
}

refused_for_reason!(PatientRejection);
