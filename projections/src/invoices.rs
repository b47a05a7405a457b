//! Read model `invoices`: invoices, credit notes, accounts, payments, and what every posting adds up to.

mod accounts;
mod documents;

use carelog_domain::billing::Posting;
use carelog_domain::event::{AccountEvent, CreditNoteEvent, Event, InvoiceEvent};
use carelog_domain::kernel::{HospitalId, Recorded};
use carelog_schemas::read_models::Model;
use carelog_schemas::read_models::invoices::{LEDGER_BALANCES, MODEL};

use crate::change::{Change, count, text};
use crate::projection::Projection;

/// See the module.
pub struct Invoices;

impl Projection for Invoices {
    const MODEL: &'static Model = &MODEL;
    const EVENTS: &'static [&'static str] = &[
        "InvoiceDrafted",
        "InvoiceRepriced",
        "InvoiceIssued",
        "DraftCancelled",
        "InvoiceAllocated",
        "InvoiceDeallocated",
        "InvoiceCredited",
        "InvoiceBalanced",
        "InvoiceReopened",
        "InvoiceFullyCredited",
        "CreditNoteIssued",
        "AccountOpened",
        "InvoiceCharged",
        "InvoiceUncharged",
        "PaymentRecorded",
        "PaymentSucceeded",
        "PaymentFailed",
        "PaymentBecameUnknown",
        "CreditAllocated",
        "CreditDeallocated",
        "RefundMade",
        "GuarantorNamed",
        "InvoiceAddressed",
    ];

    fn project(recorded: &Recorded<Event>) -> Vec<Change> {
        let mut changes = match &recorded.event {
            Event::InvoiceEvent(event) => documents::of_invoice(event, recorded),
            Event::CreditNoteEvent(event) => documents::of_credit_note(event, recorded),
            Event::AccountEvent(event) => accounts::of_account(event, recorded),
            _ => vec![],
        };
        if let Some((hospital, postings)) = postings(&recorded.event) {
            changes.extend(postings.iter().map(|posting| posted(hospital, posting)));
        }
        changes
    }
}

/// The postings an event carries.
fn postings(event: &Event) -> Option<(HospitalId, &[Posting])> {
    match event {
        Event::InvoiceEvent(InvoiceEvent::InvoiceIssued(e)) => Some((e.hospital, &e.postings)),
        Event::CreditNoteEvent(CreditNoteEvent::CreditNoteIssued(e)) => Some((e.hospital, &e.postings)),
        Event::AccountEvent(AccountEvent::PaymentSucceeded(e)) => Some((e.hospital, &e.postings)),
        Event::AccountEvent(AccountEvent::CreditAllocated(e)) => Some((e.hospital, &e.postings)),
        Event::AccountEvent(AccountEvent::CreditDeallocated(e)) => Some((e.hospital, &e.postings)),
        Event::AccountEvent(AccountEvent::RefundMade(e)) => Some((e.hospital, &e.postings)),
        _ => None,
    }
}

fn posted(hospital: HospitalId, posting: &Posting) -> Change {
    let amount = posting.amount.minor;
    count(
        &LEDGER_BALANCES,
        vec![text(hospital), text(posting.account), text(posting.amount.currency)],
        vec![("debits", amount.max(0)), ("credits", (-amount).max(0)), ("postings", 1)],
    )
}
