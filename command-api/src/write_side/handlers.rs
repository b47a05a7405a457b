//! One function for each command: loads the states its rules need, asks the domain, and answers what it decided. No
//! rule stands here.

mod billing;
mod laboratory;
mod organization;
mod patient;
mod practitioner;
mod process;
mod scheduling;

use std::sync::Arc;

use carelog_domain::command::Command;
use carelog_domain::kernel::StreamName;

use super::refusal::Refusal;
use super::session::{Decided, Session};
use super::state::State;

/// What a handler answers: events with their streams, the leading stream first.
pub(super) type Answer = Result<Vec<Decided>, Refusal>;

/// What a command makes of the states it is about.
pub(super) async fn decide(s: &mut Session<'_>, command: &Command) -> Answer {
    match command {
        Command::RegisterHospital(c) => organization::register(s, c).await,
        Command::SetPolicies(c) => organization::set_policies(s, c).await,
        Command::SetPriceList(c) => organization::set_price_list(s, c).await,
        Command::RegisterPractitioner(c) => practitioner::register(s, c).await,
        Command::AssignRole(c) => practitioner::assign_role(s, c).await,
        Command::SetSchedule(c) => practitioner::set_schedule(s, c).await,
        Command::TakeLeave(c) => practitioner::take_leave(s, c).await,
        Command::CancelLeave(c) => practitioner::cancel_leave(s, c).await,
        Command::OpenDays(c) => practitioner::open_days(s, c).await,
        Command::RequestRegistration(c) => patient::request_registration(s, c).await,
        Command::RequestLink(c) => patient::request_link(s, c).await,
        Command::CorrectPatient(c) => patient::correct(s, c).await,
        Command::ChangeContacts(c) => patient::change_contacts(s, c).await,
        Command::ClaimIdentifier(c) => patient::claim(s, c).await,
        Command::ConfirmClaim(c) => patient::confirm_claim(s, c).await,
        Command::ReleaseClaim(c) => patient::release_claim(s, c).await,
        Command::RegisterPatient(c) => patient::register(s, c).await,
        Command::LinkPatient(c) => patient::link(s, c).await,
        Command::EndRegistration(c) => patient::end_registration(s, c).await,
        Command::HoldSlot(c) => scheduling::hold(s, c).await,
        Command::ReleaseHold(c) => scheduling::release_hold(s, c).await,
        Command::BookAppointment(c) => scheduling::book(s, c).await,
        Command::AdvanceAppointment(c) => scheduling::advance(s, c).await,
        Command::RescheduleAppointment(c) => scheduling::reschedule(s, c).await,
        Command::Arrive(c) => scheduling::arrive(s, c).await,
        Command::CheckIn(c) => scheduling::check_in(s, c).await,
        Command::Fulfil(c) => scheduling::fulfil(s, c).await,
        Command::CancelAppointment(c) => scheduling::cancel(s, c).await,
        Command::MarkNoShow(c) => scheduling::mark_no_show(s, c).await,
        Command::UndoStatus(c) => scheduling::undo(s, c).await,
        Command::EnterAppointmentInError(c) => scheduling::enter_in_error(s, c).await,
        Command::DraftInvoice(c) => billing::draft(s, c).await,
        Command::RepriceDraft(c) => billing::reprice(s, c).await,
        Command::IssueInvoice(c) => billing::issue(s, c).await,
        Command::CancelDraft(c) => billing::cancel_draft(s, c).await,
        Command::CreditInvoice(c) => billing::credit(s, c).await,
        Command::RecordPayment(c) => billing::record_payment(s, c).await,
        Command::PayInvoice(c) => billing::pay_invoice(s, c).await,
        Command::ResolvePayment(c) => billing::resolve_payment(s, c).await,
        Command::AllocateCredit(c) => billing::allocate(s, c).await,
        Command::UndoAllocation(c) => billing::undo_allocation(s, c).await,
        Command::RefundPayment(c) => billing::refund(s, c).await,
        Command::RetrySagaStep(c) => process::retry_saga_step(s, c).await,
        Command::SkipProjectionEvent(c) => process::skip_projection_event(s, c).await,
        Command::StartImport(c) => process::start_import(s, c).await,
        Command::AdvanceImport(c) => process::advance_import(s, c).await,
        Command::FinishImport(c) => process::finish_import(s, c).await,
        Command::UploadLabReport(c) => laboratory::upload(s, c).await,
        Command::StartProcessing(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::RecordExtraction(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::RecordProcessingFailure(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::RetryProcessing(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::ResolveReview(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::FinaliseLabReport(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::AmendLabReport(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::CorrectLabReport(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::AppendToLabReport(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::CancelObservation(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::CancelLabReport(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::AcknowledgeCritical(c) => laboratory::change(s, c.report, c.clone()).await,
        Command::AddIdentifier(c) => patient::add_identifier(s, c).await,
        Command::RecordIdentifier(c) => patient::record_identifier(s, c).await,
        Command::RefuseIdentifier(c) => patient::refuse_identifier(s, c).await,
        Command::NameGuarantor(c) => billing::name_guarantor(s, c).await,
    }
}

/// The empty state of a stream that nobody looked at because it is new, so that the next command finds it in the
/// cache. `None` for streams that are not kept there, because sagas and workers write to them as well.
pub(super) fn fresh(stream: &StreamName) -> Option<Arc<dyn State>> {
    use carelog_domain::{billing, laboratory, organization, patient, practitioner, scheduling};
    Some(match stream.category() {
        "organization" => Arc::<organization::Hospital>::default(),
        "practitioner" => Arc::<practitioner::Practitioner>::default(),
        "practitioner-role" => Arc::<practitioner::PractitionerRole>::default(),
        "practitioner-day" => Arc::<scheduling::Day>::default(),
        "appointment" => Arc::<scheduling::Appointment>::default(),
        "patient-schedule" => Arc::<scheduling::PatientSchedule>::default(),
        "patient" => Arc::<patient::Patient>::default(),
        "identifier" => Arc::<patient::IdentifierClaim>::default(),
        "lab-report" => Arc::<laboratory::LabReport>::default(),
        "invoice" => Arc::<billing::Invoice>::default(),
        "account" => Arc::<billing::Account>::default(),
        "invoice-series" => Arc::<billing::Series>::default(),
        _ => return None,
    })
}
