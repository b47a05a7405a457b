//! The patient's chart as documents: one partition key a patient, one item for each source stream.
//!
//! ```text
//! chart__1f2e3d4c_a#<patient>    profile               <- patient:<patient>             [`Profile`]
//!                                hospital#<hospital>   <- patient-schedule:<hospital>:<patient>  [`KnownAt`]
//!                                appointment#<id>      <- appointment:<id>              [`ChartAppointment`]
//!                                report#<id>           <- lab-report:<id>               [`ChartReport`]
//!                                invoice#<id>          <- invoice:<id>                  [`ChartInvoice`]
//! layouts#chart                  1f2e3d4c              {"live": "a", "filled": true}
//! checkpoints__1f2e3d4c_a#chart  <partition, 5 digits> {"size": 12, "root": "...", "recordedAt": micros}
//! ```
//! `1f2e3d4c` is the layout, `a` the set. Ids begin with the time they were made at, so items of a kind come in that
//! order. Erased values are null.
//!
//! What an event does to an item is here too ([`changes`], [`changed`]), pure: the projection stores what it comes to, and
//! a chart of another time is the same changes carried out on the events of then. One rule cannot differ from itself.

mod change;
mod money;
mod profile;
mod reports;
mod visits;

use std::sync::LazyLock;

use carelog_domain::event::{Event, PatientScheduleEvent};
use carelog_domain::kernel::{LocalDate, Money, PatientId, Recorded, Timestamp};
use carelog_domain::laboratory::{FileStatus, Observation, ReportStatus, ReviewReason};
use carelog_domain::patient::{ContactPoint, Gender, Identifier};
use carelog_domain::ports::DocumentKey;
use carelog_domain::scheduling::{AppointmentStatus, CancelledBy};
use serde::{Deserialize, Serialize};

use super::{Model, Set};
pub use change::{ItemChange, ItemWhat, changed};

/// Read model `chart`.
pub static MODEL: Model = Model { name: "chart", revision: 2, tables: &[], documents: true };

/// The event types that concern a chart.
pub const EVENTS: &[&str] = &[
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
    "LabReportCorrected",
    "LabReportAppended",
    "ObservationCancelled",
    "LabReportCancelled",
    "CriticalValueAcknowledged",
    "InvoiceDrafted",
    "InvoiceRepriced",
    "InvoiceIssued",
    "InvoiceAddressed",
    "DraftCancelled",
    "InvoiceAllocated",
    "InvoiceDeallocated",
    "InvoiceCredited",
    "InvoiceBalanced",
    "InvoiceReopened",
    "InvoiceFullyCredited",
];

/// What an event changes in its patient's chart.
pub fn changes(recorded: &Recorded<Event>) -> Vec<ItemChange> {
    match &recorded.event {
        Event::PatientEvent(event) => profile::changes(event, recorded),
        Event::PatientScheduleEvent(PatientScheduleEvent::PatientLinked(e)) => {
            let known = KnownAt { hospital: e.hospital.to_string(), linked_at: recorded.context.occurred_at };
            vec![change::item(e.patient, format!("hospital#{}", e.hospital), ItemWhat::Put(change::body(&known)))]
        }
        Event::AppointmentEvent(event) => visits::changes(event, recorded),
        Event::LabReportEvent(event) => reports::changes(event, recorded),
        Event::InvoiceEvent(event) => money::changes(event, recorded),
        _ => vec![],
    }
}

/// The chart in a layout: the keys of its documents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    layout: String,
}

/// The partition key of the documents that say of each layout which set is live: bodies [`Live`].
pub const LAYOUTS_KEY: &str = "layouts#chart";

/// The keys of this program's charts.
pub static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::of(MODEL.layout()));

impl Keys {
    /// Those of a layout.
    pub fn of(layout: impl Into<String>) -> Keys {
        Keys { layout: layout.into() }
    }

    /// The layout.
    pub fn layout(&self) -> &str {
        &self.layout
    }

    /// The document table of a set, for scans.
    pub fn table(&self, set: Set) -> String {
        format!("chart__{}_{}", self.layout, set.word())
    }

    /// A patient's partition key.
    pub fn patient(&self, set: Set, patient: PatientId) -> String {
        format!("{}#{patient}", self.table(set))
    }

    /// The document that says which set is live: body [`Live`].
    pub fn live(&self) -> DocumentKey {
        DocumentKey { partition_key: LAYOUTS_KEY.to_owned(), sort_key: self.layout.clone() }
    }

    /// The document table of a set's checkpoints, for scans.
    pub fn checkpoints_table(&self, set: Set) -> String {
        format!("checkpoints__{}_{}", self.layout, set.word())
    }

    /// The partition key of a set's checkpoints: bodies [`Checkpoint`].
    pub fn checkpoints(&self, set: Set) -> String {
        format!("{}#chart", self.checkpoints_table(set))
    }
}

/// Which set is live.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Live {
    /// Word of [`Set`]; none when the layout was removed.
    pub live: Option<String>,
    /// Whether it was ever filled up to the log's end; until then it is not shown.
    pub filled: bool,
}

/// How far a set has come in a partition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The partition.
    pub partition: u16,
    /// How many frames were applied.
    pub size: u64,
    /// The Merkle root over them, in hex.
    pub root: String,
    /// Recorded-at of the last of them, in microseconds.
    pub recorded_at: Option<i64>,
}

macro_rules! items {
    ($($(#[$doc:meta])* struct $name:ident { $($(#[$field_doc:meta])* $field:ident : $ty:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[allow(missing_docs, reason = "fields whose names say everything")]
        pub struct $name { $($(#[$field_doc])* pub $field: $ty),* }
    )*};
}

items! {
    /// Item `profile`.
    struct Profile {
        name: Option<String>,
        gender: Option<Gender>,
        birth_date: Option<LocalDate>,
        contacts: Option<Vec<ContactPoint>>,
        address: Option<String>,
        identifiers: Vec<Option<Identifier>>,
        erased: bool,
        registered_at: Timestamp,
        version: u64,
    }

    /// Item `hospital#<hospital>`.
    struct KnownAt { hospital: String, linked_at: Timestamp }

    /// Item `appointment#<id>`.
    struct ChartAppointment {
        appointment: String,
        hospital: String,
        practitioner: String,
        role: String,
        specialty: Option<String>,
        service: String,
        status: AppointmentStatus,
        date: Option<LocalDate>,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
        reason: Option<String>,
        started: Option<Timestamp>,
        ended: Option<Timestamp>,
        cancelled_by: Option<CancelledBy>,
        cancel_reason: Option<String>,
        version: u64,
    }

    /// Item `report#<id>`. Show its observations only while `reaches_chart`: until then a person must look first.
    struct ChartReport {
        report: String,
        hospital: String,
        file_status: FileStatus,
        status: ReportStatus,
        reaches_chart: bool,
        review_reasons: Vec<ReviewReason>,
        file_name: Option<String>,
        /// The sealed file's name in the blob store.
        blob: String,
        /// Word of FailureReason, after a failure.
        failure: Option<String>,
        uploaded_at: Timestamp,
        /// As printed.
        collected: Option<String>,
        laboratory: Option<String>,
        observations: Vec<ChartObservation>,
        /// Lines that were not understood.
        unparsed: Vec<String>,
        erased: bool,
        finalised_at: Option<Timestamp>,
        version: u64,
    }

    /// A value of a report.
    struct ChartObservation {
        #[serde(flatten)]
        value: Observation,
        /// True until acknowledged, for critical values.
        #[serde(default)]
        open_task: bool,
        #[serde(default)]
        acknowledged_by: Option<String>,
        #[serde(default)]
        acknowledged_at: Option<Timestamp>,
        /// The value that was acknowledged, as seen then.
        #[serde(default)]
        value_seen: Option<String>,
    }

    /// Item `invoice#<id>`.
    struct ChartInvoice {
        invoice: String,
        hospital: String,
        appointment: Option<String>,
        kind: String,
        /// Word of InvoiceStatus.
        status: String,
        printed_number: Option<String>,
        issue_date: Option<LocalDate>,
        gross: Money,
        balance: Money,
        version: u64,
    }
}
