//! What sagas, imports and workers write down about themselves.

use uuid::Uuid;

use super::IntentRecord;
use crate::data::data;
use crate::kernel::{AlarmId, CommandId, EventId, HospitalId, Identity, PatientId, Position, Staff, Timestamp, Token};
use crate::patient::{Demographics, Identifier};

data! {
    /// Somebody asked to register a patient at a hospital (`demographics` is `None` for a patient the chain knows).
    struct RegistrationRequested {
        hospital: HospitalId, patient: PatientId, demographics: Option<Identity<Demographics>>,
        identifiers: Vec<Identity<Identifier>>,
        /// Keyed hashes (hex) of the identifiers, in the same order.
        claims: Vec<String>,
    }
    /// The patient is registered and linked.
    struct RegistrationCompleted { hospital: HospitalId, patient: PatientId }
    /// The patient is not; `code` says why.
    struct RegistrationRefused { hospital: HospitalId, patient: PatientId, code: String }
    /// Somebody asked to give a patient of the chain one more identifier; `request` is the command that did.
    struct IdentifierAdditionRequested {
        patient: PatientId, request: CommandId, identifier: Identity<Identifier>,
        /// Keyed hash (hex) of the identifier.
        claim: String,
    }
    /// The identifier is the patient's.
    struct IdentifierAdditionCompleted { patient: PatientId, request: CommandId }
    /// It is not; `code` says why.
    struct IdentifierAdditionRefused { patient: PatientId, request: CommandId, code: String }

    /// A saga took an event in and decided.
    struct SagaReacted {
        saga: String, instance: String,
        /// The event, and where it is.
        cause: EventId,
        #[schemars(with = "String")]
        cause_position: Position,
        intents: Vec<IntentRecord>,
    }
    /// A step was carried out.
    struct SagaStepDone {
        saga: String, instance: String, step: String, command: CommandId,
        #[schemars(with = "String")]
        token: Token,
    }
    /// A step was refused or failed for good; it is a dead letter until retried.
    struct SagaStepFailed { saga: String, instance: String, step: String, command: CommandId, code: String, attempts: u32 }
    /// Somebody wants a failed step tried again.
    struct SagaStepRetried { saga: String, instance: String, step: String }
    /// An alarm rang, once.
    struct AlarmRang { saga: String, instance: String, alarm: AlarmId, kind: String, due_at: Timestamp }

    /// A command succeeded without an event: its success is remembered all the same.
    struct CommandRemembered {
        /// What it was about.
        subject: Uuid,
        /// The stream it looked at, and its version then.
        #[schemars(with = "String")]
        stream: crate::kernel::StreamName,
        version: u64,
    }
    /// An operator let a projection skip an event.
    struct ProjectionEventSkipped {
        projection: String,
        #[schemars(with = "String")]
        position: Position,
        /// Free text: it may name the person whose event it is.
        reason: Staff<String>,
    }
    /// An import into a hospital began: its alarms follow `watermark`.
    struct ImportStarted { hospital: HospitalId, manifest: String, digest: String, watermark: Timestamp }
    /// Everything that occurred before `watermark` is in.
    struct ImportAdvanced { hospital: HospitalId, manifest: String, watermark: Timestamp }
    /// The import is over: alarms follow the clock again.
    struct ImportFinished { hospital: HospitalId, manifest: String }
}
