//! What a person may still do to a final report: change values because more is known (amended) or because they were
//! wrong (corrected), add values (appended), withdraw one. The words are FHIR R4's diagnostic-report-status; nothing that
//! was reported is ever taken out of sight.

use super::commands::{AmendLabReport, AppendToLabReport, CancelObservation, CorrectLabReport};
use super::decide::{Decision, count, readable};
use super::events::{LabReportAmended, LabReportAppended, LabReportCorrected, ObservationCancelled};
use super::observation::critical;
use super::{LaboratoryRejection, Observation, ObservationChange, ObservationStatus, ReportRecord};
use crate::kernel::reason::check_reason;
use crate::kernel::{Clinical, Personal};

/// The most values that are appended at once: they travel in one event.
pub const APPENDED_MAX: usize = 50;

pub(super) fn amend(record: &ReportRecord, command: &AmendLabReport) -> Decision {
    let (changes, critical) = changed(record, &command.changes, &command.reason, ObservationStatus::Amended)?;
    let (report, hospital, patient) = (record.report, record.hospital, record.patient);
    let reason = command.reason.clone();
    Ok(vec![LabReportAmended { report, hospital, patient, changes, reason, critical }.into()])
}

pub(super) fn correct(record: &ReportRecord, command: &CorrectLabReport) -> Decision {
    let (changes, critical) = changed(record, &command.changes, &command.reason, ObservationStatus::Corrected)?;
    let (report, hospital, patient) = (record.report, record.hospital, record.patient);
    let reason = command.reason.clone();
    Ok(vec![LabReportCorrected { report, hospital, patient, changes, reason, critical }.into()])
}

pub(super) fn append(record: &ReportRecord, command: &AppendToLabReport) -> Decision {
    let before = revisable(record)?;
    check_reason(&command.reason)?;
    let added = command.observations.open().ok_or(LaboratoryRejection::ValuesUnreadable)?;
    if added.is_empty() || added.len() > APPENDED_MAX {
        return Err(LaboratoryRejection::AppendedCount);
    }
    for (each, place) in added.iter().zip(1..) {
        each.check(place)?;
    }
    let last = before.iter().map(|each| each.number).max().unwrap_or(0);
    let added: Vec<Observation> =
        added.iter().cloned().zip(last + 1..).map(|(each, number)| each.numbered(number)).collect();
    let event = LabReportAppended {
        report: record.report,
        hospital: record.hospital,
        patient: record.patient,
        reason: command.reason.clone(),
        observations: count(before.len() + added.len()),
        critical: critical(&added),
        added: Personal::new(added),
    };
    Ok(vec![event.into()])
}

pub(super) fn cancel_value(record: &ReportRecord, command: &CancelObservation) -> Decision {
    let before = revisable(record)?;
    check_reason(&command.reason)?;
    let number = command.observation;
    let known = before.iter().find(|each| each.number == number).ok_or(LaboratoryRejection::ObservationUnknown)?;
    if known.status == ObservationStatus::Cancelled {
        return Err(LaboratoryRejection::ObservationCancelled { number });
    }
    let (report, hospital, patient) = (record.report, record.hospital, record.patient);
    let reason = command.reason.clone();
    Ok(vec![ObservationCancelled { report, hospital, patient, observation: number, reason }.into()])
}

/// The values of a report that somebody stands for.
fn revisable(record: &ReportRecord) -> Result<&[Observation], LaboratoryRejection> {
    readable(record)?;
    if !record.is_final() {
        return Err(LaboratoryRejection::NotFinal { status: record.status });
    }
    Ok(&record.extraction.as_ref().ok_or(LaboratoryRejection::ValuesUnreadable)?.observations)
}

/// The changes as they are kept, and the numbers of all values that are critical after them.
fn changed(
    record: &ReportRecord,
    changes: &Clinical<Vec<ObservationChange>>,
    reason: &Clinical<String>,
    status: ObservationStatus,
) -> Result<(Clinical<Vec<ObservationChange>>, Vec<u32>), LaboratoryRejection> {
    let before = revisable(record)?;
    check_reason(reason)?;
    let changes = changes.open().ok_or(LaboratoryRejection::ValuesUnreadable)?;
    check_changes(before, changes)?;
    let changes: Vec<ObservationChange> = changes.iter().cloned().map(ObservationChange::completed).collect();
    let after: Vec<Observation> = before.iter().map(|each| each.clone().changed_by(&changes, status)).collect();
    let critical = critical(&after);
    Ok((changes.into(), critical))
}

fn check_changes(observations: &[Observation], changes: &[ObservationChange]) -> Result<(), LaboratoryRejection> {
    if changes.is_empty() {
        return Err(LaboratoryRejection::AmendmentWithoutChanges);
    }
    for (index, change) in changes.iter().enumerate() {
        let number = change.number;
        let known = observations.iter().find(|each| each.number == number);
        let known = known.ok_or(LaboratoryRejection::AmendmentValueUnknown { number })?;
        if changes[..index].iter().any(|earlier| earlier.number == number) {
            return Err(LaboratoryRejection::AmendmentValueRepeated { number });
        }
        if known.status == ObservationStatus::Cancelled {
            return Err(LaboratoryRejection::ObservationCancelled { number });
        }
        change.check()?;
        // Ranges say low and high, never critical: only a person can tell that the new value no longer is.
        if known.is_critical() && change.printed.is_some() && change.flag.is_none() {
            return Err(LaboratoryRejection::AmendmentFlagMissing { number });
        }
    }
    Ok(())
}
