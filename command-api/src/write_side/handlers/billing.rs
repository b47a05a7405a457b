//! Invoices, credit notes, accounts and payments: the series, the document and the account are written in one batch.

use std::sync::Arc;

use carelog_domain::billing::commands::*;
use carelog_domain::billing::{
    self, Account, Asked, BillingRejection, Invoice, InvoiceDocument, Numbers, Series, SeriesPlace, account_of,
};
use carelog_domain::kernel::{AccountId, InvoiceId, PaymentId, StreamName, Tag};
use carelog_domain::organization::{Hospital, OrganizationRejection, Settings};
use carelog_domain::streams;

use super::Answer;
use crate::write_side::refusal::Refusal;
use crate::write_side::session::Session;

pub(super) async fn draft(s: &mut Session<'_>, command: &DraftInvoice) -> Answer {
    s.authorize(command.hospital)?;
    let account = account_of(command.hospital, command.patient, command.price.amount.currency);
    let account = s.load::<Account>(&streams::account(account)).await?;
    Ok(billing::draft_invoice(&asked(s), command, &account)?)
}

pub(super) async fn reprice(s: &mut Session<'_>, command: &RepriceDraft) -> Answer {
    let invoice = invoice(s, command.invoice).await?;
    Ok(billing::reprice_draft(command, &invoice)?)
}

pub(super) async fn cancel_draft(s: &mut Session<'_>, command: &CancelDraft) -> Answer {
    let invoice = invoice(s, command.invoice).await?;
    Ok(billing::cancel_draft(command, &invoice)?)
}

pub(super) async fn issue(s: &mut Session<'_>, command: &IssueInvoice) -> Answer {
    let invoice = invoice(s, command.invoice).await?;
    let mut account = account_of_invoice(s, &invoice).await?;
    if account.guarantor().is_some() {
        // Whose name goes onto the invoice; most accounts have none, and opening all of a long one takes its time.
        account = s.load_open::<Account>(&streams::account(known(&invoice)?.account)).await?;
    }
    let hospital = hospital_of(s, &invoice).await?;
    let settings = settings(&hospital)?;
    let asked = asked(s);
    let place = SeriesPlace::of_invoice(&invoice, command.imported, &asked, settings.zone)?;
    let series = s.load::<Series>(&place.stream()).await?;
    let numbers = Numbers { place: &place, series: &series, numbering: &settings.numbering };
    Ok(billing::issue_invoice(&asked, command, &invoice, &account, numbers)?)
}

pub(super) async fn credit(s: &mut Session<'_>, command: &CreditInvoice) -> Answer {
    let invoice = invoice(s, command.invoice).await?;
    let account = account_of_invoice(s, &invoice).await?;
    let hospital = hospital_of(s, &invoice).await?;
    let settings = settings(&hospital)?;
    let asked = asked(s);
    let place = SeriesPlace::of_credit_note(&invoice, &asked, settings.zone)?;
    let series = s.load::<Series>(&place.stream()).await?;
    let numbers = Numbers { place: &place, series: &series, numbering: &settings.numbering };
    Ok(billing::credit_invoice(&asked, command, &invoice, &account, numbers)?)
}

pub(super) async fn record_payment(s: &mut Session<'_>, command: &RecordPayment) -> Answer {
    let account = account(s, command.account).await?;
    let invoice = match command.invoice {
        Some(id) => Some(same_slot_invoice(s, id).await?),
        None => None,
    };
    Ok(billing::record_payment(&asked(s), command, &account, invoice.as_deref())?)
}

pub(super) async fn pay_invoice(s: &mut Session<'_>, command: &PayInvoice) -> Answer {
    let invoice = invoice(s, command.invoice).await?;
    let account = account_of_invoice(s, &invoice).await?;
    Ok(billing::pay_invoice(&asked(s), command, &invoice, &account)?)
}

pub(super) async fn resolve_payment(s: &mut Session<'_>, command: &ResolvePayment) -> Answer {
    let account = account_of_payment(s, command.payment).await?;
    let meant_for = account.payment(command.payment).and_then(|payment| payment.invoice);
    let invoice = match meant_for {
        Some(id) => Some(same_slot_invoice(s, id).await?),
        None => None,
    };
    Ok(billing::resolve_payment(&asked(s), command, &account, invoice.as_deref())?)
}

pub(super) async fn allocate(s: &mut Session<'_>, command: &AllocateCredit) -> Answer {
    let invoice = invoice(s, command.invoice).await?;
    let account = account_of_invoice(s, &invoice).await?;
    Ok(billing::allocate_credit(&asked(s), command, &invoice, &account)?)
}

pub(super) async fn undo_allocation(s: &mut Session<'_>, command: &UndoAllocation) -> Answer {
    let invoice = invoice(s, command.invoice).await?;
    let account = account_of_invoice(s, &invoice).await?;
    Ok(billing::undo_allocation(command, &invoice, &account)?)
}

pub(super) async fn refund(s: &mut Session<'_>, command: &RefundPayment) -> Answer {
    let account = account_of_payment(s, command.payment).await?;
    Ok(billing::refund_payment(&asked(s), command, &account)?)
}

pub(super) async fn name_guarantor(s: &mut Session<'_>, command: &NameGuarantor) -> Answer {
    // Whose account it is says who may; only then the personal values are opened, in which guarantors are compared.
    account(s, command.account).await?;
    let account = s.load_open::<Account>(&streams::account(command.account)).await?;
    Ok(billing::name_guarantor(command, &account)?)
}

fn asked(s: &Session<'_>) -> Asked {
    Asked { command: s.request.id, occurred_at: s.times().occurred_at }
}

/// An invoice the actor may act on; one they may not is not told apart from none by anything but the refusal's code.
async fn invoice(s: &mut Session<'_>, id: InvoiceId) -> Result<Arc<Invoice>, Refusal> {
    let invoice = s.load::<Invoice>(&streams::invoice(id)).await?;
    s.authorize(invoice.known()?.hospital)?;
    Ok(invoice)
}

/// An invoice named beside an account: of another hospital's slot it cannot be, and is as good as unknown.
async fn same_slot_invoice(s: &mut Session<'_>, id: InvoiceId) -> Result<Arc<Invoice>, Refusal> {
    if id.slot() != s.slot() {
        return Err(BillingRejection::InvoiceUnknown.into());
    }
    invoice(s, id).await
}

async fn account(s: &mut Session<'_>, id: AccountId) -> Result<Arc<Account>, Refusal> {
    let account = s.load::<Account>(&streams::account(id)).await?;
    s.authorize(account.known()?.hospital)?;
    Ok(account)
}

async fn account_of_invoice(s: &mut Session<'_>, invoice: &Invoice) -> Result<Arc<Account>, Refusal> {
    s.load::<Account>(&streams::account(known(invoice)?.account)).await
}

/// A payment's id does not name its account, its first event does.
async fn account_of_payment(s: &mut Session<'_>, payment: PaymentId) -> Result<Arc<Account>, Refusal> {
    let found = s.first_with_tag(&Tag::new("payment", payment)).await?;
    let stream: StreamName = found.ok_or(BillingRejection::PaymentUnknown)?.context.stream;
    let account = s.load::<Account>(&stream).await?;
    s.authorize(account.known()?.hospital)?;
    Ok(account)
}

async fn hospital_of(s: &mut Session<'_>, invoice: &Invoice) -> Result<Arc<Hospital>, Refusal> {
    s.load::<Hospital>(&streams::organization(known(invoice)?.hospital)).await
}

fn known(invoice: &Invoice) -> Result<&InvoiceDocument, BillingRejection> {
    invoice.known()
}

fn settings(hospital: &Hospital) -> Result<&Settings, Refusal> {
    hospital.settings().ok_or_else(|| OrganizationRejection::HospitalUnknown.into())
}
