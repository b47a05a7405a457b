//! That patients came to the chain and to its hospitals; nothing about who they are.

use super::values::{Hospital, Pseudonym};

super::topic! { "carelog.patients.v1": "Patients who came to the chain, and at which hospitals they are known.";
    /// The chain knows a patient.
    struct PatientRegistered { patient: Pseudonym }
    /// What was wrong about them is put right.
    struct PatientCorrected { patient: Pseudonym }
    /// They are known at a hospital.
    struct PatientLinked { hospital: Hospital, patient: Pseudonym }
}
