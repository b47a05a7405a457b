//! Bodies about lab reports. The upload itself is multipart, see `rest::lab_reports`.

use carelog_domain::command::Command;
use carelog_domain::kernel::{LabReportId, ObservationId, Personal};
use carelog_domain::laboratory::ObservationChange;
use carelog_domain::laboratory::commands::*;

use crate::problem::Problem;
use crate::rest::body::{Body, bodies, meaning};

bodies! {
    /// Has a file that could not be read read again.
    struct RetryProcessingBody { report: LabReportId }
    /// A person decides whether a report that needs review belongs to its patient.
    struct ResolveReviewBody { report: LabReportId, accepted: bool, reason: String }
    /// A person makes a report final.
    struct FinaliseLabReportBody { report: LabReportId }
    /// A person changes values of a final report; the old ones stay visible.
    struct AmendLabReportBody { report: LabReportId, changes: Vec<ObservationChange>, reason: String }
    /// Withdraws a report before it is final.
    struct CancelLabReportBody { report: LabReportId, reason: String }
    /// Someone has seen a critical value.
    struct AcknowledgeCriticalBody {
        /// `<report>-<number>`.
        observation: String,
        /// The value as it was seen.
        value_seen: String,
    }
}

impl Body for RetryProcessingBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(RetryProcessing { report: self.report }.into())
    }
}

impl Body for ResolveReviewBody {
    fn command(self) -> Result<Command, Problem> {
        let ResolveReviewBody { report, accepted, reason } = self;
        Ok(ResolveReview { report, accepted, reason: Personal::new(reason) }.into())
    }
}

impl Body for FinaliseLabReportBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(FinaliseLabReport { report: self.report }.into())
    }
}

impl Body for AmendLabReportBody {
    fn command(self) -> Result<Command, Problem> {
        let AmendLabReportBody { report, changes, reason } = self;
        Ok(AmendLabReport { report, changes: Personal::new(changes), reason: Personal::new(reason) }.into())
    }
}

impl Body for CancelLabReportBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(CancelLabReport { report: self.report, reason: Personal::new(self.reason) }.into())
    }
}

impl Body for AcknowledgeCriticalBody {
    fn command(self) -> Result<Command, Problem> {
        let id: ObservationId = meaning("/observation", &self.observation, "an observation id: <report>-<number>")?;
        let value_seen = Personal::new(self.value_seen);
        Ok(AcknowledgeCritical { report: id.report, observation: id.number, value_seen }.into())
    }
}
