//! Payments: pending -> succeeded | failed | unknown; unknown is resolved by asking the gateway, never by retrying.
//! Money that arrived is unapplied credit; when it was meant for an invoice, as much of it as is open there is allocated
//! in the same batch. Money for a draft or a cancelled invoice is taken too, for it has arrived: a draft's is applied
//! when the draft is issued, a cancelled one's stays unapplied credit.

use super::allocate::{allocation, positive, settle};
use super::commands::{PayInvoice, RecordPayment, ResolvePayment};
use super::draft::same_currency;
use super::events::{PaymentBecameUnknown, PaymentFailed, PaymentRecorded, PaymentSucceeded};
use super::{
    Account, Asked, Batch, BillingRejection, Decision, Holder, Invoice, PaymentShare, PaymentStatus, postings,
};
use crate::event::Event;
use crate::kernel::reason::check_length;
use crate::kernel::{Billing, Money, PaymentId};
use crate::streams;

/// Takes a payment into an account (leading stream: the account).
///
/// Needs the account, and the invoice if the command names one.
///
/// # Errors
/// When the account or invoice is unknown, they do not belong together, or the amount is not in its currency.
pub fn record_payment(
    asked: &Asked,
    command: &RecordPayment,
    account: &Account,
    invoice: Option<&Invoice>,
) -> Decision {
    let holder = account.known()?;
    let invoice = meant(command.invoice.is_some(), invoice, holder)?;
    check_amount(account, holder, command.amount)?;
    let payment = PaymentId::derive(asked.command, holder.hospital.slot(), asked.occurred_at, 0);
    let recorded = PaymentRecorded {
        account: holder.account,
        hospital: holder.hospital,
        patient: holder.patient,
        payment,
        amount: command.amount,
        method: command.method,
        reference: command.reference.clone(),
        payer: command.payer.clone(),
        invoice: command.invoice,
    };
    let mut batch = vec![(streams::account(holder.account), recorded.into())];
    outcome(asked, &mut batch, holder, (payment, command.amount, command.status), (invoice, None))?;
    Ok(batch)
}

/// Takes a payment for an invoice into the invoice's account (leading stream: the account).
///
/// Needs the invoice and its account.
///
/// # Errors
/// When the invoice is unknown or the amount is not in its currency.
pub fn pay_invoice(asked: &Asked, command: &PayInvoice, invoice: &Invoice, account: &Account) -> Decision {
    let record = RecordPayment {
        account: invoice.known()?.account,
        amount: command.amount,
        method: command.method,
        status: command.status,
        reference: command.reference.clone(),
        payer: command.payer.clone(),
        invoice: Some(command.invoice),
    };
    record_payment(asked, &record, account, Some(invoice))
}

/// Takes in what the gateway says of a pending or unknown payment (leading stream: the account). Saying the same
/// again changes nothing.
///
/// Needs the payment's account, and the invoice that [`super::Payment::invoice`] names, if it names one.
///
/// # Errors
/// When there is no such payment or its outcome is known to be another one.
pub fn resolve_payment(
    asked: &Asked,
    command: &ResolvePayment,
    account: &Account,
    invoice: Option<&Invoice>,
) -> Decision {
    let holder = account.known()?;
    let payment = account.payment(command.payment).ok_or(BillingRejection::PaymentUnknown)?;
    check_length(command.reason.as_ref())?;
    match (payment.status, command.status) {
        (_, PaymentStatus::Pending) => return Err(BillingRejection::PaymentNotResolved),
        (before, now) if before == now => return Ok(vec![]),
        (PaymentStatus::Succeeded | PaymentStatus::Failed, _) => {
            return Err(BillingRejection::PaymentResolved { status: payment.status });
        }
        (PaymentStatus::Pending | PaymentStatus::Unknown, _) => {}
    }
    let invoice = meant(payment.invoice.is_some(), invoice, holder)?;
    let mut batch = vec![];
    let resolved = (command.payment, payment.amount, command.status);
    outcome(asked, &mut batch, holder, resolved, (invoice, command.reason.clone()))?;
    Ok(batch)
}

/// Adds what became of a payment, and the allocation of money that arrived for an invoice.
fn outcome(
    asked: &Asked,
    batch: &mut Batch,
    holder: &Holder,
    (payment, amount, status): (PaymentId, Money, PaymentStatus),
    (invoice, reason): (Option<&Invoice>, Option<Billing<String>>),
) -> Result<(), BillingRejection> {
    let Holder { account, hospital, patient, .. } = *holder;
    let event: Event = match status {
        PaymentStatus::Pending => return Ok(()),
        PaymentStatus::Failed => PaymentFailed { account, hospital, patient, payment, reason }.into(),
        PaymentStatus::Unknown => PaymentBecameUnknown { account, hospital, patient, payment }.into(),
        PaymentStatus::Succeeded => {
            let postings = postings::of_payment(amount);
            PaymentSucceeded { account, hospital, patient, payment, amount, postings }.into()
        }
    };
    batch.push((streams::account(account), event));
    let open = invoice.and_then(Invoice::document).filter(|document| document.takes_money());
    if let (PaymentStatus::Succeeded, Some(document)) = (status, open) {
        let part = amount.minor.min(document.balance.minor);
        let shares = vec![PaymentShare { payment, amount: Money { minor: part, ..amount } }];
        let shares = if part > 0 { shares } else { vec![] };
        let balance = allocation(asked, batch, document, document.balance, shares)?;
        settle(batch, document, document.status, balance);
    }
    Ok(())
}

/// The invoice a payment is meant for, which must be one of the account.
fn meant<'a>(
    is_meant: bool,
    invoice: Option<&'a Invoice>,
    holder: &Holder,
) -> Result<Option<&'a Invoice>, BillingRejection> {
    if !is_meant {
        return Ok(None);
    }
    let invoice = invoice.ok_or(BillingRejection::InvoiceUnknown)?;
    if invoice.known()?.account == holder.account {
        return Ok(Some(invoice));
    }
    Err(BillingRejection::InvoiceOfAnotherAccount)
}

/// The amount is in the account's currency, and all its payments together still fit.
fn check_amount(account: &Account, holder: &Holder, amount: Money) -> Result<(), BillingRejection> {
    positive(amount)?;
    same_currency(holder.currency, amount.currency)?;
    account.paid_in()?.plus(amount)?;
    Ok(())
}
