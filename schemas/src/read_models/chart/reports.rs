//! The items `report#<id>`.

use carelog_domain::event::{Event, LabReportEvent};
use carelog_domain::kernel::{LabReportId, PatientId, Recorded};
use carelog_domain::laboratory::events::{LabReportAmended, LabReportExtracted, LabReportUploaded};
use carelog_domain::laboratory::{FileStatus, ReportStatus};
use serde_json::{Value, json};

use super::change::{ItemChange, ItemWhat, body, item, merged};
use super::{ChartObservation, ChartReport};

const LIST: &str = "observations";

pub(super) fn changes(event: &LabReportEvent, recorded: &Recorded<Event>) -> Vec<ItemChange> {
    let change =
        |patient: PatientId, report: LabReportId, fields: Value| item(patient, key(report), merged(recorded, fields));
    use LabReportEvent as E;
    match event {
        E::LabReportUploaded(e) => vec![uploaded(e, recorded)],
        // What the reading before it failed of is over.
        E::ProcessingStarted(e) => {
            vec![change(e.patient, e.report, json!({ "fileStatus": FileStatus::Processing, "failure": null }))]
        }
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
            let fields = json!({ "fileStatus": FileStatus::Extracted, "reachesChart": true, "reviewReasons": [] });
            vec![change(e.patient, e.report, fields)]
        }
        // Not this patient's: the values go, the file stays on record.
        E::ReviewResolved(e) => {
            let fields = json!({ "reachesChart": false, "reviewReasons": [], LIST: [], "unparsed": [] });
            vec![change(e.patient, e.report, fields)]
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

fn uploaded(e: &LabReportUploaded, recorded: &Recorded<Event>) -> ItemChange {
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

fn amended(e: &LabReportAmended, recorded: &Recorded<Event>) -> Vec<ItemChange> {
    let to = |what: ItemWhat| item(e.patient, key(e.report), what);
    let status = to(merged(recorded, json!({ "status": ReportStatus::Amended })));
    let Some(changes) = e.changes.open() else {
        // A part of it cannot be read any more, so the whole is not shown.
        return vec![status, to(ItemWhat::Merge(json!({ LIST: [], "erased": e.changes.is_erased() })))];
    };
    // What is critical now is a task anew, for someone to look at the new value: nobody has acknowledged that one.
    let unseen = json!({ "openTask": false, "acknowledgedBy": null, "acknowledgedAt": null, "valueSeen": null });
    let members = |numbers, merge| to(ItemWhat::Members { list: LIST, numbers, merge });
    let open = members(Some(e.critical.clone()), json!({ "openTask": true }));
    vec![status, to(ItemWhat::Amend(changes.clone())), members(None, unseen), open]
}

fn key(report: LabReportId) -> String {
    format!("report#{report}")
}
