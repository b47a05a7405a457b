//! A lab report. Its file: uploaded -> processing -> extracted | needs-review | processing-failed -> (retry) processing.
//! The report: registered -> partial | preliminary -> final -> amended | corrected | appended; cancelled only before
//! final.
//!
//! Personal values may still be sealed, or erased, in the events a state is folded from; the statuses are known all
//! the same, the values are not.

use std::collections::BTreeMap;

use super::events::{LabReportAppended, LabReportExtracted, LabReportUploaded};
use super::{
    Extraction, FileStatus, LaboratoryRejection, Observation, ObservationChange, ObservationStatus, ReportStatus,
    ReviewReason,
};
use crate::event::LabReportEvent;
use crate::kernel::{Clinical, Evolve, HospitalId, LabReportId, PatientId};

/// The state of a lab report's stream; without a record while the stream is empty.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LabReport {
    record: Option<ReportRecord>,
}

/// All that is known of a lab report.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs, reason = "fields whose names say everything")]
pub struct ReportRecord {
    pub report: LabReportId,
    pub hospital: HospitalId,
    pub patient: PatientId,
    /// Keyed hash of the file.
    pub file_hash: String,
    pub file: FileStatus,
    /// How often reading began.
    pub attempt: u32,
    pub status: ReportStatus,
    /// Why a person must look, while the review is open.
    pub review: Vec<ReviewReason>,
    /// What was read, with every change since; `None` before, and when it cannot be opened.
    pub extraction: Option<Extraction>,
    /// Critical values by number; `true` while nobody has acknowledged them.
    pub critical: BTreeMap<u32, bool>,
}

impl ReportStatus {
    /// Of a report just read, this many of whose values were printed without a result.
    pub const fn read_with(missing: u32) -> ReportStatus {
        if missing == 0 { ReportStatus::Preliminary } else { ReportStatus::Partial }
    }
}

impl LabReport {
    /// The report, if there is one.
    pub const fn record(&self) -> Option<&ReportRecord> {
        self.record.as_ref()
    }

    /// The report.
    ///
    /// # Errors
    /// When there is none.
    pub fn known(&self) -> Result<&ReportRecord, LaboratoryRejection> {
        self.record.as_ref().ok_or(LaboratoryRejection::LabReportUnknown)
    }
}

impl ReportRecord {
    /// True when its values may be shown: read, not waiting for a review, not withdrawn.
    pub fn reaches_chart(&self) -> bool {
        self.file == FileStatus::Extracted && self.status != ReportStatus::Cancelled
    }

    /// True from final on.
    pub const fn is_final(&self) -> bool {
        matches!(
            self.status,
            ReportStatus::Final | ReportStatus::Amended | ReportStatus::Corrected | ReportStatus::Appended
        )
    }

    /// A value by its number.
    pub fn observation(&self, number: u32) -> Option<&Observation> {
        self.extraction.as_ref()?.observations.iter().find(|each| each.number == number)
    }

    /// Numbers of the critical values nobody has acknowledged; none while the report is kept from the chart.
    pub fn open_tasks(&self) -> Vec<u32> {
        let open = self.critical.iter().filter(|(_, open)| **open && self.reaches_chart());
        open.map(|(number, _)| *number).collect()
    }

    fn uploaded(event: &LabReportUploaded) -> ReportRecord {
        ReportRecord {
            report: event.report,
            hospital: event.hospital,
            patient: event.patient,
            file_hash: event.file_hash.clone(),
            file: FileStatus::Uploaded,
            attempt: 0,
            status: ReportStatus::Registered,
            review: vec![],
            extraction: None,
            critical: BTreeMap::new(),
        }
    }

    fn extract(&mut self, event: &LabReportExtracted) {
        self.file = if event.needs_review { FileStatus::NeedsReview } else { FileStatus::Extracted };
        self.status = ReportStatus::read_with(event.missing);
        self.extraction = event.extraction.open().cloned();
        self.open_tasks_of(&event.critical);
    }

    /// Values were changed; a part that cannot be read any more leaves the whole unknown.
    fn change(&mut self, changes: &Clinical<Vec<ObservationChange>>, status: ObservationStatus, critical: &[u32]) {
        self.open_tasks_of(critical);
        let changes = changes.open();
        self.extraction = self.extraction.take().zip(changes).map(|(mut extraction, changes)| {
            let values = extraction.observations.into_iter();
            extraction.observations = values.map(|each| each.changed_by(changes, status)).collect();
            extraction
        });
    }

    fn append(&mut self, event: &LabReportAppended) {
        self.status = ReportStatus::Appended;
        self.critical.extend(event.critical.iter().map(|number| (*number, true)));
        self.extraction = self.extraction.take().zip(event.added.open()).map(|(mut extraction, added)| {
            extraction.observations.extend(added.iter().cloned());
            extraction
        });
    }

    fn cancel_value(&mut self, number: u32) {
        self.status = ReportStatus::Corrected;
        self.critical.remove(&number);
        let values = self.extraction.iter_mut().flat_map(|extraction| &mut extraction.observations);
        for each in values.filter(|each| each.number == number) {
            each.status = ObservationStatus::Cancelled;
        }
    }

    fn finalise(&mut self) {
        self.status = ReportStatus::Final;
        for each in self.extraction.iter_mut().flat_map(|extraction| &mut extraction.observations) {
            *each = each.clone().confirmed();
        }
    }

    fn open_tasks_of(&mut self, numbers: &[u32]) {
        self.critical = numbers.iter().map(|number| (*number, true)).collect();
    }

    fn take(&mut self, event: &LabReportEvent) {
        match event {
            LabReportEvent::LabReportUploaded(event) => *self = ReportRecord::uploaded(event),
            LabReportEvent::ProcessingStarted(event) => {
                self.file = FileStatus::Processing;
                self.attempt = event.attempt;
            }
            LabReportEvent::LabReportExtracted(event) => self.extract(event),
            LabReportEvent::ProcessingFailed(_) => self.file = FileStatus::ProcessingFailed,
            LabReportEvent::ReviewNeeded(event) => {
                self.file = FileStatus::NeedsReview;
                self.review.clone_from(&event.reasons);
            }
            LabReportEvent::ReviewResolved(event) => {
                self.review = vec![];
                if event.accepted {
                    self.file = FileStatus::Extracted;
                }
            }
            LabReportEvent::LabReportFinalised(_) => self.finalise(),
            LabReportEvent::LabReportAmended(event) => {
                self.status = ReportStatus::Amended;
                self.change(&event.changes, ObservationStatus::Amended, &event.critical);
            }
            LabReportEvent::LabReportCorrected(event) => {
                self.status = ReportStatus::Corrected;
                self.change(&event.changes, ObservationStatus::Corrected, &event.critical);
            }
            LabReportEvent::LabReportAppended(event) => self.append(event),
            LabReportEvent::ObservationCancelled(event) => self.cancel_value(event.observation),
            LabReportEvent::LabReportCancelled(_) => self.status = ReportStatus::Cancelled,
            LabReportEvent::CriticalValueAcknowledged(event) => {
                self.critical.insert(event.observation, false);
            }
        }
    }
}

impl Evolve for LabReport {
    type Event = LabReportEvent;

    fn evolve(&mut self, event: &LabReportEvent) {
        match (&mut self.record, event) {
            (Some(record), event) => record.take(event),
            (record @ None, LabReportEvent::LabReportUploaded(event)) => *record = Some(ReportRecord::uploaded(event)),
            (None, _) => {} // No report begins with anything but its file.
        }
    }
}
