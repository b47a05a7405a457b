//! Read model `chart`: one item for each stream that concerns a patient.

mod money;
mod profile;
mod reports;
mod visits;

use carelog_domain::event::{Event, PatientScheduleEvent};
use carelog_domain::kernel::Recorded;
use carelog_schemas::read_models::Model;
use carelog_schemas::read_models::chart::{KnownAt, MODEL};
use serde::Serialize;
use serde_json::Value;

use crate::change::{Change, ItemWhat, item};
use crate::projection::Projection;

/// See the module.
pub struct Chart;

impl Projection for Chart {
    const MODEL: &'static Model = &MODEL;
    const EVENTS: &'static [&'static str] = &[
        "PatientRegistered",
        "PatientCorrected",
        "ContactsChanged",
        "IdentifierAdded",
        "PatientLinked",
        "AppointmentProposed",
        "AppointmentMadePending",
        "AppointmentWaitlisted",
        "AppointmentBooked",
        "AppointmentRescheduled",
        "PatientArrived",
        "PatientCheckedIn",
        "AppointmentFulfilled",
        "AppointmentCancelled",
        "NoShowMarked",
        "AppointmentStatusUndone",
        "AppointmentEnteredInError",
        "LabReportUploaded",
        "ProcessingStarted",
        "LabReportExtracted",
        "ProcessingFailed",
        "ReviewNeeded",
        "ReviewResolved",
        "LabReportFinalised",
        "LabReportAmended",
        "LabReportCancelled",
        "CriticalValueAcknowledged",
        "InvoiceDrafted",
        "InvoiceRepriced",
        "InvoiceIssued",
        "DraftCancelled",
        "InvoiceAllocated",
        "InvoiceDeallocated",
        "InvoiceCredited",
        "InvoiceBalanced",
        "InvoiceReopened",
        "InvoiceFullyCredited",
    ];

    fn project(recorded: &Recorded<Event>) -> Vec<Change> {
        match &recorded.event {
            Event::PatientEvent(event) => profile::changes(event, recorded),
            Event::PatientScheduleEvent(PatientScheduleEvent::PatientLinked(e)) => {
                let known = KnownAt { hospital: e.hospital.to_string(), linked_at: recorded.context.occurred_at };
                vec![item(e.patient, format!("hospital#{}", e.hospital), ItemWhat::Put(body(&known)))]
            }
            Event::AppointmentEvent(event) => visits::changes(event, recorded),
            Event::LabReportEvent(event) => reports::changes(event, recorded),
            Event::InvoiceEvent(event) => money::changes(event, recorded),
            _ => vec![],
        }
    }
}

fn body(content: &impl Serialize) -> Value {
    serde_json::to_value(content).expect("chart items are plain data with text keys, which always become JSON")
}

/// These fields, and the version the item is at now.
fn merged(recorded: &Recorded<Event>, mut fields: Value) -> ItemWhat {
    fields["version"] = recorded.context.version.0.into();
    ItemWhat::Merge(fields)
}
