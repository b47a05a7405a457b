//! What may be asked of a lab report. Everything is decided on the report's own stream; who owns the file is the
//! claim's stream, which the write side asks first.

use super::commands::{
    AcknowledgeCritical, AmendLabReport, AppendToLabReport, CancelLabReport, CancelObservation, CorrectLabReport,
    FinaliseLabReport, RecordExtraction, RecordProcessingFailure, ResolveReview, RetryProcessing, StartProcessing,
    UploadLabReport,
};
use super::events::{
    CriticalValueAcknowledged, LabReportCancelled, LabReportExtracted, LabReportFinalised, LabReportUploaded,
    ProcessingFailed, ProcessingStarted, ReviewNeeded, ReviewResolved,
};
use super::flags::flags_disagree;
use super::observation::critical;
use super::revise::{amend, append, cancel_value, correct};
use super::{
    Extraction, FileStatus, LabReport, LaboratoryRejection, Observation, ObservationStatus, ReportRecord, ReportStatus,
    ReviewReason,
};
use crate::event::LabReportEvent;
use crate::kernel::reason::check_reason;
use crate::kernel::{Decide, Personal, Times};

/// The largest file that is taken, in bytes.
pub const FILE_BYTES_MAX: u64 = 20 * 1024 * 1024;

macro_rules! lab_report_commands {
    ($($name:ident),* $(,)?) => {
        /// Any command about a lab report.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(missing_docs, reason = "each variant is documented at its struct")]
        pub enum LabReportCommand { $($name($name)),* }

        $(impl From<$name> for LabReportCommand {
            fn from(command: $name) -> LabReportCommand { LabReportCommand::$name(command) }
        })*
    };
}

lab_report_commands! {
    UploadLabReport, StartProcessing, RecordExtraction, RecordProcessingFailure, RetryProcessing, ResolveReview,
    FinaliseLabReport, AmendLabReport, CorrectLabReport, AppendToLabReport, CancelObservation, CancelLabReport,
    AcknowledgeCritical,
}

pub(super) type Decision = Result<Vec<LabReportEvent>, LaboratoryRejection>;

impl Decide for LabReport {
    type Command = LabReportCommand;
    type Rejection = LaboratoryRejection;

    fn decide(&self, command: &LabReportCommand, _: &Times) -> Decision {
        match command {
            LabReportCommand::UploadLabReport(command) => upload(self.record(), command),
            LabReportCommand::StartProcessing(_) => start(live(self)?),
            LabReportCommand::RecordExtraction(command) => extracted(live(self)?, command),
            LabReportCommand::RecordProcessingFailure(command) => failed(live(self)?, command),
            LabReportCommand::RetryProcessing(_) => retry(live(self)?),
            LabReportCommand::ResolveReview(command) => resolve(live(self)?, command),
            LabReportCommand::FinaliseLabReport(_) => finalise(live(self)?),
            LabReportCommand::AmendLabReport(command) => amend(live(self)?, command),
            LabReportCommand::CorrectLabReport(command) => correct(live(self)?, command),
            LabReportCommand::AppendToLabReport(command) => append(live(self)?, command),
            LabReportCommand::CancelObservation(command) => cancel_value(live(self)?, command),
            LabReportCommand::CancelLabReport(command) => cancel(live(self)?, command),
            LabReportCommand::AcknowledgeCritical(command) => acknowledge(live(self)?, command),
        }
    }
}

/// The report, unless it is unknown or withdrawn.
fn live(report: &LabReport) -> Result<&ReportRecord, LaboratoryRejection> {
    let record = report.known()?;
    if record.status == ReportStatus::Cancelled {
        return Err(LaboratoryRejection::LabReportCancelled);
    }
    Ok(record)
}

/// The same file again for the same patient is the first report; anything else under its id is refused.
fn upload(known: Option<&ReportRecord>, command: &UploadLabReport) -> Decision {
    if let Some(known) = known {
        let same = known.file_hash == command.file_hash && known.patient == command.patient;
        return if same { Ok(vec![]) } else { Err(LaboratoryRejection::LabReportTaken) };
    }
    if command.media_type != "application/pdf" {
        return Err(LaboratoryRejection::FileNotPdf);
    }
    if command.bytes == 0 || command.bytes > FILE_BYTES_MAX {
        return Err(LaboratoryRejection::FileSize { bytes: command.bytes, most: FILE_BYTES_MAX });
    }
    let UploadLabReport { report, hospital, patient, blob, file_hash, file_name, bytes, media_type } = command.clone();
    let uploaded = LabReportUploaded { report, hospital, patient, blob, file_hash, file_name, bytes, media_type };
    Ok(vec![uploaded.into()])
}

fn start(record: &ReportRecord) -> Decision {
    match record.file {
        FileStatus::Uploaded => Ok(begin(record)),
        status => Err(LaboratoryRejection::ProcessingNotDue { status }),
    }
}

fn retry(record: &ReportRecord) -> Decision {
    match record.file {
        FileStatus::ProcessingFailed => Ok(begin(record)),
        status => Err(LaboratoryRejection::RetryNotDue { status }),
    }
}

fn begin(record: &ReportRecord) -> Vec<LabReportEvent> {
    let (report, patient, attempt) = (record.report, record.patient, record.attempt + 1);
    vec![ProcessingStarted { report, patient, attempt }.into()]
}

/// What is recorded belongs to the reading that runs now, not to an earlier one.
fn running(record: &ReportRecord, attempt: u32) -> Result<(), LaboratoryRejection> {
    match record.file {
        FileStatus::Processing if record.attempt == attempt => Ok(()),
        FileStatus::Processing => Err(LaboratoryRejection::AttemptSuperseded { current: record.attempt }),
        status => Err(LaboratoryRejection::NotProcessing { status }),
    }
}

fn extracted(record: &ReportRecord, command: &RecordExtraction) -> Decision {
    running(record, command.attempt)?;
    let extraction = kept(command.extraction.open().ok_or(LaboratoryRejection::ValuesUnreadable)?.clone());
    let mut reasons = command.review.clone();
    if extraction.observations.iter().any(flags_disagree) {
        reasons.push(ReviewReason::FlagsDisagree);
    }
    reasons.sort_unstable();
    reasons.dedup();
    let (report, hospital, patient) = (record.report, record.hospital, record.patient);
    let mut events = vec![
        LabReportExtracted {
            report,
            hospital,
            patient,
            attempt: command.attempt,
            observations: count(extraction.observations.len()),
            missing: count(extraction.observations.iter().filter(|each| each.printed.is_none()).count()),
            critical: critical(&extraction.observations),
            needs_review: !reasons.is_empty(),
            extraction: Personal::new(extraction),
        }
        .into(),
    ];
    if !reasons.is_empty() {
        events.push(ReviewNeeded { report, patient, reasons }.into());
    }
    Ok(events)
}

/// Numbered from 1, each value no more than preliminary: nothing that a machine read is final by itself.
fn kept(mut extraction: Extraction) -> Extraction {
    let numbered = extraction.observations.into_iter().zip(1..);
    extraction.observations = numbered.map(|(each, number)| each.read_by_machine(number)).collect();
    extraction
}

pub(super) fn count(values: usize) -> u32 {
    u32::try_from(values).unwrap_or(u32::MAX)
}

fn failed(record: &ReportRecord, command: &RecordProcessingFailure) -> Decision {
    running(record, command.attempt)?;
    let (report, patient) = (record.report, record.patient);
    Ok(vec![ProcessingFailed { report, patient, attempt: command.attempt, reason: command.reason }.into()])
}

/// A report that is not this patient's after all is withdrawn in the same batch.
fn resolve(record: &ReportRecord, command: &ResolveReview) -> Decision {
    if record.file != FileStatus::NeedsReview {
        return Err(LaboratoryRejection::ReviewNotOpen { status: record.file });
    }
    let (report, hospital, patient) = (record.report, record.hospital, record.patient);
    check_reason(&command.reason)?;
    let reason = command.reason.clone();
    let resolved = ReviewResolved { report, patient, accepted: command.accepted, reason: reason.clone() };
    let mut events = vec![resolved.into()];
    if !command.accepted {
        events.push(LabReportCancelled { report, hospital, patient, reason }.into());
    }
    Ok(events)
}

/// The values are there and no review keeps them.
pub(super) fn readable(record: &ReportRecord) -> Result<(), LaboratoryRejection> {
    match record.file {
        FileStatus::Extracted => Ok(()),
        FileStatus::NeedsReview => Err(LaboratoryRejection::ReviewOpen),
        status => Err(LaboratoryRejection::NotRead { status }),
    }
}

fn finalise(record: &ReportRecord) -> Decision {
    readable(record)?;
    if record.is_final() {
        return Err(LaboratoryRejection::AlreadyFinal { status: record.status });
    }
    let (report, hospital, patient) = (record.report, record.hospital, record.patient);
    Ok(vec![LabReportFinalised { report, hospital, patient }.into()])
}

fn cancel(record: &ReportRecord, command: &CancelLabReport) -> Decision {
    if record.is_final() {
        return Err(LaboratoryRejection::AlreadyFinal { status: record.status });
    }
    check_reason(&command.reason)?;
    let (report, hospital, patient) = (record.report, record.hospital, record.patient);
    Ok(vec![LabReportCancelled { report, hospital, patient, reason: command.reason.clone() }.into()])
}

/// Whoever acknowledges says which value they saw: if it changed meanwhile, they have not seen it.
fn acknowledge(record: &ReportRecord, command: &AcknowledgeCritical) -> Decision {
    readable(record)?;
    let open = record.critical.get(&command.observation).copied();
    if open.is_none() && record.extraction.is_some() && record.observation(command.observation).is_none() {
        return Err(LaboratoryRejection::ObservationUnknown);
    }
    let cancelled = |each: &Observation| each.status == ObservationStatus::Cancelled;
    match open {
        None if record.observation(command.observation).is_some_and(cancelled) => {
            return Err(LaboratoryRejection::ObservationCancelled { number: command.observation });
        }
        None => return Err(LaboratoryRejection::NotCritical),
        Some(false) => return Err(LaboratoryRejection::CriticalAcknowledged),
        Some(true) => {}
    }
    let seen = command.value_seen.open().ok_or(LaboratoryRejection::ValuesUnreadable)?;
    let observation = record.observation(command.observation).ok_or(LaboratoryRejection::ValuesUnreadable)?;
    if observation.printed.as_deref().map(str::trim).unwrap_or_default() != seen.trim() {
        return Err(LaboratoryRejection::CriticalValueChanged);
    }
    let acknowledged = CriticalValueAcknowledged {
        report: record.report,
        hospital: record.hospital,
        patient: record.patient,
        observation: command.observation,
        value_seen: command.value_seen.clone(),
    };
    Ok(vec![acknowledged.into()])
}
