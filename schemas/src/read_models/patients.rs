//! The patient directory.

use super::table::tables;
use super::{Model, Source};

/// Read model `patients`.
pub static MODEL: Model = Model {
    name: "patients",
    revision: 2,
    tables: &[&PATIENTS, &PATIENT_NAME_WORDS, &PATIENT_IDENTIFIERS, &PATIENT_LINKS],
    documents: false,
};

tables! {
    /// A patient of the chain.
    PATIENTS = "patients" from Source::Stream("patient"), key [patient],
        index [[name_key patient] [birth_date patient]] {
        patient: Text!,
        /// NULL when erased.
        name: Text,
        /// `sort_key(name)`, empty when erased.
        name_key: Bytes!,
        /// Word of Gender.
        gender: Text,
        birth_date: Text,
        /// JSON array of ContactPoint.
        contacts: Text,
        address: Text,
        country: Text,
        /// 1 once the identity key was erased.
        erased: Int!,
        registered_at: Int!,
        updated_at: Int!,
        version: Int!,
    }

    /// A folded word of a patient's name, for finding by any part of it (prefix search on `word`).
    PATIENT_NAME_WORDS = "patient_name_words" from Source::Stream("patient"), key [patient word],
        index [[word patient]] {
        patient: Text!,
        word: Bytes!,
    }

    /// An identifier of a patient.
    PATIENT_IDENTIFIERS = "patient_identifiers" from Source::Stream("patient"), key [patient ordinal],
        index [[normalised patient]] {
        patient: Text!,
        /// Version of the event that brought it x 1,000 + its index there.
        ordinal: Int!,
        system: Text,
        kind: Text,
        /// NULL when erased.
        value: Text,
        /// `Identifier::normalised()`.
        normalised: Text,
    }

    /// A patient is known at a hospital.
    PATIENT_LINKS = "patient_links" from Source::Stream("patient-schedule"), key [hospital patient],
        index [[patient hospital]] {
        hospital: Text!,
        patient: Text!,
        linked_at: Int!,
    }
}
