//! An uploaded file is read, and read again when asked.

use carelog_domain::kernel::{CommandId, LabReportId, Personal, Timestamp};
use carelog_domain::laboratory::commands::StartProcessing;
use carelog_domain::laboratory::events::{LabReportCancelled, LabReportUploaded, ProcessingStarted};
use carelog_domain::patient::commands::{ConfirmClaim, ReleaseClaim};
use carelog_domain::ports::BlobName;
use carelog_domain::streams;
use carelog_sagas::saga::Refused;
use carelog_sagas::{Hospital, Intent, LabReportProcessing, Saga};

use crate::given::*;

fn report() -> LabReportId {
    LabReportId::derive(CommandId::of_client_key("t", "lab", "1"), patient_id().slot(), Timestamp::default(), 0)
}

fn upload() -> LabReportUploaded {
    LabReportUploaded {
        report: report(),
        hospital: hospital_id(),
        patient: patient_id(),
        blob: BlobName::of(b"sealed"),
        file_hash: "00".to_owned(),
        file_name: Personal::new("report.pdf".to_owned()),
        bytes: 6,
        media_type: "application/pdf".to_owned(),
    }
}

fn uploaded() -> Told {
    told(streams::lab_report(report()), "2025-03-01T08:00:00Z", upload())
}

fn started(attempt: u32) -> Told {
    let event = ProcessingStarted { report: report(), patient: patient_id(), attempt };
    told(streams::lab_report(report()), "2025-03-01T08:00:01Z", event)
}

#[test]
fn an_upload_keeps_its_claim_on_the_file_and_starts_its_processing() {
    let confirm = Intent::send("confirm", ConfirmClaim { keyed_hash: upload().file_hash, owner: report().0 });
    let start = Intent::send("start.1", StartProcessing { report: report() });
    given::<LabReportProcessing>(Hospital::default(), []).when(uploaded()).then([confirm, start]);
}

#[test]
fn every_start_reads_the_file_once() {
    let read =
        |attempt: u32| Intent::ReadLabReport { step: format!("read.{attempt}"), upload: Box::new(upload()), attempt };
    given::<LabReportProcessing>(Hospital::default(), [uploaded()]).when(started(1)).then([read(1)]);
    given::<LabReportProcessing>(Hospital::default(), [uploaded(), started(1)]).when(started(2)).then([read(2)]);
}

#[test]
fn a_report_that_is_withdrawn_frees_its_file_for_the_right_patient() {
    let reason = Personal::new("another patient's".to_owned());
    let event = LabReportCancelled { report: report(), hospital: hospital_id(), patient: patient_id(), reason };
    let cancelled = told(streams::lab_report(report()), "2025-03-01T09:00:00Z", event);
    let release = Intent::send("release", ReleaseClaim { keyed_hash: upload().file_hash, owner: report().0 });
    given::<LabReportProcessing>(Hospital::default(), [uploaded(), started(1)]).when(cancelled).then([release]);
}

#[test]
fn a_report_withdrawn_before_it_was_read_is_no_dead_letter() {
    for step in ["start.1", "read.1", "read.2"] {
        assert_eq!(LabReportProcessing::refused(step, "lab-report-cancelled"), Refused::GoOn, "{step}");
        assert_eq!(LabReportProcessing::refused(step, "lab-report-unknown"), Refused::DeadLetter, "{step}");
    }
    assert_eq!(LabReportProcessing::refused("confirm", "claim-lost"), Refused::DeadLetter);
}
