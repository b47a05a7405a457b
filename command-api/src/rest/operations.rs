//! Every operation in one table: its command, its path, its body, what it demands and what it creates. The routes, the
//! lines of a batch and the API description are all made from it, so none can differ from the others.

use carelog_domain::command::Command;
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::bodies::appointments::*;
use super::bodies::billing::*;
use super::bodies::hospitals::*;
use super::bodies::laboratory::*;
use super::bodies::operations::*;
use super::bodies::patients::*;
use super::bodies::practitioners::*;
use super::body::{self, Body};
use crate::problem::Problem;

/// The method an operation is called with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    Post,
    Put,
    Delete,
}

/// What an operation answers with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Makes {
    /// Something new, found under this path and its id: 201.
    New(&'static str),
    /// Something new without an address of its own; what followed from the command says where it went: 201.
    Part,
    /// A change of what is there: 200.
    Change,
}

/// One operation.
pub(crate) struct Operation {
    /// The command's name; scopes idempotency keys.
    pub(crate) name: &'static str,
    pub(crate) verb: Verb,
    /// Parameters in braces are fields of the body.
    pub(crate) path: &'static str,
    pub(crate) group: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) makes: Makes,
    /// Over REST the version must be said (`If-Match`): it replaces or corrects what somebody has looked at.
    pub(crate) needs_version: bool,
    /// Answered only when the registration, or the addition to one, has ended, within bounds.
    pub(crate) waits_for_registration: bool,
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) read: fn(Value) -> Result<Command, Problem>,
}

impl Operation {
    const fn new<B: Body>(
        name: &'static str,
        verb: Verb,
        path: &'static str,
        group: &'static str,
        summary: &'static str,
    ) -> Operation {
        Operation {
            name,
            verb,
            path,
            group,
            summary,
            makes: Makes::Change,
            needs_version: false,
            waits_for_registration: false,
            schema: SchemaGenerator::root_schema_of::<B>,
            read: body::read::<B>,
        }
    }

    const fn makes(mut self, makes: Makes) -> Operation {
        self.makes = makes;
        self
    }

    const fn needs_version(mut self) -> Operation {
        self.needs_version = true;
        self
    }

    const fn waits_for_registration(mut self) -> Operation {
        self.waits_for_registration = true;
        self
    }

    /// Names of the parameters in its path.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split(['{', '}']).skip(1).step_by(2)
    }

    /// The operation of a command.
    pub(crate) fn named(name: &str) -> Option<&'static Operation> {
        OPERATIONS.iter().find(|operation| operation.name == name)
    }
}

/// Schemas of bodies, whatever their type.
trait SchemaOf {
    fn root_schema_of<B: Body>(&mut self) -> Schema;
}

impl SchemaOf for SchemaGenerator {
    fn root_schema_of<B: Body>(&mut self) -> Schema {
        B::json_schema(self)
    }
}

use Makes::{New, Part};
use Verb::{Delete, Post, Put};

const HOSPITALS: &str = "Hospitals";
const PRACTITIONERS: &str = "Practitioners";
const PATIENTS: &str = "Patients";
const APPOINTMENTS: &str = "Appointments";
const LABORATORY: &str = "Lab reports";
const BILLING: &str = "Billing";
const OPERATING: &str = "Operating";

/// Every operation but the upload of a lab report, which is multipart.
#[rustfmt::skip]
pub(crate) static OPERATIONS: &[Operation] = &[
    Operation::new::<RegisterHospitalBody>("RegisterHospital", Post, "/v1/hospitals", HOSPITALS,
        "Add a hospital to the chain").makes(New("/v1/hospitals/")),
    Operation::new::<SetPoliciesBody>("SetPolicies", Put, "/v1/hospitals/{hospital}/policies", HOSPITALS,
        "Replace a hospital's policies").needs_version(),
    Operation::new::<SetPriceListBody>("SetPriceList", Put, "/v1/hospitals/{hospital}/price-list", HOSPITALS,
        "Replace a hospital's price list").needs_version(),

    Operation::new::<RegisterPractitionerBody>("RegisterPractitioner", Post, "/v1/practitioners", PRACTITIONERS,
        "Add a practitioner to the chain").makes(New("/v1/practitioners/")),
    Operation::new::<AssignRoleBody>("AssignRole", Post, "/v1/practitioner-roles", PRACTITIONERS,
        "Let a practitioner work at a hospital").makes(New("/v1/practitioner-roles/")),
    Operation::new::<SetScheduleBody>("SetSchedule", Put, "/v1/practitioner-roles/{role}/schedule", PRACTITIONERS,
        "Set the weekly schedule from a date on"),
    Operation::new::<TakeLeaveBody>("TakeLeave", Post, "/v1/practitioner-roles/{role}/leave", PRACTITIONERS,
        "Take leave").makes(Part),
    Operation::new::<CancelLeaveBody>("CancelLeave", Delete, "/v1/practitioner-roles/{role}/leave/{leave}",
        PRACTITIONERS, "Take leave back"),
    Operation::new::<OpenDaysBody>("OpenDays", Post, "/v1/practitioner-roles/{role}/open-days", PRACTITIONERS,
        "Open days for booking"),

    Operation::new::<RequestRegistrationBody>("RequestRegistration", Post, "/v1/patients", PATIENTS,
        "Register a patient at a hospital").makes(New("/v1/patients/")).waits_for_registration(),
    Operation::new::<RequestLinkBody>("RequestLink", Post, "/v1/patients/{patient}/links", PATIENTS,
        "Register a patient of the chain at one more hospital").makes(New("/v1/patients/")).waits_for_registration(),
    Operation::new::<CorrectPatientBody>("CorrectPatient", Post, "/v1/patients/{patient}/corrections", PATIENTS,
        "Put right what was wrong about a patient").needs_version(),
    Operation::new::<ChangeContactsBody>("ChangeContacts", Put, "/v1/patients/{patient}/contacts", PATIENTS,
        "Replace how to reach a patient").needs_version(),
    Operation::new::<AddIdentifierBody>("AddIdentifier", Post, "/v1/patients/{patient}/identifiers", PATIENTS,
        "Give a patient one more identifier").makes(New("/v1/patients/")).waits_for_registration(),

    Operation::new::<HoldSlotBody>("HoldSlot", Post, "/v1/holds", APPOINTMENTS,
        "Keep a seat for a while").makes(New("/v1/holds/")),
    Operation::new::<ReleaseHoldBody>("ReleaseHold", Delete, "/v1/holds/{hold}", APPOINTMENTS,
        "Give a kept seat up"),
    Operation::new::<BookAppointmentBody>("BookAppointment", Post, "/v1/appointments", APPOINTMENTS,
        "Book an appointment, or propose one").makes(New("/v1/appointments/")),
    Operation::new::<AdvanceAppointmentBody>("AdvanceAppointment", Post, "/v1/appointments/{appointment}/advance",
        APPOINTMENTS, "Take an appointment without a seat further"),
    Operation::new::<RescheduleAppointmentBody>("RescheduleAppointment", Post,
        "/v1/appointments/{appointment}/reschedule", APPOINTMENTS, "Move a booked appointment"),
    Operation::new::<ArriveBody>("Arrive", Post, "/v1/appointments/{appointment}/arrive", APPOINTMENTS,
        "The patient is here"),
    Operation::new::<CheckInBody>("CheckIn", Post, "/v1/appointments/{appointment}/check-in", APPOINTMENTS,
        "The desk takes the patient in"),
    Operation::new::<FulfilBody>("Fulfil", Post, "/v1/appointments/{appointment}/fulfil", APPOINTMENTS,
        "The visit took place and has ended"),
    Operation::new::<CancelAppointmentBody>("CancelAppointment", Post, "/v1/appointments/{appointment}/cancel",
        APPOINTMENTS, "Cancel an appointment"),
    Operation::new::<MarkNoShowBody>("MarkNoShow", Post, "/v1/appointments/{appointment}/no-show", APPOINTMENTS,
        "The patient did not come"),
    Operation::new::<UndoStatusBody>("UndoStatus", Post, "/v1/appointments/{appointment}/undo", APPOINTMENTS,
        "Put a status back, as a correction").needs_version(),
    Operation::new::<EnterAppointmentInErrorBody>("EnterAppointmentInError", Post,
        "/v1/appointments/{appointment}/entered-in-error", APPOINTMENTS, "Mark an appointment as entered in error")
        .needs_version(),

    Operation::new::<RetryProcessingBody>("RetryProcessing", Post, "/v1/lab-reports/{report}/retry", LABORATORY,
        "Read a file again that could not be read"),
    Operation::new::<ResolveReviewBody>("ResolveReview", Post, "/v1/lab-reports/{report}/review", LABORATORY,
        "Decide whether a report belongs to its patient"),
    Operation::new::<FinaliseLabReportBody>("FinaliseLabReport", Post, "/v1/lab-reports/{report}/finalise",
        LABORATORY, "Make a report final"),
    Operation::new::<AmendLabReportBody>("AmendLabReport", Post, "/v1/lab-reports/{report}/amend", LABORATORY,
        "Change values of a final report, as more is known").needs_version(),
    Operation::new::<CorrectLabReportBody>("CorrectLabReport", Post, "/v1/lab-reports/{report}/correct", LABORATORY,
        "Change values of a final report that were wrong").needs_version(),
    Operation::new::<AppendToLabReportBody>("AppendToLabReport", Post, "/v1/lab-reports/{report}/append", LABORATORY,
        "Add values to a final report").needs_version(),
    Operation::new::<CancelObservationBody>("CancelObservation", Post, "/v1/observations/{observation}/cancel",
        LABORATORY, "Withdraw a value of a final report").needs_version(),
    Operation::new::<CancelLabReportBody>("CancelLabReport", Post, "/v1/lab-reports/{report}/cancel", LABORATORY,
        "Withdraw a report before it is final"),
    Operation::new::<AcknowledgeCriticalBody>("AcknowledgeCritical", Post,
        "/v1/observations/{observation}/acknowledge", LABORATORY, "Acknowledge a critical value"),

    Operation::new::<RecordPaymentBody>("RecordPayment", Post, "/v1/accounts/{account}/payments", BILLING,
        "Take a payment into an account").makes(New("/v1/payments/")),
    Operation::new::<PayInvoiceBody>("PayInvoice", Post, "/v1/invoices/{invoice}/payments", BILLING,
        "Take a payment for an invoice").makes(New("/v1/payments/")),
    Operation::new::<ResolvePaymentBody>("ResolvePayment", Post, "/v1/payments/{payment}/resolve", BILLING,
        "Say what became of a pending or unknown payment"),
    Operation::new::<CreditInvoiceBody>("CreditInvoice", Post, "/v1/invoices/{invoice}/credit-notes", BILLING,
        "Credit an invoice, in part or whole").makes(New("/v1/credit-notes/")),
    Operation::new::<AllocateCreditBody>("AllocateCredit", Post, "/v1/invoices/{invoice}/allocations", BILLING,
        "Pay an invoice from unapplied credit").makes(Part),
    Operation::new::<UndoAllocationBody>("UndoAllocation", Delete,
        "/v1/invoices/{invoice}/allocations/{allocation}", BILLING, "Undo an allocation"),
    Operation::new::<RefundPaymentBody>("RefundPayment", Post, "/v1/payments/{payment}/refunds", BILLING,
        "Give unapplied credit of a payment back").makes(Part),
    Operation::new::<NameGuarantorBody>("NameGuarantor", Put, "/v1/accounts/{account}/guarantor", BILLING,
        "Name who answers for an account, if not the patient"),

    Operation::new::<StartImportBody>("StartImport", Post, "/v1/imports", OPERATING,
        "Begin an import into a hospital").makes(Part),
    Operation::new::<AdvanceImportBody>("AdvanceImport", Post, "/v1/imports/{hospital}/{manifest}/advance", OPERATING,
        "Say how far an import is"),
    Operation::new::<FinishImportBody>("FinishImport", Post, "/v1/imports/{hospital}/{manifest}/finish", OPERATING,
        "End an import"),
    Operation::new::<RetrySagaStepBody>("RetrySagaStep", Post, "/v1/sagas/{saga}/{instance}/steps/{step}/retry",
        OPERATING, "Try a failed step of a saga again"),
    Operation::new::<SkipProjectionEventBody>("SkipProjectionEvent", Post, "/v1/projections/{projection}/skips",
        OPERATING, "Let a projection skip an event it cannot take"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_name_and_an_address_of_its_own() {
        let mut names: Vec<_> = OPERATIONS.iter().map(|each| each.name).collect();
        let mut paths: Vec<_> = OPERATIONS.iter().map(|each| (each.path, format!("{:?}", each.verb))).collect();
        names.sort_unstable();
        names.dedup();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!((names.len(), paths.len()), (OPERATIONS.len(), OPERATIONS.len()));
    }

    #[test]
    fn the_parameters_of_a_path_are_fields_of_its_body() {
        for operation in OPERATIONS {
            let schema = (operation.schema)(&mut SchemaGenerator::default()).to_value();
            for parameter in operation.parameters() {
                assert!(schema["properties"].get(parameter).is_some(), "{}: {parameter}", operation.name);
            }
        }
    }
}
