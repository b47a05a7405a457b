//! Bodies about lab reports. The upload itself is multipart, see `rest::lab_reports`.

use carelog_domain::command::Command;
use carelog_domain::kernel::{LabReportId, ObservationId, Personal};
use carelog_domain::laboratory::commands::*;
use carelog_domain::laboratory::{AddedObservation, ObservationChange};

use crate::problem::Problem;
use crate::rest::body::{Body, bodies, meaning};

bodies! {
    /// Has a file that could not be read read again.
    struct RetryProcessingBody { report: LabReportId }
    /// A person decides whether a report that needs review belongs to its patient.
    struct ResolveReviewBody { report: LabReportId, accepted: bool, reason: String }
    /// A person makes a report final.
    struct FinaliseLabReportBody { report: LabReportId }
    /// A person changes values of a final report, as more is known now; the old ones stay visible.
    struct AmendLabReportBody { report: LabReportId, changes: Vec<ObservationChange>, reason: String }
    /// A person changes values of a final report that were wrong; the old ones stay visible.
    struct CorrectLabReportBody { report: LabReportId, changes: Vec<ObservationChange>, reason: String }
    /// A person adds values to a final report; those it has stay as they are.
    struct AppendToLabReportBody { report: LabReportId, observations: Vec<AddedObservation>, reason: String }
    /// A person withdraws a value of a final report; it stays visible, as withdrawn.
    struct CancelObservationBody {
        /// `<report>-<number>`.
        observation: String,
        reason: String,
    }
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

impl Body for CorrectLabReportBody {
    fn command(self) -> Result<Command, Problem> {
        let CorrectLabReportBody { report, changes, reason } = self;
        Ok(CorrectLabReport { report, changes: Personal::new(changes), reason: Personal::new(reason) }.into())
    }
}

impl Body for AppendToLabReportBody {
    fn command(self) -> Result<Command, Problem> {
        let AppendToLabReportBody { report, observations, reason } = self;
        Ok(AppendToLabReport { report, observations: Personal::new(observations), reason: Personal::new(reason) }
            .into())
    }
}

impl Body for CancelObservationBody {
    fn command(self) -> Result<Command, Problem> {
        let id = observation(&self.observation)?;
        Ok(CancelObservation { report: id.report, observation: id.number, reason: Personal::new(self.reason) }.into())
    }
}

fn observation(id: &str) -> Result<ObservationId, Problem> {
    meaning("/observation", id, "an observation id: <report>-<number>")
}

impl Body for CancelLabReportBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(CancelLabReport { report: self.report, reason: Personal::new(self.reason) }.into())
    }
}

impl Body for AcknowledgeCriticalBody {
    fn command(self) -> Result<Command, Problem> {
        let id = observation(&self.observation)?;
        let value_seen = Personal::new(self.value_seen);
        Ok(AcknowledgeCritical { report: id.report, observation: id.number, value_seen }.into())
    }
}
