//! What becomes of lab reports: that they came, were read, stand. Nothing of what they say, not even how many values are
//! critical.

use carelog_domain::laboratory::FailureReason;

use super::values::{Hospital, Pseudonym};

super::topic! { "carelog.laboratory.v1": "Lab reports on their way from the file to the chart, without their values.";
    /// A file was handed in and is kept.
    struct LabReportUploaded {
        report: Pseudonym, hospital: Hospital, patient: Pseudonym,
        /// Size of the file.
        bytes: u64,
    }
    /// It was read; a machine's reading is never final by itself.
    struct LabReportExtracted {
        report: Pseudonym, hospital: Hospital, patient: Pseudonym,
        /// The n-th reading, from 1.
        attempt: u32,
        /// How many values there are.
        observations: u32,
        /// True when a person must look before it reaches the chart.
        needs_review: bool,
    }
    /// It could not be read; the file stays.
    struct ProcessingFailed {
        report: Pseudonym, patient: Pseudonym,
        /// The n-th reading, from 1.
        attempt: u32,
        reason: FailureReason,
    }
    /// A person stands for it.
    struct LabReportFinalised { report: Pseudonym, hospital: Hospital, patient: Pseudonym }
    /// Values of a final report changed, as more is known now.
    struct LabReportAmended { report: Pseudonym, hospital: Hospital, patient: Pseudonym }
    /// Values of a final report changed that were wrong.
    struct LabReportCorrected { report: Pseudonym, hospital: Hospital, patient: Pseudonym }
    /// A final report has more values now.
    struct LabReportAppended {
        report: Pseudonym, hospital: Hospital, patient: Pseudonym,
        /// How many values there are now.
        observations: u32,
    }
    /// It was withdrawn before it was final.
    struct LabReportCancelled { report: Pseudonym, hospital: Hospital, patient: Pseudonym }
}
