//! The items `report#<id>`.

use carelog_domain::event::{Event, LabReportEvent};
use carelog_domain::kernel::{Clinical, LabReportId, PatientId, Recorded};
use carelog_domain::laboratory::events::{LabReportAppended, LabReportExtracted, LabReportUploaded};
use carelog_domain::laboratory::{FileStatus, Observation, ObservationChange, ObservationStatus, ReportStatus};
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
        E::LabReportAmended(e) => {
            let status = change(e.patient, e.report, json!({ "status": ReportStatus::Amended }));
            let values = revalued(&e.changes, ObservationStatus::Amended, &e.critical);
            with_values(status, values)
        }
        E::LabReportCorrected(e) => {
            let status = change(e.patient, e.report, json!({ "status": ReportStatus::Corrected }));
            let values = revalued(&e.changes, ObservationStatus::Corrected, &e.critical);
            with_values(status, values)
        }
        E::LabReportAppended(e) => {
            with_values(change(e.patient, e.report, json!({ "status": ReportStatus::Appended })), appended(e))
        }
        E::ObservationCancelled(e) => {
            let fields = json!({ "status": ObservationStatus::Cancelled, "openTask": false });
            let value = ItemWhat::Members { list: LIST, numbers: Some(vec![e.observation]), merge: fields };
            with_values(change(e.patient, e.report, json!({ "status": ReportStatus::Corrected })), vec![value])
        }
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
    let observations: Vec<ChartObservation> = observations.map(|value| unseen(value, &e.critical)).collect();
    json!({
        "fileStatus": file,
        "status": ReportStatus::read_with(e.missing),
        "reachesChart": !e.needs_review,
        "failure": null,
        "collected": extraction.and_then(|extraction| extraction.header.collected.as_ref()),
        "laboratory": extraction.and_then(|extraction| extraction.header.laboratory.as_ref()),
        LIST: observations,
        "unparsed": extraction.map(|extraction| extraction.unparsed.clone()).unwrap_or_default(),
        "erased": e.extraction.is_erased(),
    })
}

/// A value that nobody has acknowledged.
fn unseen(value: &Observation, critical: &[u32]) -> ChartObservation {
    ChartObservation {
        open_task: critical.contains(&value.number),
        value: value.clone(),
        acknowledged_by: None,
        acknowledged_at: None,
        value_seen: None,
    }
}

/// The report's change, and those of its values after it.
fn with_values(report: ItemChange, values: Vec<ItemWhat>) -> Vec<ItemChange> {
    let of_values: Vec<ItemChange> =
        values.into_iter().map(|what| item(report.patient, report.sort_key.clone(), what)).collect();
    std::iter::once(report).chain(of_values).collect()
}

fn revalued(changes: &Clinical<Vec<ObservationChange>>, status: ObservationStatus, critical: &[u32]) -> Vec<ItemWhat> {
    let Some(known) = changes.open() else { return vec![unreadable(changes.is_erased())] };
    // What is critical now is a task anew, for someone to look at the new value: nobody has acknowledged that one.
    let unseen = json!({ "openTask": false, "acknowledgedBy": null, "acknowledgedAt": null, "valueSeen": null });
    let members = |numbers, merge| ItemWhat::Members { list: LIST, numbers, merge };
    let open = members(Some(critical.to_vec()), json!({ "openTask": true }));
    vec![ItemWhat::Change(known.clone(), status), members(None, unseen), open]
}

fn appended(e: &LabReportAppended) -> Vec<ItemWhat> {
    match e.added.open() {
        Some(added) => vec![ItemWhat::Push(LIST, added.iter().map(|each| body(&unseen(each, &e.critical))).collect())],
        None => vec![unreadable(e.added.is_erased())],
    }
}

/// A part of it cannot be read any more, so the whole is not shown.
fn unreadable(erased: bool) -> ItemWhat {
    ItemWhat::Merge(json!({ LIST: [], "erased": erased }))
}

fn key(report: LabReportId) -> String {
    format!("report#{report}")
}
