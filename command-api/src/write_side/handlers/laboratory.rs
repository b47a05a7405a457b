//! Lab reports. Their values are personal and rules look at them, so the state is loaded open.

use carelog_domain::kernel::{Decide, HospitalId, LabReportId};
use carelog_domain::laboratory::commands::UploadLabReport;
use carelog_domain::laboratory::{LabReport, LabReportCommand};
use carelog_domain::patient::{Patient, PatientRejection};
use carelog_domain::scheduling::PatientSchedule;
use carelog_domain::streams;

use super::Answer;
use crate::write_side::refusal::Refusal;
use crate::write_side::session::Session;

/// The patient has to be registered at the hospital. That link lives in the hospital's slot: it is looked at, and as
/// no link is ever taken back, nothing can have changed before the report is written.
pub(super) async fn upload(s: &mut Session<'_>, command: &UploadLabReport) -> Answer {
    s.authorize(command.hospital)?;
    let patient = s.load::<Patient>(&streams::patient(command.patient)).await?;
    patient.id().ok_or(PatientRejection::PatientUnknown)?;
    let schedule = s.load::<PatientSchedule>(&streams::patient_schedule(command.hospital, command.patient)).await?;
    schedule.check_link(command.hospital, command.patient)?;
    decided(s, command.report, None, command.clone()).await
}

/// Any other command about a report, at the hospital it was handed in at.
pub(super) async fn change(s: &mut Session<'_>, report: LabReportId, command: impl Into<LabReportCommand>) -> Answer {
    let known = s.load_open::<LabReport>(&streams::lab_report(report)).await?;
    let hospital = known.known()?.hospital;
    decided(s, report, Some(hospital), command).await
}

async fn decided(
    s: &mut Session<'_>,
    report: LabReportId,
    hospital: Option<HospitalId>,
    command: impl Into<LabReportCommand>,
) -> Result<Vec<crate::write_side::session::Decided>, Refusal> {
    if let Some(hospital) = hospital {
        s.authorize(hospital)?;
    }
    let stream = streams::lab_report(report);
    let state = s.load_open::<LabReport>(&stream).await?;
    let events = state.decide(&command.into(), &s.times())?;
    Ok(events.into_iter().map(|event| (stream.clone(), event.into())).collect())
}
