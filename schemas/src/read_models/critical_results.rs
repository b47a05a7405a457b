//! Lab reports as files and tasks (their values are in the chart), and open critical values.

use super::table::tables;
use super::{Model, Source};

/// Read model `critical-results`.
pub static MODEL: Model =
    Model { name: "critical-results", revision: 2, tables: &[&LAB_REPORTS, &CRITICAL_TASKS], documents: false };

const LAB_REPORT: Source = Source::Stream("lab-report");

tables! {
    /// A lab report.
    LAB_REPORTS = "lab_reports" from LAB_REPORT, key [report],
        index [[hospital uploaded_at report] [patient uploaded_at report] [file_status uploaded_at report]] {
        report: Text!,
        hospital: Text!,
        patient: Text!,
        /// Word of FileStatus.
        file_status: Text!,
        /// Word of ReportStatus.
        status: Text!,
        bytes: Int!,
        media_type: Text!,
        attempt: Int!,
        /// Word of FailureReason, after a failure.
        failure: Text,
        /// JSON array of ReviewReason words, while or after a review.
        review_reasons: Text,
        observations: Int!,
        uploaded_at: Int!,
        extracted_at: Int,
        finalised_at: Int,
        updated_at: Int!,
        version: Int!,
    }

    /// A critical value. Open tasks: `open = 1 AND held = 0`.
    CRITICAL_TASKS = "critical_tasks" from LAB_REPORT, key [report observation],
        index [[open opened_at report] [hospital open opened_at report] [patient open]] {
        report: Text!,
        /// Number of the observation in the report.
        observation: Int!,
        hospital: Text!,
        patient: Text!,
        /// 1 until acknowledged, and again after an amendment.
        open: Int!,
        /// 1 while its report waits for a review, so that nothing of it reaches anyone.
        held: Int!,
        opened_at: Int!,
        acknowledged_at: Int,
        /// User id.
        acknowledged_by: Text,
    }
}
