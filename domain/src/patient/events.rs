//! What can happen to a patient, and to claims on identifiers.

use uuid::Uuid;

use super::{Address, ContactPoint, Demographics, Gender, HumanName, Identifier};
use crate::data::data;
use crate::kernel::{Identity, LocalDate, PatientId, Timestamp};

data! {
    /// The chain knows a patient.
    struct PatientRegistered {
        patient: PatientId,
        demographics: Identity<Demographics>,
        identifiers: Vec<Identity<Identifier>>,
    }
    /// What was wrong is put right; only what is given changes.
    struct PatientCorrected {
        patient: PatientId,
        name: Option<Identity<HumanName>>,
        gender: Option<Identity<Gender>>,
        birth_date: Option<Identity<LocalDate>>,
        reason: Identity<String>,
    }
    /// How to reach them from now on.
    struct ContactsChanged {
        patient: PatientId, contacts: Identity<Vec<ContactPoint>>, address: Option<Identity<Address>>,
    }
    /// One more identifier is theirs.
    struct IdentifierAdded { patient: PatientId, identifier: Identity<Identifier> }

    /// Someone wants to own an identifier (or a file); it lapses at `until` unless confirmed.
    struct IdentifierClaimed { owner: Uuid, process: Uuid, until: Timestamp }
    /// The claim is for good.
    struct ClaimConfirmed { owner: Uuid }
    /// The identifier is free again.
    struct ClaimReleased { owner: Uuid }
}
