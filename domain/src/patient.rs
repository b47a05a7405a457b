//! Patients of the chain: registration, identifiers claimed, corrections.

pub mod commands;
pub mod events;

use crate::data::{data, words};
use crate::kernel::LocalDate;
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
    /// The text that is hashed for the claim: trimmed, upper case, without spaces and dashes in the value.
    pub fn normalised(&self) -> String {
        let value: String =
            self.value.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_uppercase).collect();
        format!("{}|{}|{}", self.system.trim(), self.kind.trim().to_uppercase(), value)
    }
}

rejections! {
    /// Why something about a patient is refused.
    pub enum PatientRejection {
        PatientUnknown = NotFound "patient-unknown" at "patient": "there is no such patient";
        PatientNotLinked = Unprocessable "patient-not-linked" at "patient":
            "the patient is not registered at this hospital; register them there first";
    }
}
