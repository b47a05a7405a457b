//! `LabReportProcessing`: has an uploaded file read, without anyone asking, and again when somebody retries it.
//!
//! ```text
//! LabReportUploaded -> confirm the claim on the file -> StartProcessing
//! ProcessingStarted (n) -> read the file, record what came of it
//! LabReportCancelled -> release the claim on the file
//! ```
//!
//! A report that was withdrawn frees its file: it may have been handed in for the wrong patient.

use carelog_domain::event::{Event, LabReportEvent};
use carelog_domain::kernel::{Recorded, StreamName};
use carelog_domain::laboratory::commands::StartProcessing;
use carelog_domain::laboratory::events::LabReportUploaded;
use carelog_domain::patient::commands::{ConfirmClaim, ReleaseClaim};
use carelog_domain::streams;

use crate::saga::{Hospital, Intent, Refused, Saga};

/// The reading of one file.
#[derive(Default)]
pub struct LabReportProcessing {
    upload: Option<LabReportUploaded>,
}

impl Saga for LabReportProcessing {
    const NAME: &'static str = "lab-report-processing";
    const TAKES: &'static [&'static str] = &["LabReportUploaded", "ProcessingStarted", "LabReportCancelled"];
    /// Files wait for their reader, of which there are few, without holding up the other sagas.
    const IN_FLIGHT_MAX: usize = 10_000;

    fn instance_of(event: &Recorded<Event>) -> Option<String> {
        matches!(event.event, Event::LabReportEvent(_)).then(|| event.context.stream.key().to_owned())
    }

    fn sources(instance: &str) -> Vec<StreamName> {
        instance.parse().map(streams::lab_report).into_iter().collect()
    }

    fn react(&self, event: &Recorded<Event>, _hospital: &Hospital) -> Vec<Intent> {
        match (&event.event, &self.upload) {
            (Event::LabReportEvent(LabReportEvent::LabReportUploaded(e)), _) => {
                let confirm = ConfirmClaim { keyed_hash: e.file_hash.clone(), owner: e.report.0 };
                vec![Intent::send("confirm", confirm), Intent::send("start.1", StartProcessing { report: e.report })]
            }
            (Event::LabReportEvent(LabReportEvent::ProcessingStarted(e)), Some(upload)) => {
                let step = format!("read.{}", e.attempt);
                vec![Intent::ReadLabReport { step, upload: Box::new(upload.clone()), attempt: e.attempt }]
            }
            (Event::LabReportEvent(LabReportEvent::LabReportCancelled(e)), Some(upload)) => {
                let release = ReleaseClaim { keyed_hash: upload.file_hash.clone(), owner: e.report.0 };
                vec![Intent::send("release", release)]
            }
            _ => vec![],
        }
    }

    fn evolve(&mut self, event: &Recorded<Event>, _hospital: &Hospital) {
        if let Event::LabReportEvent(LabReportEvent::LabReportUploaded(e)) = &event.event {
            self.upload = Some(e.clone());
        }
    }

    /// It was withdrawn before its file was read: then nobody wants to know any more what is in it.
    fn refused(step: &str, code: &str) -> Refused {
        let of_reading = step.starts_with("start.") || step.starts_with("read.");
        if of_reading && code == "lab-report-cancelled" { Refused::GoOn } else { Refused::DeadLetter }
    }
}
