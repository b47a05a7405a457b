//! An uploaded file is read, and read again when asked.

use carelog_domain::kernel::{CommandId, LabReportId, Personal, Timestamp};
use carelog_domain::laboratory::commands::StartProcessing;
use carelog_domain::laboratory::events::{LabReportUploaded, ProcessingStarted};
use carelog_domain::patient::commands::ConfirmClaim;
use carelog_domain::ports::BlobName;
use carelog_domain::streams;
use carelog_sagas::{Hospital, Intent, LabReportProcessing};

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
