//! Issue: a draft gets its number, its date and its place in the ledger, all in one batch.

use super::allocate::{allocation, settle};
use super::commands::IssueInvoice;
use super::events::{InvoiceAddressed, InvoiceCharged, InvoiceIssued, NumberGiven};
use super::invoice::InvoiceDocument;
use super::{Account, Asked, Decision, Invoice, InvoiceStatus, Numbers, postings};
use crate::kernel::{Billing, Personal};
use crate::streams;

/// Numbers and issues a draft (leading stream: the invoice), charges its account, and applies what was paid for it
/// while it was a draft. An invoice over 0 is balanced at once.
///
/// Whoever answers for the account then is its recipient for ever. Needs the invoice, its account (with its personal values
/// open if it has a guarantor), and the series of [`super::SeriesPlace::of_invoice`]. The issue date is the hospital's local
/// date of occurred-at, or the series' last date if that is later.
///
/// # Errors
/// When it is no draft, its account is unknown, or the account's sums would not fit.
pub fn issue_invoice(
    asked: &Asked,
    _: &IssueInvoice,
    invoice: &Invoice,
    account: &Account,
    numbers: Numbers<'_>,
) -> Decision {
    let draft = invoice.draft()?;
    account.charged_in_all()?.plus(draft.totals.gross)?;
    let number = numbers.next();
    let mut batch = vec![(streams::invoice(draft.invoice), issued(draft, &number, numbers).into())];
    batch.extend(addressed(draft, account.guarantor()).map(|event| (streams::invoice(draft.invoice), event.into())));
    batch.push((numbers.place.stream(), number.into()));
    let charged = InvoiceCharged {
        account: draft.account,
        hospital: draft.hospital,
        patient: draft.patient,
        invoice: draft.invoice,
        amount: draft.totals.gross,
    };
    batch.push((streams::account(draft.account), charged.into()));

    let deposits = account.shares(draft.totals.gross, &account.meant_for(draft.invoice), false);
    let balance = allocation(asked, &mut batch, draft, draft.totals.gross, deposits)?;
    settle(&mut batch, draft, InvoiceStatus::Issued, balance);
    Ok(batch)
}

/// Nobody is named whose name was erased.
fn addressed(draft: &InvoiceDocument, guarantor: Option<&Billing<String>>) -> Option<InvoiceAddressed> {
    let recipient = guarantor.filter(|guarantor| !guarantor.is_erased())?.clone();
    assert!(!matches!(recipient, Personal::Sealed(_)), "an account with a guarantor is opened to issue on it");
    let (invoice, hospital, patient) = (draft.invoice, draft.hospital, draft.patient);
    Some(InvoiceAddressed { invoice, hospital, patient, recipient })
}

fn issued(draft: &InvoiceDocument, number: &NumberGiven, numbers: Numbers<'_>) -> InvoiceIssued {
    let (prefix, digits) = (&numbers.numbering.invoice_prefix, numbers.numbering.digits);
    InvoiceIssued {
        invoice: draft.invoice,
        hospital: draft.hospital,
        patient: draft.patient,
        account: draft.account,
        appointment: draft.appointment,
        kind: draft.kind,
        number: number.number,
        printed_number: numbers.place.printed(prefix, digits, number.number),
        series: number.series.clone(),
        issue_date: number.issue_date,
        lines: draft.lines.clone(),
        totals: draft.totals.clone(),
        postings: postings::of_issue(&draft.totals),
    }
}
