//! What can be asked about a lab report.

use super::{AddedObservation, Extraction, FailureReason, ObservationChange, ReviewReason};
use crate::data::data;
use crate::kernel::{Clinical, HospitalId, LabReportId, PatientId};
use crate::ports::BlobName;

data! {
    /// Keeps an uploaded file under the id that its claim names.
    struct UploadLabReport {
        report: LabReportId, hospital: HospitalId, patient: PatientId, blob: BlobName, file_hash: String,
        file_name: Clinical<String>, bytes: u64, media_type: String,
    }
    /// Step of the saga: reading begins.
    struct StartProcessing { report: LabReportId }
    /// Step of the saga: what was read.
    struct RecordExtraction {
        report: LabReportId, attempt: u32, extraction: Clinical<Extraction>, review: Vec<ReviewReason>,
    }
    /// Step of the saga: it could not be read.
    struct RecordProcessingFailure { report: LabReportId, attempt: u32, reason: FailureReason }
    /// Reads it again.
    struct RetryProcessing { report: LabReportId }
    /// A person decides whether a report that needs review belongs to its patient.
    struct ResolveReview { report: LabReportId, accepted: bool, reason: Clinical<String> }
    /// A person makes it final.
    struct FinaliseLabReport { report: LabReportId }
    /// A person changes values of a final report: more is known now.
    struct AmendLabReport {
        report: LabReportId, changes: Clinical<Vec<ObservationChange>>, reason: Clinical<String>,
    }
    /// A person changes values of a final report: they were wrong.
    struct CorrectLabReport {
        report: LabReportId, changes: Clinical<Vec<ObservationChange>>, reason: Clinical<String>,
    }
    /// A person adds values to a final report; those it has stay as they are.
    struct AppendToLabReport {
        report: LabReportId, observations: Clinical<Vec<AddedObservation>>, reason: Clinical<String>,
    }
    /// A person withdraws one value of a final report.
    struct CancelObservation { report: LabReportId, observation: u32, reason: Clinical<String> }
    /// Withdraws it before it is final.
    struct CancelLabReport { report: LabReportId, reason: Clinical<String> }
    /// Someone has seen a critical value.
    struct AcknowledgeCritical { report: LabReportId, observation: u32, value_seen: Clinical<String> }
}
