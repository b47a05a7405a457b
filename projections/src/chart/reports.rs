//! The items `report#<id>`.

use carelog_domain::event::{Event, LabReportEvent};
use carelog_domain::kernel::{LabReportId, PatientId, Recorded};
use carelog_domain::laboratory::events::{LabReportAmended, LabReportExtracted, LabReportUploaded};
use carelog_domain::laboratory::{FileStatus, ReportStatus};
use carelog_schemas::read_models::chart::{ChartObservation, ChartReport};
use serde_json::{Value, json};

use super::{body, merged};
use crate::change::{Change, ItemWhat, item};

const LIST: &str = "observations";

pub(super) fn changes(event: &LabReportEvent, recorded: &Recorded<Event>) -> Vec<Change> {
    let change =
        |patient: PatientId, report: LabReportId, fields: Value| item(patient, key(report), merged(recorded, fields));
    use LabReportEvent as E;
    match event {
        E::LabReportUploaded(e) => vec![uploaded(e, recorded)],
        E::ProcessingStarted(e) => vec![change(e.patient, e.report, json!({ "fileStatus": FileStatus::Processing }))],
        E::LabReportExtracted(e) => vec![change(e.patient, e.report, extracted(e))],
        E::ProcessingFailed(e) => {
            let fields = json!({ "fileStatus": FileStatus::ProcessingFailed, "failure": e.reason });
            vec![change(e.patient, e.report, fields)]
        }
        E::ReviewNeeded(e) => {
            let fields =
                json!({ "fileStatus": FileStatus::NeedsReview, "reviewReasons": e.reasons, "reachesChart": false });
            vec![change(e.patient, e.report, fields)]
        }
        E::ReviewResolved(e) if e.accepted => {
            let fields = json!({ "fileStatus": FileStatus::Extracted, "reachesChart": true });
            vec![change(e.patient, e.report, fields)]
        }
        // Not this patient's: the values go, the file stays on record.
        E::ReviewResolved(e) => {
            vec![change(e.patient, e.report, json!({ "reachesChart": false, LIST: [], "unparsed": [] }))]
        }
        E::LabReportFinalised(e) => {
            let fields = json!({ "status": ReportStatus::Final, "finalisedAt": recorded.context.occurred_at });
            vec![change(e.patient, e.report, fields), item(e.patient, key(e.report), ItemWhat::Confirm)]
        }
        E::LabReportAmended(e) => amended(e, recorded),
        E::LabReportCancelled(e) => {
            vec![change(e.patient, e.report, json!({ "status": ReportStatus::Cancelled, "reachesChart": false }))]
        }
        E::CriticalValueAcknowledged(e) => {
            let fields = json!({
                "openTask": false,
                "acknowledgedBy": recorded.context.actor.user,
                "acknowledgedAt": recorded.context.occurred_at,
                "valueSeen": e.value_seen.open(),
            });
            let members = ItemWhat::Members { list: LIST, numbers: Some(vec![e.observation]), merge: fields };
            vec![item(e.patient, key(e.report), members), change(e.patient, e.report, json!({}))]
        }
    }
}

fn uploaded(e: &LabReportUploaded, recorded: &Recorded<Event>) -> Change {
    let report = ChartReport {
        report: e.report.to_string(),
        hospital: e.hospital.to_string(),
        file_status: FileStatus::Uploaded,
        status: ReportStatus::Registered,
        reaches_chart: false,
        review_reasons: vec![],
        file_name: e.file_name.open().cloned(),
        blob: e.blob.to_string(),
        failure: None,
        uploaded_at: recorded.context.occurred_at,
        collected: None,
        laboratory: None,
        observations: vec![],
        unparsed: vec![],
        erased: e.file_name.is_erased(),
        finalised_at: None,
        version: recorded.context.version.0,
    };
    item(e.patient, key(e.report), ItemWhat::Put(body(&report)))
}

fn extracted(e: &LabReportExtracted) -> Value {
    let file = if e.needs_review { FileStatus::NeedsReview } else { FileStatus::Extracted };
    let extraction = e.extraction.open();
    let observations = extraction.iter().flat_map(|extraction| &extraction.observations);
    let observations: Vec<ChartObservation> = observations
        .map(|value| ChartObservation {
            open_task: e.critical.contains(&value.number),
            value: value.clone(),
            acknowledged_by: None,
            acknowledged_at: None,
            value_seen: None,
        })
        .collect();
    json!({
        "fileStatus": file,
        "status": ReportStatus::Preliminary,
        "reachesChart": !e.needs_review,
        "failure": null,
        "collected": extraction.and_then(|extraction| extraction.header.collected.as_ref()),
        "laboratory": extraction.and_then(|extraction| extraction.header.laboratory.as_ref()),
        LIST: observations,
        "unparsed": extraction.map(|extraction| extraction.unparsed.clone()).unwrap_or_default(),
        "erased": e.extraction.is_erased(),
    })
}

fn amended(e: &LabReportAmended, recorded: &Recorded<Event>) -> Vec<Change> {
    let to = |what: ItemWhat| item(e.patient, key(e.report), what);
    let status = to(merged(recorded, json!({ "status": ReportStatus::Amended })));
    let Some(changes) = e.changes.open() else {
        // A part of it cannot be read any more, so the whole is not shown.
        return vec![status, to(ItemWhat::Merge(json!({ LIST: [], "erased": e.changes.is_erased() })))];
    };
    let tasks = |numbers: Option<Vec<u32>>, open: bool| {
        to(ItemWhat::Members { list: LIST, numbers, merge: json!({ "openTask": open }) })
    };
    vec![status, to(ItemWhat::Amend(changes.clone())), tasks(None, false), tasks(Some(e.critical.clone()), true)]
}

fn key(report: LabReportId) -> String {
    format!("report#{report}")
}
