//! Drafts: an invoice is prepared when its appointment is booked, gets another price when policy says so, and is
//! cancelled with it. A draft has no number and posts nothing.

use super::commands::{CancelDraft, DraftInvoice, RepriceDraft};
use super::events::{AccountOpened, DraftCancelled, InvoiceDrafted, InvoiceRepriced};
use super::money::{line_of_price, totals_of};
use super::{Account, Asked, BillingRejection, Decision, Invoice, InvoiceLine, Totals, account_of};
use crate::kernel::Currency;
use crate::scheduling::AgreedPrice;
use crate::streams;

/// Prepares an invoice (leading stream: the new invoice) and opens its account if that has no events yet.
///
/// Needs the account [`account_of`] names for hospital, patient and the price's currency.
///
/// # Errors
/// When the price cannot be billed.
pub fn draft_invoice(asked: &Asked, command: &DraftInvoice, account: &Account) -> Decision {
    let (hospital, patient, currency) = (command.hospital, command.patient, command.price.amount.currency);
    let (lines, totals) = priced(&command.price)?;
    let invoice = command.invoice(asked.command);
    let account_id = account_of(hospital, patient, currency);
    let drafted = InvoiceDrafted {
        invoice,
        hospital,
        patient,
        account: account_id,
        appointment: Some(command.appointment),
        kind: command.kind,
        lines,
        totals,
    };
    let mut batch = vec![(streams::invoice(invoice), drafted.into())];
    if account.holder().is_none() {
        let opened = AccountOpened { account: account_id, hospital, patient, currency, guarantor: None };
        batch.push((streams::account(account_id), opened.into()));
    }
    Ok(batch)
}

/// Gives a draft another price (leading stream: the invoice); nothing happens when the lines stay the same.
///
/// # Errors
/// When it is no draft, or the price is in another currency or cannot be billed.
pub fn reprice_draft(command: &RepriceDraft, invoice: &Invoice) -> Decision {
    let draft = invoice.draft()?;
    same_currency(draft.totals.gross.currency, command.price.amount.currency)?;
    let (lines, totals) = priced(&command.price)?;
    if lines == draft.lines {
        return Ok(vec![]);
    }
    let (invoice, hospital, patient) = (draft.invoice, draft.hospital, draft.patient);
    let repriced = InvoiceRepriced { invoice, hospital, patient, lines, totals };
    Ok(vec![(streams::invoice(invoice), repriced.into())])
}

/// Voids a draft (leading stream: the invoice). What was paid for it stays unapplied credit of the account.
///
/// # Errors
/// When it is no draft.
pub fn cancel_draft(_: &CancelDraft, invoice: &Invoice) -> Decision {
    let draft = invoice.draft()?;
    let (invoice, hospital, patient) = (draft.invoice, draft.hospital, draft.patient);
    Ok(vec![(streams::invoice(invoice), DraftCancelled { invoice, hospital, patient }.into())])
}

fn priced(price: &AgreedPrice) -> Result<(Vec<InvoiceLine>, Totals), BillingRejection> {
    let line = line_of_price(price)?;
    let totals = totals_of(price.amount.currency, [(line.net, line.tax_amount)])?;
    Ok((vec![line], totals))
}

/// An amount must be in the currency of what it is for.
pub(super) fn same_currency(expected: Currency, given: Currency) -> Result<(), BillingRejection> {
    if expected == given {
        return Ok(());
    }
    Err(BillingRejection::CurrencyDiffers { expected, given })
}
