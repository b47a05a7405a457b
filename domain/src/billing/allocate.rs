//! Allocation: unapplied credit of an account pays an issued invoice, and can be taken back.

use super::account::sum;
use super::events::{CreditAllocated, InvoiceAllocated, InvoiceBalanced, InvoiceReopened};
use super::invoice::InvoiceDocument;
use super::{Asked, Batch, BillingRejection, InvoiceStatus, PaymentShare, postings};
use crate::kernel::{AllocationId, Money};
use crate::streams;

/// Adds the allocation of these shares to the batch, none when there are none, and answers the balance that is left.
/// A command makes at most one allocation, so its id has index 0.
pub(super) fn allocation(
    asked: &Asked,
    batch: &mut Batch,
    document: &InvoiceDocument,
    balance: Money,
    shares: Vec<PaymentShare>,
) -> Result<Money, BillingRejection> {
    if shares.is_empty() {
        return Ok(balance);
    }
    let (invoice, hospital, patient, account) =
        (document.invoice, document.hospital, document.patient, document.account);
    let amount = sum(balance.currency, shares.iter().map(|share| share.amount));
    let balance = balance.minus(amount)?;
    let allocation = AllocationId::derive(asked.command, hospital.slot(), asked.occurred_at, 0);
    let of_invoice = InvoiceAllocated { invoice, hospital, patient, allocation, amount, balance };
    let postings = postings::of_allocation(amount);
    let of_account = CreditAllocated { account, hospital, patient, allocation, invoice, amount, shares, postings };
    batch.push((streams::invoice(invoice), of_invoice.into()));
    batch.push((streams::account(account), of_account.into()));
    Ok(balance)
}

/// Adds the change of status that a new balance brings: balanced at 0, issued again above it.
pub(super) fn settle(batch: &mut Batch, document: &InvoiceDocument, status: InvoiceStatus, balance: Money) {
    let (invoice, hospital, patient) = (document.invoice, document.hospital, document.patient);
    let stream = streams::invoice(invoice);
    match (status, balance.minor) {
        (InvoiceStatus::Issued, 0) => batch.push((stream, InvoiceBalanced { invoice, hospital, patient }.into())),
        (InvoiceStatus::Balanced, 1..) => batch.push((stream, InvoiceReopened { invoice, hospital, patient }.into())),
        _ => {}
    }
}
