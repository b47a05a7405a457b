//! Read model `critical-results`: lab reports as files and tasks, and critical values someone has to see.

use carelog_domain::event::{Event, LabReportEvent};
use carelog_domain::kernel::{HospitalId, LabReportId, PatientId, Recorded};
use carelog_domain::laboratory::events::{LabReportExtracted, LabReportUploaded};
use carelog_domain::laboratory::{FileStatus, ReportStatus};
use carelog_domain::ports::SqlValue;
use carelog_schemas::read_models::Model;
use carelog_schemas::read_models::critical_results::{CRITICAL_TASKS, LAB_REPORTS, MODEL};

use crate::change::{Cell, Change, delete, int, json, patch, put, text};
use crate::projection::Projection;

/// See the module.
pub struct CriticalResults;

impl Projection for CriticalResults {
    const MODEL: &'static Model = &MODEL;
    const EVENTS: &'static [&'static str] = &[
        "LabReportUploaded",
        "ProcessingStarted",
        "LabReportExtracted",
        "ProcessingFailed",
        "ReviewNeeded",
        "ReviewResolved",
        "LabReportFinalised",
        "LabReportAmended",
        "LabReportCorrected",
        "LabReportAppended",
        "ObservationCancelled",
        "LabReportCancelled",
        "CriticalValueAcknowledged",
    ];

    fn project(recorded: &Recorded<Event>) -> Vec<Change> {
        let Event::LabReportEvent(event) = &recorded.event else { return vec![] };
        let at: SqlValue = recorded.context.occurred_at.into();
        let changed = |report: LabReportId, cells: Vec<Cell>| {
            patch(&LAB_REPORTS, vec![text(report)], [cells, stamp(recorded)].concat())
        };
        let held =
            |report: LabReportId, held: bool| patch(&CRITICAL_TASKS, vec![text(report)], vec![("held", held.into())]);
        use LabReportEvent as E;
        match event {
            E::LabReportUploaded(e) => vec![uploaded(e, recorded)],
            E::ProcessingStarted(e) => {
                let failure = ("failure", SqlValue::Null);
                vec![changed(e.report, vec![file(FileStatus::Processing), ("attempt", int(e.attempt)), failure])]
            }
            E::LabReportExtracted(e) => extracted(e, at, &changed),
            E::ProcessingFailed(e) => {
                let cells = vec![file(FileStatus::ProcessingFailed), ("failure", text(e.reason))];
                vec![changed(e.report, cells)]
            }
            E::ReviewNeeded(e) => {
                let cells = vec![file(FileStatus::NeedsReview), ("review_reasons", json(&e.reasons))];
                vec![changed(e.report, cells), held(e.report, true)]
            }
            E::ReviewResolved(e) if e.accepted => {
                let reasons = ("review_reasons", SqlValue::Null);
                vec![changed(e.report, vec![file(FileStatus::Extracted), reasons]), held(e.report, false)]
            }
            // Not this patient's: what it says is nobody's task here.
            E::ReviewResolved(e) => vec![
                changed(e.report, vec![("review_reasons", SqlValue::Null)]),
                delete(&CRITICAL_TASKS, vec![text(e.report)]),
            ],
            E::LabReportFinalised(e) => {
                vec![changed(e.report, vec![("status", text(ReportStatus::Final)), ("finalised_at", at)])]
            }
            E::LabReportAmended(e) => {
                let amended = changed(e.report, vec![("status", text(ReportStatus::Amended))]);
                let tasks = Task::all(e.report, e.hospital, e.patient, &e.critical);
                std::iter::once(amended).chain(tasks_anew(e.report, tasks, &at)).collect()
            }
            E::LabReportCorrected(e) => {
                let corrected = changed(e.report, vec![("status", text(ReportStatus::Corrected))]);
                let tasks = Task::all(e.report, e.hospital, e.patient, &e.critical);
                std::iter::once(corrected).chain(tasks_anew(e.report, tasks, &at)).collect()
            }
            E::LabReportAppended(e) => {
                let cells = vec![("status", text(ReportStatus::Appended)), ("observations", int(e.observations))];
                let tasks = Task::all(e.report, e.hospital, e.patient, &e.critical);
                let tasks = tasks.into_iter().map(|task| task.opened(at.clone(), false));
                std::iter::once(changed(e.report, cells)).chain(tasks).collect()
            }
            E::ObservationCancelled(e) => vec![
                changed(e.report, vec![("status", text(ReportStatus::Corrected))]),
                delete(&CRITICAL_TASKS, vec![text(e.report), int(e.observation)]),
            ],
            E::LabReportCancelled(e) => vec![
                changed(e.report, vec![("status", text(ReportStatus::Cancelled))]),
                delete(&CRITICAL_TASKS, vec![text(e.report)]),
            ],
            E::CriticalValueAcknowledged(e) => {
                let cells = vec![
                    ("open", int(0)),
                    ("acknowledged_at", at),
                    ("acknowledged_by", text(&recorded.context.actor.user)),
                ];
                vec![changed(e.report, vec![]), patch(&CRITICAL_TASKS, vec![text(e.report), int(e.observation)], cells)]
            }
        }
    }
}

fn uploaded(e: &LabReportUploaded, recorded: &Recorded<Event>) -> Change {
    let row = vec![
        ("report", text(e.report)),
        ("hospital", text(e.hospital)),
        ("patient", text(e.patient)),
        file(FileStatus::Uploaded),
        ("status", text(ReportStatus::Registered)),
        ("bytes", int(e.bytes)),
        ("media_type", text(&e.media_type)),
        ("attempt", int(0)),
        ("observations", int(0)),
        ("uploaded_at", recorded.context.occurred_at.into()),
    ];
    put(&LAB_REPORTS, [row, stamp(recorded)].concat())
}

/// What is critical now is a task anew; what no longer is, is none.
fn tasks_anew(report: LabReportId, tasks: Vec<Task>, at: &SqlValue) -> impl Iterator<Item = Change> {
    let earlier = delete(&CRITICAL_TASKS, vec![text(report)]);
    std::iter::once(earlier).chain(tasks.into_iter().map(|task| task.opened(at.clone(), false)))
}

fn file(status: FileStatus) -> Cell {
    ("file_status", text(status))
}

fn extracted(e: &LabReportExtracted, at: SqlValue, changed: &dyn Fn(LabReportId, Vec<Cell>) -> Change) -> Vec<Change> {
    let file = if e.needs_review { FileStatus::NeedsReview } else { FileStatus::Extracted };
    let cells = vec![
        ("file_status", text(file)),
        ("status", text(ReportStatus::read_with(e.missing))),
        ("failure", SqlValue::Null),
        ("observations", int(e.observations)),
        ("extracted_at", at.clone()),
    ];
    // Read again: the tasks of an earlier attempt are over.
    let earlier = delete(&CRITICAL_TASKS, vec![text(e.report)]);
    let tasks = Task::all(e.report, e.hospital, e.patient, &e.critical);
    let tasks = tasks.into_iter().map(|task| task.opened(at.clone(), e.needs_review));
    [changed(e.report, cells), earlier].into_iter().chain(tasks).collect()
}

struct Task {
    report: LabReportId,
    hospital: HospitalId,
    patient: PatientId,
    observation: u32,
}

impl Task {
    fn all(report: LabReportId, hospital: HospitalId, patient: PatientId, observations: &[u32]) -> Vec<Task> {
        observations.iter().map(|observation| Task { report, hospital, patient, observation: *observation }).collect()
    }

    fn opened(&self, at: SqlValue, held: bool) -> Change {
        put(
            &CRITICAL_TASKS,
            vec![
                ("report", text(self.report)),
                ("observation", int(self.observation)),
                ("hospital", text(self.hospital)),
                ("patient", text(self.patient)),
                ("open", int(1)),
                ("held", held.into()),
                ("opened_at", at),
                ("acknowledged_at", SqlValue::Null),
                ("acknowledged_by", SqlValue::Null),
            ],
        )
    }
}

fn stamp(recorded: &Recorded<Event>) -> Vec<Cell> {
    vec![("updated_at", recorded.context.occurred_at.into()), ("version", int(recorded.context.version.0))]
}
