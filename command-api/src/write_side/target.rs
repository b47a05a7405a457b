//! Where a command goes, told from the command alone: its slot, and the stream it is about.

use carelog_domain::command::Command;
use carelog_domain::kernel::{CommandId, Slot, StreamName};
use carelog_domain::rejection::Rejection;
use carelog_domain::streams;

use super::refusal::ApiRejection;

/// Where a command goes.
#[derive(Debug)]
pub(crate) struct Target {
    /// The slot everything it writes lives in.
    pub(crate) slot: Slot,
    /// The stream it is about, when it is about something that exists; that is its leading stream.
    pub(crate) existing: Option<StreamName>,
    /// That stream, or one that stands for what will be made: what a success without events is remembered to be about
    /// when nothing was looked at.
    pub(crate) about: StreamName,
}

impl Target {
    /// The target of a command.
    ///
    /// # Errors
    /// When a claim's hash is none.
    pub(crate) fn of(command: &Command, id: CommandId) -> Result<Target, Rejection> {
        Ok(match command {
            Command::RegisterHospital(_) | Command::RegisterPractitioner(_) | Command::RequestRegistration(_) => {
                Target::new_root(id)
            }
            Command::AssignRole(c) => Target::making(streams::organization(c.hospital)),
            Command::OpenDays(c) => Target::making(streams::role(c.role)),
            Command::HoldSlot(c) => Target::making(streams::role(c.role)),
            Command::BookAppointment(c) => Target::making(streams::role(c.role)),
            Command::DraftInvoice(c) => Target::making(streams::appointment(c.appointment)),
            Command::ReleaseHold(c) => Target::making(StreamName::new("hold", c.hold)),
            Command::RequestLink(c) => Target::on(streams::patient_registration(c.patient, c.hospital)),
            Command::UploadLabReport(c) => Target::on(streams::lab_report(c.report)),
            Command::ResolvePayment(c) => Target::making(StreamName::new("payment", c.payment)),
            Command::RefundPayment(c) => Target::making(StreamName::new("payment", c.payment)),
            Command::CreditInvoice(c) => Target::making(streams::invoice(c.invoice)),
            Command::PayInvoice(c) => Target::making(streams::invoice(c.invoice)),
            Command::RetrySagaStep(c) => Target::on(saga(&c.saga, &c.instance)),
            Command::AddIdentifier(c) => Target::on(streams::identifier_addition(c.patient)),
            Command::SkipProjectionEvent(c) => Target::on(StreamName::new("projection", plain(&c.projection))),
            other => Target::on(existing(other)?),
        })
    }

    fn on(stream: StreamName) -> Target {
        Target { slot: stream.slot(), existing: Some(stream.clone()), about: stream }
    }

    fn making(beside: StreamName) -> Target {
        Target { slot: beside.slot(), existing: None, about: beside }
    }

    fn new_root(id: CommandId) -> Target {
        let slot = id.root_slot();
        Target { slot, existing: None, about: streams::remembered(slot, id) }
    }
}

/// The stream of a command that changes one thing which exists.
fn existing(command: &Command) -> Result<StreamName, Rejection> {
    Ok(match command {
        Command::SetPolicies(c) => streams::organization(c.hospital),
        Command::SetPriceList(c) => streams::organization(c.hospital),
        Command::SetSchedule(c) => streams::role(c.role),
        Command::TakeLeave(c) => streams::role(c.role),
        Command::CancelLeave(c) => streams::role(c.role),
        Command::CorrectPatient(c) => streams::patient(c.patient),
        Command::ChangeContacts(c) => streams::patient(c.patient),
        Command::RegisterPatient(c) => streams::patient(c.patient),
        Command::ClaimIdentifier(c) => claim(&c.keyed_hash)?,
        Command::ConfirmClaim(c) => claim(&c.keyed_hash)?,
        Command::ReleaseClaim(c) => claim(&c.keyed_hash)?,
        Command::LinkPatient(c) => streams::patient_schedule(c.hospital, c.patient),
        Command::EndRegistration(c) => streams::patient_registration(c.patient, c.hospital),
        Command::AdvanceAppointment(c) => streams::appointment(c.appointment),
        Command::RescheduleAppointment(c) => streams::appointment(c.appointment),
        Command::Arrive(c) => streams::appointment(c.appointment),
        Command::CheckIn(c) => streams::appointment(c.appointment),
        Command::Fulfil(c) => streams::appointment(c.appointment),
        Command::CancelAppointment(c) => streams::appointment(c.appointment),
        Command::MarkNoShow(c) => streams::appointment(c.appointment),
        Command::UndoStatus(c) => streams::appointment(c.appointment),
        Command::EnterAppointmentInError(c) => streams::appointment(c.appointment),
        Command::StartProcessing(c) => streams::lab_report(c.report),
        Command::RecordExtraction(c) => streams::lab_report(c.report),
        Command::RecordProcessingFailure(c) => streams::lab_report(c.report),
        Command::RetryProcessing(c) => streams::lab_report(c.report),
        Command::ResolveReview(c) => streams::lab_report(c.report),
        Command::FinaliseLabReport(c) => streams::lab_report(c.report),
        Command::AmendLabReport(c) => streams::lab_report(c.report),
        Command::CorrectLabReport(c) => streams::lab_report(c.report),
        Command::AppendToLabReport(c) => streams::lab_report(c.report),
        Command::CancelObservation(c) => streams::lab_report(c.report),
        Command::CancelLabReport(c) => streams::lab_report(c.report),
        Command::AcknowledgeCritical(c) => streams::lab_report(c.report),
        Command::RepriceDraft(c) => streams::invoice(c.invoice),
        Command::IssueInvoice(c) => streams::invoice(c.invoice),
        Command::CancelDraft(c) => streams::invoice(c.invoice),
        Command::AllocateCredit(c) => streams::invoice(c.invoice),
        Command::UndoAllocation(c) => streams::invoice(c.invoice),
        Command::RecordPayment(c) => streams::account(c.account),
        Command::NameGuarantor(c) => streams::account(c.account),
        Command::RecordIdentifier(c) => streams::identifier_addition(c.patient),
        Command::RefuseIdentifier(c) => streams::identifier_addition(c.patient),
        Command::StartImport(c) => streams::import(c.hospital, &plain(&c.manifest)),
        Command::AdvanceImport(c) => streams::import(c.hospital, &plain(&c.manifest)),
        Command::FinishImport(c) => streams::import(c.hospital, &plain(&c.manifest)),
        other => unreachable!("{} makes something and has its target above", other.name()),
    })
}

/// The claim with this keyed hash.
pub(crate) fn claim(keyed_hash: &str) -> Result<StreamName, Rejection> {
    let mut hash = [0u8; 32];
    hex::decode_to_slice(keyed_hash, &mut hash).map_err(|_| Rejection::from(ApiRejection::NotAHash))?;
    Ok(streams::identifier(&hash))
}

/// The stream of a saga's instance.
pub(crate) fn saga(saga: &str, instance: &str) -> StreamName {
    StreamName::new(&plain(saga).replace(':', "-"), plain(instance))
}

/// Two such texts and a colon are no longer than a stream's name may be.
const NAME_CHARS_MAX: usize = 99;

/// Text from outside, made fit for a stream's name; what is cut off or changed names nothing that exists.
fn plain(text: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':') { c } else { '-' };
    let fitting: String = text.chars().take(NAME_CHARS_MAX).map(fit).collect();
    if fitting.is_empty() { "-".to_owned() } else { fitting }
}
