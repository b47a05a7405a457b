//! What can be asked about a patient.

use uuid::Uuid;

use super::{Address, ContactPoint, Demographics, Gender, HumanName, Identifier};
use crate::data::data;
use crate::kernel::{CommandId, HospitalId, Identity, LocalDate, PatientId};

data! {
    /// Registers a patient at a hospital: claims each identifier, registers in the chain, links. The saga
    /// `PatientRegistration` carries it out; the patient's id derives from the command.
    struct RequestRegistration {
        hospital: HospitalId, demographics: Identity<Demographics>, identifiers: Vec<Identity<Identifier>>,
    }
    /// Registers a patient the chain knows at one more hospital.
    struct RequestLink { hospital: HospitalId, patient: PatientId }
    /// Puts right what was wrong.
    struct CorrectPatient {
        patient: PatientId,
        name: Option<Identity<HumanName>>,
        gender: Option<Identity<Gender>>,
        birth_date: Option<Identity<LocalDate>>,
        reason: Identity<String>,
    }
    /// Replaces how to reach them.
    struct ChangeContacts {
        patient: PatientId, contacts: Identity<Vec<ContactPoint>>, address: Option<Identity<Address>>,
    }

    /// Gives a patient of the chain one more identifier. The saga `IdentifierAddition` carries it out.
    struct AddIdentifier { patient: PatientId, identifier: Identity<Identifier> }

    /// Step of a process: claims the identifier with this keyed hash (hex) for its owner.
    struct ClaimIdentifier { keyed_hash: String, owner: Uuid, process: Uuid }
    /// Step of a process: the claim is for good.
    struct ConfirmClaim { keyed_hash: String, owner: Uuid }
    /// Step of a process: the claim is given up.
    struct ReleaseClaim { keyed_hash: String, owner: Uuid }
    /// Step of a process: the patient is written down.
    struct RegisterPatient {
        patient: PatientId, demographics: Identity<Demographics>, identifiers: Vec<Identity<Identifier>>,
    }
    /// Step of a process: the patient is known at the hospital.
    struct LinkPatient { hospital: HospitalId, patient: PatientId }
    /// Step of a process: the registration ended well, or with this refusal's code.
    struct EndRegistration { hospital: HospitalId, patient: PatientId, refused: Option<String> }
    /// Step of a process: the identifier that was asked for is the patient's.
    struct RecordIdentifier { patient: PatientId, request: CommandId, identifier: Identity<Identifier> }
    /// Step of a process: it is not given to them, for this refusal's code.
    struct RefuseIdentifier { patient: PatientId, request: CommandId, code: String }
}
