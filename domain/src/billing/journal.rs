//! The ledger as a plain-text journal that hledger and ledger read: one transaction for each event that posts.
//!
//! ```text
//! 2024-12-01 * INV-2024-000001 | invoice 0193...
//!     ; position: 0:1234
//!     ; event: 0193...
//!     assets:receivable:<hospital>:<patient>    120.00 GBP
//!     income:revenue:<hospital>    -100.00 GBP
//!     liabilities:tax:<hospital>    -20.00 GBP
//! ```
//!
//! Invoices and credit notes carry their issue date, all else the hospital's local date of when it occurred. Patients
//! appear under the pseudonym the caller gives them; nothing personal is ever written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::ledger::{BookKey, Entry, entry_of};
use crate::event::{AccountEvent, CreditNoteEvent, Event, InvoiceEvent, OrganizationEvent};
use crate::kernel::{Context, Currency, HospitalId, LocalDate, Money, PatientId, Recorded, Zone};

/// Turns events into the text of a journal. It learns each hospital's zone from its registration, which comes before
/// anything that posts there; zones known otherwise can be given.
pub struct Journal<P> {
    pseudonym: P,
    zones: BTreeMap<HospitalId, Zone>,
    declared: BTreeSet<Currency>,
}

/// An event of a hospital whose zone is not known, so that its local date is not known either.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the zone of hospital {hospital} is not known; read its partition from the start, or give the zone")]
pub struct ZoneUnknown {
    /// The hospital.
    pub hospital: HospitalId,
}

impl<P: Fn(PatientId) -> String> Journal<P> {
    /// An empty journal; `pseudonym` names patients.
    pub fn new(pseudonym: P) -> Self {
        Journal { pseudonym, zones: BTreeMap::new(), declared: BTreeSet::new() }
    }

    /// The same, with the zone of a hospital known.
    #[must_use]
    pub fn with_zone(mut self, hospital: HospitalId, zone: Zone) -> Self {
        self.zones.insert(hospital, zone);
        self
    }

    /// The text an event adds; empty for events that post nothing. Events of a partition come in their order.
    ///
    /// # Errors
    /// When the zone of its hospital is not known.
    pub fn take(&mut self, recorded: &Recorded<Event>) -> Result<String, ZoneUnknown> {
        if let Event::OrganizationEvent(OrganizationEvent::HospitalRegistered(event)) = &recorded.event {
            self.zones.insert(event.hospital, event.zone);
        }
        let Some(entry) = entry_of(&recorded.event).filter(|entry| !entry.postings.is_empty()) else {
            return Ok(String::new());
        };
        let zone = self.zones.get(&entry.hospital).ok_or(ZoneUnknown { hospital: entry.hospital })?;
        let (dated, title) = describe(&recorded.event);
        let date = dated.unwrap_or_else(|| zone.date_of(recorded.context.occurred_at));
        let mut text = self.declare(&entry);
        self.transaction(&mut text, (date, &title), &recorded.context, &entry);
        Ok(text)
    }

    /// Declares a currency with its own number of decimals before its first use.
    fn declare(&mut self, entry: &Entry<'_>) -> String {
        let mut text = String::new();
        for currency in entry.postings.iter().map(|posting| posting.amount.currency) {
            if self.declared.insert(currency) {
                let example = Money::new(1000 * 10_i64.pow(currency.exponent()), currency).decimal();
                let point = if currency.exponent() == 0 { "." } else { "" };
                line(&mut text, format_args!("commodity {currency}"));
                line(&mut text, format_args!("    format {example}{point} {currency}\n"));
            }
        }
        text
    }

    fn transaction(&self, text: &mut String, head: (LocalDate, &str), context: &Context, entry: &Entry<'_>) {
        line(text, format_args!("{} * {}", head.0, head.1));
        line(text, format_args!("    ; position: {}", context.position));
        line(text, format_args!("    ; event: {}", context.id));
        for posting in entry.postings {
            let account = self.account_name(&BookKey::of(entry, posting));
            // Two spaces and more end an account name.
            line(text, format_args!("    {account}    {}", posting.amount));
        }
        text.push('\n');
    }

    /// The journal's name of an account, to compare a balance with another program's.
    pub fn account_name(&self, key: &BookKey) -> String {
        let BookKey { hospital, account, patient, .. } = key;
        match patient {
            Some(patient) => format!("{account}:{hospital}:{}", (self.pseudonym)(*patient)),
            None => format!("{account}:{hospital}"),
        }
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("writing to a String cannot fail");
}

/// The date a document carries itself, and what the transaction is about: ids and printed numbers only.
fn describe(event: &Event) -> (Option<LocalDate>, String) {
    match event {
        Event::InvoiceEvent(InvoiceEvent::InvoiceIssued(e)) => {
            (Some(e.issue_date), format!("{} | invoice {}", payee(&e.printed_number), e.invoice))
        }
        Event::CreditNoteEvent(CreditNoteEvent::CreditNoteIssued(e)) => (
            Some(e.issue_date),
            format!("{} | credit note {} for invoice {}", payee(&e.printed_number), e.credit_note, e.invoice),
        ),
        Event::AccountEvent(event) => (None, of_account(event)),
        _ => (None, event.event_type().to_owned()),
    }
}

fn of_account(event: &AccountEvent) -> String {
    match event {
        AccountEvent::PaymentSucceeded(e) => format!("payment {}", e.payment),
        AccountEvent::CreditAllocated(e) => format!("allocation {} to invoice {}", e.allocation, e.invoice),
        AccountEvent::CreditDeallocated(e) => {
            format!("allocation {} returned from invoice {}", e.allocation, e.invoice)
        }
        AccountEvent::RefundMade(e) => format!("refund {} of payment {}", e.refund, e.payment),
        AccountEvent::AccountOpened(_)
        | AccountEvent::InvoiceCharged(_)
        | AccountEvent::InvoiceUncharged(_)
        | AccountEvent::PaymentRecorded(_)
        | AccountEvent::PaymentFailed(_)
        | AccountEvent::PaymentBecameUnknown(_)
        | AccountEvent::GuarantorNamed(_) => "account".to_owned(),
    }
}

/// A printed number as a payee: a prefix chosen by a hospital must not open a comment, a code or another line.
fn payee(printed_number: &str) -> String {
    printed_number.chars().map(|c| if c.is_control() || matches!(c, ';' | '|' | '(' | ')') { '_' } else { c }).collect()
}
