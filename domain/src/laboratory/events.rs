//! What can happen to a lab report.

use super::{Extraction, FailureReason, Observation, ObservationChange, ReviewReason};
use crate::data::data;
use crate::kernel::{Clinical, HospitalId, LabReportId, PatientId};
use crate::ports::BlobName;

data! {
    /// A file was handed in and is kept.
    struct LabReportUploaded {
        report: LabReportId, hospital: HospitalId, patient: PatientId,
        /// The sealed file.
        blob: BlobName,
        /// Keyed hash (hex) of the file itself.
        file_hash: String,
        file_name: Clinical<String>, bytes: u64, media_type: String,
    }
    /// Reading began, for the n-th time.
    struct ProcessingStarted { report: LabReportId, patient: PatientId, attempt: u32 }
    /// It was read; a machine's reading is never final by itself.
    struct LabReportExtracted {
        report: LabReportId, hospital: HospitalId, patient: PatientId, attempt: u32,
        extraction: Clinical<Extraction>,
        /// How many values there are, so that tasks can be counted without opening them.
        observations: u32,
        /// How many of them were printed without a result: with any, the report is partial.
        missing: u32,
        /// Numbers of the critical ones.
        critical: Vec<u32>,
        /// True keeps it from the chart until a person resolved the review that follows in the same batch.
        needs_review: bool,
    }
    /// It could not be read; the file stays.
    struct ProcessingFailed { report: LabReportId, patient: PatientId, attempt: u32, reason: FailureReason }
    /// A person must look first.
    struct ReviewNeeded { report: LabReportId, patient: PatientId, reasons: Vec<ReviewReason> }
    /// A person looked: it is this patient's after all, or it is not.
    struct ReviewResolved { report: LabReportId, patient: PatientId, accepted: bool, reason: Clinical<String> }
    /// A person stands for it.
    struct LabReportFinalised { report: LabReportId, hospital: HospitalId, patient: PatientId }
    /// A person changed values of a final report, as more is known now; the old ones stay visible.
    struct LabReportAmended {
        report: LabReportId, hospital: HospitalId, patient: PatientId, changes: Clinical<Vec<ObservationChange>>,
        reason: Clinical<String>,
        /// Numbers of all values that are critical now: their tasks are open again, and no others are.
        critical: Vec<u32>,
    }
    /// A person changed values of a final report that were wrong; the old ones stay visible.
    struct LabReportCorrected {
        report: LabReportId, hospital: HospitalId, patient: PatientId, changes: Clinical<Vec<ObservationChange>>,
        reason: Clinical<String>,
        /// Numbers of all values that are critical now: their tasks are open again, and no others are.
        critical: Vec<u32>,
    }
    /// A person added values to a final report; those it had are what they were.
    struct LabReportAppended {
        report: LabReportId, hospital: HospitalId, patient: PatientId, added: Clinical<Vec<Observation>>,
        reason: Clinical<String>,
        /// How many values the report has now.
        observations: u32,
        /// Numbers of the critical ones among the added.
        critical: Vec<u32>,
    }
    /// A person withdrew one value of a final report: it stays visible, as withdrawn, and is nobody's task.
    struct ObservationCancelled {
        report: LabReportId, hospital: HospitalId, patient: PatientId, observation: u32, reason: Clinical<String>,
    }
    /// It was withdrawn before it was final.
    struct LabReportCancelled {
        report: LabReportId, hospital: HospitalId, patient: PatientId, reason: Clinical<String>,
    }
    /// Someone has seen a critical value.
    struct CriticalValueAcknowledged {
        report: LabReportId, hospital: HospitalId, patient: PatientId, observation: u32, value_seen: Clinical<String>,
    }
}
