//! Allocation: unapplied credit of an account pays an issued invoice, and can be taken back.

use super::account::sum;
use super::commands::{AllocateCredit, UndoAllocation};
use super::draft::same_currency;
use super::events::{CreditAllocated, CreditDeallocated, InvoiceAllocated, InvoiceBalanced};
use super::events::{InvoiceDeallocated, InvoiceReopened};
use super::invoice::InvoiceDocument;
use super::{Account, Asked, Batch, BillingRejection, Decision, Invoice, InvoiceStatus, PaymentShare, postings};
use crate::kernel::{AllocationId, Money};
use crate::streams;

/// Pays an invoice from unapplied credit (leading stream: the invoice): first from what was paid for this invoice, then
/// from the oldest money.
///
/// Needs the invoice and its account.
///
/// # Errors
/// When the invoice is not issued, or the amount exceeds its balance or the unapplied credit.
pub fn allocate_credit(asked: &Asked, command: &AllocateCredit, invoice: &Invoice, account: &Account) -> Decision {
    let document = invoice.issued()?;
    let holder = account.known()?;
    positive(command.amount)?;
    same_currency(holder.currency, command.amount.currency)?;
    if command.amount.minor > document.balance.minor {
        return Err(BillingRejection::AllocationExceedsBalance { balance: document.balance });
    }
    let shares = account.shares(command.amount, &account.meant_for(document.invoice), true);
    let unapplied = sum(holder.currency, shares.iter().map(|share| share.amount));
    if unapplied != command.amount {
        return Err(BillingRejection::AllocationExceedsCredit { unapplied });
    }
    let mut batch = vec![];
    let balance = allocation(asked, &mut batch, document, document.balance, shares)?;
    settle(&mut batch, document, document.status, balance);
    Ok(batch)
}

/// Takes an allocation back (leading stream: the invoice): its money is unapplied credit again.
///
/// Needs the invoice and its account.
///
/// # Errors
/// When the invoice has no such allocation, or it was undone already.
pub fn undo_allocation(command: &UndoAllocation, invoice: &Invoice, account: &Account) -> Decision {
    let document = invoice.known()?;
    let known = document.allocations.iter().find(|(each, _)| *each == command.allocation);
    let (_, amount) = known.ok_or(BillingRejection::AllocationUnknown)?;
    if amount.minor == 0 {
        return Err(BillingRejection::AllocationUndone);
    }
    let mut batch = vec![];
    let balance = deallocate(&mut batch, document, account, document.balance, (command.allocation, *amount))?;
    settle(&mut batch, document, document.status, balance);
    Ok(batch)
}

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

/// Adds the return of (a part of) an allocation to the batch and answers the balance after it.
pub(super) fn deallocate(
    batch: &mut Batch,
    document: &InvoiceDocument,
    account: &Account,
    balance: Money,
    (allocation, amount): (AllocationId, Money),
) -> Result<Money, BillingRejection> {
    let (invoice, hospital, patient) = (document.invoice, document.hospital, document.patient);
    let known = account.allocation(allocation).ok_or(BillingRejection::AllocationUnknown)?;
    let balance = balance.plus(amount)?;
    let of_invoice = InvoiceDeallocated { invoice, hospital, patient, allocation, amount, balance };
    let of_account = CreditDeallocated {
        account: document.account,
        hospital,
        patient,
        allocation,
        invoice,
        amount,
        shares: known.returning(amount),
        postings: postings::of_deallocation(amount),
    };
    batch.push((streams::invoice(invoice), of_invoice.into()));
    batch.push((streams::account(document.account), of_account.into()));
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

/// An amount that moves must be more than nothing.
pub(super) fn positive(amount: Money) -> Result<(), BillingRejection> {
    if amount.minor > 0 { Ok(()) } else { Err(BillingRejection::AmountNotPositive) }
}
