//! Credit notes: the only way to take anything off an issued invoice. They have a gapless series of their own and are
//! never undone; the sum of credits per line never exceeds the line, before or after payment.

use std::collections::BTreeMap;

use super::allocate::{deallocate, settle};
use super::commands::CreditInvoice;
use super::events::{CreditNoteIssued, InvoiceCredited, InvoiceFullyCredited, InvoiceUncharged};
use super::invoice::InvoiceDocument;
use super::money::totals_of;
use super::{Account, Asked, Batch, BillingRejection, CreditedLine, Decision, Invoice, Numbers, Totals, postings};
use crate::event::CreditNoteEvent;
use crate::kernel::reason::check_reason;
use crate::kernel::{CreditNoteId, Evolve, Money};
use crate::streams;

/// The state of a credit note's stream: the note, once it is issued; it never changes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CreditNote {
    issued: Option<CreditNoteIssued>,
}

impl CreditNote {
    /// The note as it was issued.
    pub const fn issued(&self) -> Option<&CreditNoteIssued> {
        self.issued.as_ref()
    }
}

impl Evolve for CreditNote {
    type Event = CreditNoteEvent;

    fn evolve(&mut self, event: &CreditNoteEvent) {
        let CreditNoteEvent::CreditNoteIssued(event) = event;
        self.issued = Some(event.clone());
    }
}

/// Credits lines of an invoice, all that is left of it when no lines are given (leading stream: the invoice).
///
/// What was paid beyond the new balance becomes unapplied credit, the newest allocation first. An invoice whose every
/// line is credited in full is cancelled; one over 0 can be credited once, with a note over 0.
///
/// Needs the invoice, its account, and the series of [`super::SeriesPlace::of_credit_note`].
///
/// # Errors
/// When the invoice is not issued, or a line has less left than is to be credited.
pub fn credit_invoice(
    asked: &Asked,
    command: &CreditInvoice,
    invoice: &Invoice,
    account: &Account,
    numbers: Numbers<'_>,
) -> Decision {
    let document = invoice.issued()?;
    account.known()?;
    check_reason(&command.reason)?;
    let lines = lines_to_credit(document, command.lines.as_deref())?;
    let currency = document.totals.gross.currency;
    let totals = totals_of(currency, lines.iter().map(|line| (line.net, line.tax)))?;

    let mut batch = vec![];
    let excess = totals.gross.minus(document.balance)?;
    let balance = give_back(&mut batch, document, account, excess)?.minus(totals.gross)?;
    let note = note(asked, command, document, (lines, totals), numbers);
    let full = is_full(document, &note.lines);
    record(&mut batch, document, note, balance, numbers);
    finish(&mut batch, document, balance, full);
    Ok(batch)
}

fn lines_to_credit(
    document: &InvoiceDocument,
    asked: Option<&[CreditedLine]>,
) -> Result<Vec<CreditedLine>, BillingRejection> {
    let Some(asked) = asked else {
        let left = document.lines.iter().map(|line| document.creditable(line));
        return Ok(left.filter(|line| line.net.minor != 0 || line.tax.minor != 0).collect());
    };
    let mut wanted: BTreeMap<u32, CreditedLine> = BTreeMap::new();
    for line in asked {
        if line.net.minor < 0 || line.tax.minor < 0 {
            return Err(BillingRejection::AmountNotPositive);
        }
        let sum = match wanted.get(&line.line) {
            None => line.clone(),
            Some(before) => {
                CreditedLine { line: line.line, net: before.net.plus(line.net)?, tax: before.tax.plus(line.tax)? }
            }
        };
        wanted.insert(line.line, sum);
    }
    wanted.values().try_for_each(|line| has_left(document, line))?;
    if wanted.values().all(|line| line.net.minor == 0 && line.tax.minor == 0) {
        return Err(BillingRejection::CreditNothing);
    }
    Ok(wanted.into_values().collect())
}

fn has_left(document: &InvoiceDocument, wanted: &CreditedLine) -> Result<(), BillingRejection> {
    let number = wanted.line;
    let known = document.lines.iter().find(|line| line.number == number);
    let left = document.creditable(known.ok_or(BillingRejection::CreditLineUnknown { line: number })?);
    if left.net.minus(wanted.net)?.minor < 0 || left.tax.minus(wanted.tax)?.minor < 0 {
        return Err(BillingRejection::CreditExceedsLine { line: number, net: left.net, tax: left.tax });
    }
    Ok(())
}

/// Returns what was paid beyond the new balance, the newest allocation first, and answers the balance after that.
fn give_back(
    batch: &mut Batch,
    document: &InvoiceDocument,
    account: &Account,
    excess: Money,
) -> Result<Money, BillingRejection> {
    let mut balance = document.balance;
    let mut left = excess.minor;
    for (allocation, amount) in document.allocations.iter().rev() {
        let part = amount.minor.min(left);
        if part > 0 {
            left -= part;
            let returned = (*allocation, Money { minor: part, ..*amount });
            balance = deallocate(batch, document, account, balance, returned)?;
        }
    }
    Ok(balance)
}

fn note(
    asked: &Asked,
    command: &CreditInvoice,
    document: &InvoiceDocument,
    (lines, totals): (Vec<CreditedLine>, Totals),
    numbers: Numbers<'_>,
) -> CreditNoteIssued {
    let given = numbers.next();
    let (prefix, digits) = (&numbers.numbering.credit_note_prefix, numbers.numbering.digits);
    CreditNoteIssued {
        credit_note: CreditNoteId::derive(asked.command, document.hospital.slot(), asked.occurred_at, 0),
        hospital: document.hospital,
        patient: document.patient,
        account: document.account,
        invoice: document.invoice,
        number: given.number,
        printed_number: numbers.place.printed(prefix, digits, given.number),
        series: given.series,
        issue_date: given.issue_date,
        lines,
        postings: postings::of_credit_note(&totals),
        totals,
        reason: command.reason.clone(),
    }
}

fn record(batch: &mut Batch, document: &InvoiceDocument, note: CreditNoteIssued, balance: Money, numbers: Numbers<'_>) {
    let (invoice, hospital, patient) = (document.invoice, document.hospital, document.patient);
    let amount = note.totals.gross;
    let credited = InvoiceCredited {
        invoice,
        hospital,
        patient,
        credit_note: note.credit_note,
        lines: note.lines.clone(),
        amount,
        balance,
    };
    let uncharged = InvoiceUncharged { account: document.account, hospital, patient, invoice, amount };
    batch.push((streams::invoice(invoice), credited.into()));
    batch.push((streams::credit_note(note.credit_note), note.into()));
    batch.push((numbers.place.stream(), numbers.next().into()));
    batch.push((streams::account(document.account), uncharged.into()));
}

fn finish(batch: &mut Batch, document: &InvoiceDocument, balance: Money, full: bool) {
    if !full {
        return settle(batch, document, document.status, balance);
    }
    let (invoice, hospital, patient) = (document.invoice, document.hospital, document.patient);
    batch.push((streams::invoice(invoice), InvoiceFullyCredited { invoice, hospital, patient }.into()));
}

fn is_full(document: &InvoiceDocument, credited_now: &[CreditedLine]) -> bool {
    document.lines.iter().all(|line| {
        let left = document.creditable(line);
        let now = credited_now.iter().find(|each| each.line == line.number);
        let (net, tax) = now.map_or((0, 0), |each| (each.net.minor, each.tax.minor));
        left.net.minor == net && left.tax.minor == tax
    })
}
