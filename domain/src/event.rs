//! Everything that can happen, gathered from the contexts into one closed enum.
//!
//! An event is stored under its struct's name (`AppointmentBooked`) with the revision of its shape. The list after
//! each type names the fields that become tags; the person whose keys seal its personal values is its `patient`, else
//! its `practitioner`.

use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

use crate::billing::events::*;
use crate::kernel::{HospitalId, Revision, StreamName, Tag};
use crate::laboratory::events::*;
use crate::organization::events::*;
use crate::patient::events::*;
use crate::practitioner::events::*;
use crate::process::events::*;
use crate::scheduling::events::*;

/// What a command comes to: events in order, each with its stream; the first one's stream is the leading stream.
pub type Changes = Vec<(StreamName, Event)>;

/// One stored event type, for the registry in `carelog-schemas`.
#[derive(Clone, Copy)]
pub struct EventType {
    /// Its name in the log.
    pub name: &'static str,
    /// The shape this program writes.
    pub revision: Revision,
    /// Its JSON Schema.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// A field that can be a tag.
pub trait TagField {
    /// Its text, if there is a value.
    fn text(&self) -> Option<String>;
    /// Its UUID, if it is one.
    fn uuid(&self) -> Option<Uuid>;
}

macro_rules! tag_fields {
    ($($ty:ty),*) => {$(
        impl TagField for $ty {
            fn text(&self) -> Option<String> { Some(self.to_string()) }
            fn uuid(&self) -> Option<Uuid> { Some(self.0) }
        }
    )*};
}

use crate::kernel::{
    AccountId, AppointmentId, CreditNoteId, HoldId, InvoiceId, LabReportId, PatientId, PaymentId, PractitionerId,
    RefundId, RoleId,
};
tag_fields!(
    HospitalId,
    PatientId,
    PractitionerId,
    RoleId,
    AppointmentId,
    HoldId,
    LabReportId,
    AccountId,
    InvoiceId,
    CreditNoteId,
    PaymentId,
    RefundId
);

impl<T: TagField> TagField for Option<T> {
    fn text(&self) -> Option<String> {
        self.as_ref().and_then(TagField::text)
    }

    fn uuid(&self) -> Option<Uuid> {
        self.as_ref().and_then(TagField::uuid)
    }
}

macro_rules! events {
    ($($(#[$doc:meta])* $group:ident { $($variant:ident @ $revision:literal [$($tag:ident)*],)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, Debug)]
            #[allow(missing_docs, reason = "each variant is documented at its struct")]
            pub enum $group { $($variant($variant)),* }

            $(
                impl From<$variant> for $group {
                    fn from(event: $variant) -> $group { $group::$variant(event) }
                }
                impl From<$variant> for Event {
                    fn from(event: $variant) -> Event { Event::$group($group::$variant(event)) }
                }
            )*

            impl From<$group> for Event {
                fn from(event: $group) -> Event { Event::$group(event) }
            }

            impl TryFrom<Event> for $group {
                type Error = Event;
                fn try_from(event: Event) -> Result<$group, Event> {
                    if let Event::$group(event) = event { Ok(event) } else { Err(event) }
                }
            }
        )*

        /// Any event, by the stream family it belongs to.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(missing_docs, reason = "each variant is documented at its enum")]
        pub enum Event { $($group($group)),* }

        impl Event {
            /// Every stored type.
            pub const TYPES: &'static [EventType] = &[$($(EventType {
                name: stringify!($variant),
                revision: Revision($revision),
                schema: |generator| generator.subschema_for::<$variant>(),
            },)*)*];

            /// Its type's name in the log.
            pub fn event_type(&self) -> &'static str {
                match self { $($(Event::$group($group::$variant(_)) => stringify!($variant),)*)* }
            }

            /// The revision this program writes it in.
            pub fn revision(&self) -> Revision {
                match self { $($(Event::$group($group::$variant(_)) => Revision($revision),)*)* }
            }

            /// Its data as JSON, personal values not yet sealed.
            pub fn to_json(&self) -> Value {
                let json = match self {
                    $($(Event::$group($group::$variant(event)) => serde_json::to_value(event),)*)*
                };
                json.expect("events are plain data with text keys, which always become JSON")
            }

            /// Reads the data of the current revision of a type, a [`Value`] or a reference to one; `None` if there is
            /// no such type.
            pub fn from_json<'de>(
                event_type: &str,
                data: impl Deserializer<'de, Error = serde_json::Error>,
            ) -> Option<Result<Event, serde_json::Error>> {
                match event_type {
                    $($(stringify!($variant) => {
                        Some($variant::deserialize(data).map(|event| Event::$group(event.into())))
                    })*)*
                    _ => None,
                }
            }

            /// By what it can be found again: the fields listed at its type.
            pub fn tags(&self) -> Vec<Tag> {
                match self {
                    $($(Event::$group($group::$variant(_event)) => [
                        $((stringify!($tag).replace('_', "-"), _event.$tag.text()),)*
                    ].into_iter().filter_map(|(kind, text): (String, Option<String>)| Some(Tag::new(&kind, text?))).collect(),)*)*
                }
            }

            /// The id in the field of this name, if the field is one of its tags.
            fn tagged(&self, field: &str) -> Option<Uuid> {
                match self {
                    $($(Event::$group($group::$variant(_event)) => {
                        $(if stringify!($tag) == field { return _event.$tag.uuid(); })*
                        None
                    })*)*
                }
            }
        }
    };
}

/// The subject whose keys seal what operators write down about no one person.
pub const OPERATORS: Uuid = Uuid::from_u128(0x6f70_6572_6174_8f72_a073_0000_0000_0001);

impl Event {
    /// The hospital it happened at.
    pub fn hospital(&self) -> Option<HospitalId> {
        self.tagged("hospital").map(HospitalId)
    }

    /// The patient it is about.
    pub fn patient(&self) -> Option<PatientId> {
        self.tagged("patient").map(PatientId)
    }

    /// The person whose keys seal its personal values; for an operator's note, which is about nobody in particular,
    /// [`OPERATORS`].
    pub fn subject(&self) -> Option<Uuid> {
        let note = matches!(self, Event::ProcessEvent(ProcessEvent::ProjectionEventSkipped(_)));
        self.tagged("patient").or_else(|| self.tagged("practitioner")).or_else(|| note.then_some(OPERATORS))
    }
}

events! {
    /// Stream `organization:<hospital>`.
    OrganizationEvent {
        HospitalRegistered @ 1 [hospital],
        PoliciesSet @ 1 [hospital],
        PriceListSet @ 1 [hospital],
    }
    /// Stream `practitioner:<practitioner>`.
    PractitionerEvent {
        PractitionerRegistered @ 1 [practitioner],
    }
    /// Stream `practitioner-role:<role>`.
    RoleEvent {
        RoleAssigned @ 1 [hospital practitioner],
        ScheduleSet @ 1 [hospital practitioner],
        LeaveTaken @ 1 [hospital practitioner],
        LeaveCancelled @ 1 [hospital practitioner],
        DaysOpened @ 1 [hospital practitioner],
    }
    /// Stream `patient:<patient>`.
    PatientEvent {
        PatientRegistered @ 1 [patient],
        PatientCorrected @ 1 [patient],
        ContactsChanged @ 1 [patient],
        IdentifierAdded @ 1 [patient],
    }
    /// Stream `identifier:<keyed hash>`: who owns an identifier (or an uploaded file).
    ClaimEvent {
        IdentifierClaimed @ 1 [],
        ClaimConfirmed @ 1 [],
        ClaimReleased @ 1 [],
    }
    /// Stream `practitioner-day:<role>:<date>`.
    DayEvent {
        DayOpened @ 1 [hospital practitioner],
        SlotsChanged @ 1 [hospital practitioner],
        SlotsBlocked @ 1 [hospital practitioner],
        SlotsUnblocked @ 1 [hospital practitioner],
        SlotHeld @ 1 [hospital hold],
        HoldReleased @ 1 [hospital hold],
        SeatTaken @ 1 [hospital appointment],
        SeatReleased @ 1 [hospital appointment],
    }
    /// Stream `appointment:<appointment>`.
    AppointmentEvent {
        AppointmentProposed @ 1 [hospital patient practitioner],
        AppointmentMadePending @ 1 [hospital patient practitioner],
        AppointmentWaitlisted @ 1 [hospital patient practitioner],
        AppointmentBooked @ 1 [hospital patient practitioner],
        AppointmentRescheduled @ 1 [hospital patient practitioner],
        RebookingNeeded @ 1 [hospital patient practitioner],
        RebookingSettled @ 1 [hospital patient practitioner],
        PatientArrived @ 1 [hospital patient practitioner],
        PatientCheckedIn @ 1 [hospital patient practitioner],
        AppointmentFulfilled @ 1 [hospital patient practitioner],
        AppointmentCancelled @ 1 [hospital patient practitioner],
        NoShowMarked @ 1 [hospital patient practitioner],
        AppointmentStatusUndone @ 1 [hospital patient practitioner],
        AppointmentEnteredInError @ 1 [hospital patient practitioner],
    }
    /// Stream `patient-schedule:<hospital>:<patient>`.
    PatientScheduleEvent {
        PatientLinked @ 1 [hospital patient],
        VisitPlanned @ 1 [hospital patient],
        VisitMoved @ 1 [hospital patient],
        VisitDropped @ 1 [hospital patient],
    }
    /// Stream `lab-report:<report>`.
    LabReportEvent {
        LabReportUploaded @ 1 [hospital patient],
        ProcessingStarted @ 1 [patient],
        LabReportExtracted @ 2 [hospital patient],
        ProcessingFailed @ 1 [patient],
        ReviewNeeded @ 1 [patient],
        ReviewResolved @ 1 [patient],
        LabReportFinalised @ 1 [hospital patient],
        LabReportAmended @ 1 [hospital patient],
        LabReportCorrected @ 1 [hospital patient],
        LabReportAppended @ 1 [hospital patient],
        ObservationCancelled @ 1 [hospital patient],
        LabReportCancelled @ 1 [hospital patient],
        CriticalValueAcknowledged @ 1 [hospital patient],
    }
    /// Stream `invoice:<invoice>`.
    InvoiceEvent {
        InvoiceDrafted @ 1 [hospital patient appointment],
        InvoiceRepriced @ 1 [hospital patient],
        InvoiceIssued @ 1 [hospital patient account],
        DraftCancelled @ 1 [hospital patient],
        InvoiceAllocated @ 1 [hospital patient],
        InvoiceDeallocated @ 1 [hospital patient],
        InvoiceCredited @ 1 [hospital patient],
        InvoiceBalanced @ 1 [hospital patient],
        InvoiceReopened @ 1 [hospital patient],
        InvoiceFullyCredited @ 1 [hospital patient],
        InvoiceAddressed @ 1 [hospital patient],
    }
    /// Stream `credit-note:<credit note>`.
    CreditNoteEvent {
        CreditNoteIssued @ 1 [hospital patient invoice],
    }
    /// Stream `invoice-series:<hospital>:<kind>:<year>`.
    SeriesEvent {
        NumberGiven @ 1 [hospital],
    }
    /// Stream `account:<account>`.
    AccountEvent {
        AccountOpened @ 1 [hospital patient],
        InvoiceCharged @ 1 [hospital patient invoice],
        InvoiceUncharged @ 1 [hospital patient invoice],
        PaymentRecorded @ 1 [hospital patient payment],
        PaymentSucceeded @ 1 [hospital patient payment],
        PaymentFailed @ 1 [hospital patient payment],
        PaymentBecameUnknown @ 1 [hospital patient payment],
        CreditAllocated @ 1 [hospital patient invoice],
        CreditDeallocated @ 1 [hospital patient invoice],
        RefundMade @ 1 [hospital patient payment],
        GuarantorNamed @ 1 [hospital patient],
    }
    /// Streams of processes: sagas (`<saga name>:<instance>`), imports, remembered commands, skipped events.
    ProcessEvent {
        RegistrationRequested @ 1 [hospital patient],
        RegistrationCompleted @ 1 [hospital patient],
        RegistrationRefused @ 1 [hospital patient],
        SagaReacted @ 1 [],
        SagaStepDone @ 1 [],
        SagaStepFailed @ 1 [],
        SagaStepRetried @ 1 [],
        AlarmRang @ 1 [],
        CommandRemembered @ 1 [],
        ProjectionEventSkipped @ 1 [],
        ImportStarted @ 1 [hospital],
        ImportAdvanced @ 1 [hospital],
        ImportFinished @ 1 [hospital],
        IdentifierAdditionRequested @ 1 [patient],
        IdentifierAdditionCompleted @ 1 [patient],
        IdentifierAdditionRefused @ 1 [patient],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_has_a_name_of_its_own() {
        let mut names: Vec<_> = Event::TYPES.iter().map(|each| each.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Event::TYPES.len());
    }
}
