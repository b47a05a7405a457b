//! Reading the file of a lab report: blob, reader, and what disagrees with the patient. Few at a time: each reading is
//! a child process.

use carelog_domain::command::Command;
use carelog_domain::event::{Event, PatientEvent};
use carelog_domain::kernel::{HospitalId, LocalDate, PatientId, Timestamp};
use carelog_domain::laboratory::commands::{RecordExtraction, RecordProcessingFailure};
use carelog_domain::laboratory::events::LabReportUploaded;
use carelog_domain::laboratory::{Extraction, FailureReason, ReviewReason, review_reasons, with_computed_flags};
use carelog_domain::patient::{Demographics, Identifier};
use carelog_domain::ports::Failure;
use carelog_domain::streams;
use carelog_schemas::sealing;

use super::Shared;
use super::reaction::Patience;
use crate::saga::Hospital;

/// Why a file was not read.
pub(crate) enum Unread {
    /// A store, or the log, did not do its part.
    Store(Failure),
    /// The reader did not, which may be the file's fault.
    Reader(Failure),
}

impl Unread {
    pub(crate) fn failure(&self) -> &Failure {
        let (Unread::Store(failure) | Unread::Reader(failure)) = self;
        failure
    }

    /// Stores are waited for; a file that the reader loses is given to it only so often.
    pub(crate) fn may_be_read_later(&self, patience: &Patience) -> bool {
        let enough = match self {
            Unread::Store(_) => patience.long,
            Unread::Reader(_) => patience.often,
        };
        self.failure().retry_helps && !enough
    }
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Unread {
        Unread::Store(failure)
    }
}

impl Shared {
    /// The command that records what came of reading a file at this instant.
    pub(crate) async fn read_file(
        &self,
        upload: &LabReportUploaded,
        attempt: u32,
        at: Timestamp,
    ) -> Result<Command, Unread> {
        let _one_of_few = self.lab_room.acquire().await;
        let report = upload.report;
        let failed = |reason| Command::from(RecordProcessingFailure { report, attempt, reason });
        let Some(sealed) = self.blobs.get(&upload.blob).await? else { return Ok(failed(FailureReason::FileMissing)) };
        let Some(pdf) = sealing::open_blob(&*self.keys, &sealed).await? else {
            return Ok(failed(FailureReason::FileMissing)); // Its key was erased.
        };
        match self.lab_reader.read(pdf).await.map_err(Unread::Reader)? {
            Err(reason) => Ok(failed(reason)),
            Ok(extraction) => {
                let patient = self.patient(upload.patient).await?;
                let on = self.local_date(upload.hospital, at).await?;
                let (extraction, review) = compare(extraction, &patient, on);
                Ok(RecordExtraction { report, attempt, extraction: extraction.into(), review }.into())
            }
        }
    }

    /// Who the patient is now.
    async fn patient(&self, patient: PatientId) -> Result<Known, Failure> {
        let mut known = Known::default();
        for stored in self.stream(&streams::patient(patient)).await? {
            if let Event::PatientEvent(event) = self.read(&stored, true).await?.event {
                known.take(event);
            }
        }
        Ok(known)
    }

    async fn local_date(&self, hospital: HospitalId, at: Timestamp) -> Result<LocalDate, Failure> {
        let mut known = Hospital::default();
        for stored in self.stream(&streams::organization(hospital)).await? {
            if let Event::OrganizationEvent(event) = self.read(&stored, false).await?.event {
                known.evolve(&event);
            }
        }
        Ok(known.zone.date_of(at))
    }
}

/// What is known of a patient; nothing of what was erased.
#[derive(Default)]
struct Known {
    demographics: Option<Demographics>,
    identifiers: Vec<Identifier>,
}

impl Known {
    fn take(&mut self, event: PatientEvent) {
        match event {
            PatientEvent::PatientRegistered(e) => {
                self.demographics = e.demographics.open().cloned();
                self.identifiers.extend(e.identifiers.iter().filter_map(|each| each.open().cloned()));
            }
            PatientEvent::PatientCorrected(e) => {
                let Some(known) = &mut self.demographics else { return };
                if let Some(name) = e.name.as_ref().and_then(|it| it.open()) {
                    known.name = name.clone();
                }
                if let Some(gender) = e.gender.as_ref().and_then(|it| it.open()) {
                    known.gender = *gender;
                }
                if let Some(birth_date) = e.birth_date.as_ref().and_then(|it| it.open()) {
                    known.birth_date = Some(*birth_date);
                }
            }
            PatientEvent::IdentifierAdded(e) => self.identifiers.extend(e.identifier.open().cloned()),
            PatientEvent::ContactsChanged(_) => {}
        }
    }
}

/// A patient whose identity was erased cannot be compared with anything: a person must look.
fn compare(extraction: Extraction, patient: &Known, on: LocalDate) -> (Extraction, Vec<ReviewReason>) {
    let Some(demographics) = &patient.demographics else { return (extraction, vec![ReviewReason::NameDiffers]) };
    let extraction = with_computed_flags(extraction, demographics, on);
    let review = review_reasons(&extraction, demographics, &patient.identifiers);
    (extraction, review)
}
