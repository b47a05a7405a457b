//! Every id is a type of its own. Ids that a command creates derive from the command, so that a retry, a second home
//! and a re-run of the same history make the same ids.
//!
//! ```text
//! UUIDv8:  48 bits occurred-at, ms | 4 bits 1000 | 12 bits slot | 2 bits 10 | 62 bits SHA-256(command id, kind, index)
//! ```
//!
//! The slot bits let anyone who holds an id find its stream without a directory (docs/decisions/0002).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Slot, Timestamp};

/// What was wrong with a text that should be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind} id (a UUID)")]
pub struct NotAnId {
    /// The kind of id that was expected.
    pub kind: &'static str,
    /// What was read.
    pub text: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The word for this kind of id, as in tags and errors.
            pub const KIND: &'static str = $kind;

            /// The `index`-th id of this kind that a command creates.
            pub fn derive(command: CommandId, slot: Slot, occurred_at: Timestamp, index: u32) -> Self {
                $name(derive_uuid(command, Self::KIND, slot, occurred_at, index))
            }

            /// The slot this id lives in.
            pub fn slot(&self) -> Slot {
                Slot::of_id(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::parse_str(text).map($name).map_err(|_| NotAnId { kind: $kind, text: text.to_owned() })
            }
        }
    )*};
}

ids! {
    /// A hospital.
    HospitalId = "hospital";
    /// A practitioner, the person.
    PractitionerId = "practitioner";
    /// A practitioner at a hospital (FHIR PractitionerRole).
    RoleId = "practitioner-role";
    /// A patient of the chain.
    PatientId = "patient";
    /// An appointment.
    AppointmentId = "appointment";
    /// A hold on a seat.
    HoldId = "hold";
    /// A leave of a practitioner.
    LeaveId = "leave";
    /// A file handed in as a lab report, and the diagnostic report read from it.
    LabReportId = "lab-report";
    /// An account of a payer at one hospital in one currency.
    AccountId = "account";
    /// An invoice.
    InvoiceId = "invoice";
    /// A credit note.
    CreditNoteId = "credit-note";
    /// A payment.
    PaymentId = "payment";
    /// A refund of a payment.
    RefundId = "refund";
    /// An allocation of credit to an invoice.
    AllocationId = "allocation";
    /// An alarm of a saga.
    AlarmId = "alarm";
    /// An event.
    EventId = "event";
}

/// One value of a lab report: its report and its number there, from 1. Written `<report>-<number>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObservationId {
    /// The report it stands in.
    pub report: LabReportId,
    /// Its number in the report, from 1.
    pub number: u32,
}

impl fmt::Display for ObservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.report, self.number)
    }
}

impl FromStr for ObservationId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let parse = || {
            let (report, number) = text.rsplit_once('-')?;
            Some(ObservationId { report: report.parse().ok()?, number: number.parse().ok()? })
        };
        parse().ok_or_else(|| NotAnId { kind: "observation", text: text.to_owned() })
    }
}

/// The identity of a command, for ever: a hash of tenant, operation and the client's idempotency key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CommandId(pub Uuid);

impl CommandId {
    /// The command a client means by `key`, scoped to its tenant and the operation, so that keys never collide
    /// between clients or endpoints.
    pub fn of_client_key(tenant: &str, operation: &str, key: &str) -> CommandId {
        CommandId::hashed(&[b"client", tenant.as_bytes(), operation.as_bytes(), key.as_bytes()])
    }

    /// The command that a step of a process sends: a repeat of the step is the same command.
    pub fn of_step(process: &str, step: &str) -> CommandId {
        CommandId::hashed(&[b"step", process.as_bytes(), step.as_bytes()])
    }

    /// The slot of what this command creates when nothing it refers to has one (a hospital, a patient, a practitioner).
    pub fn root_slot(&self) -> Slot {
        Slot::of_key(self.0.as_bytes())
    }

    fn hashed(parts: &[&[u8]]) -> CommandId {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        CommandId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CommandId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Uuid::parse_str(text).map(CommandId).map_err(|_| NotAnId { kind: "command", text: text.to_owned() })
    }
}

fn derive_uuid(command: CommandId, kind: &str, slot: Slot, occurred_at: Timestamp, index: u32) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(command.0.as_bytes());
    hash.update(kind.as_bytes());
    hash.update(index.to_be_bytes());
    let digest = hash.finalize();
    let mut bytes = [0u8; 16];
    bytes[..6].copy_from_slice(&occurred_at.millis().to_be_bytes()[2..]);
    bytes[6..8].copy_from_slice(&slot.number().to_be_bytes());
    bytes[8..].copy_from_slice(&digest[..8]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_its_slot_and_its_time_and_is_the_same_again() {
        let command = CommandId::of_client_key("clinic", "BookAppointment", "k1");
        let at = Timestamp::from_micros(1_733_000_000_123_456);
        let slot = Slot::new(3_777).expect("in range");
        let id = AppointmentId::derive(command, slot, at, 0);
        assert_eq!(id, AppointmentId::derive(command, slot, at, 0));
        assert_ne!(id, AppointmentId::derive(command, slot, at, 1));
        assert_eq!(id.slot(), slot);
        assert_eq!(id.0.get_version_num(), 8);
        assert_eq!(&id.0.as_bytes()[..6], &1_733_000_000_123u64.to_be_bytes()[2..]);
    }

    #[test]
    fn parts_of_a_key_cannot_be_shifted_into_each_other() {
        assert_ne!(CommandId::of_client_key("a", "bc", "d"), CommandId::of_client_key("ab", "c", "d"));
    }
}
