//! The ledger: what each event posts, and the balances that come of it. Debits and credits are equal after every event.

use std::collections::BTreeMap;

use super::{LedgerAccount, Posting};
use crate::event::{AccountEvent, CreditNoteEvent, Event, InvoiceEvent};
use crate::kernel::{Currency, HospitalId, PatientId};

/// What one event posts, and in whose books.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Entry<'a> {
    /// Whose books.
    pub hospital: HospitalId,
    /// Whose receivable and credit.
    pub patient: PatientId,
    /// The sides; their amounts sum to 0.
    pub postings: &'a [Posting],
}

/// What an event posts, if it is one of those that do.
pub fn entry_of(event: &Event) -> Option<Entry<'_>> {
    macro_rules! entry {
        ($event:ident) => {
            Entry { hospital: $event.hospital, patient: $event.patient, postings: &$event.postings }
        };
    }
    match event {
        Event::InvoiceEvent(InvoiceEvent::InvoiceIssued(e)) => Some(entry!(e)),
        Event::CreditNoteEvent(CreditNoteEvent::CreditNoteIssued(e)) => Some(entry!(e)),
        Event::AccountEvent(AccountEvent::PaymentSucceeded(e)) => Some(entry!(e)),
        Event::AccountEvent(AccountEvent::CreditAllocated(e)) => Some(entry!(e)),
        Event::AccountEvent(AccountEvent::CreditDeallocated(e)) => Some(entry!(e)),
        Event::AccountEvent(AccountEvent::RefundMade(e)) => Some(entry!(e)),
        _ => None,
    }
}

/// One account of the ledger: of a hospital, of one of its patients where money is owed or held for them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BookKey {
    /// Whose books.
    pub hospital: HospitalId,
    /// Which account.
    pub account: LedgerAccount,
    /// Of which patient; only receivable and unapplied are kept by patient.
    pub patient: Option<PatientId>,
    /// In which currency.
    pub currency: Currency,
}

impl BookKey {
    /// The account a posting of an entry goes to.
    pub const fn of(entry: &Entry<'_>, posting: &Posting) -> BookKey {
        let patient = match posting.account {
            LedgerAccount::Receivable | LedgerAccount::Unapplied => Some(entry.patient),
            LedgerAccount::Cash | LedgerAccount::Revenue | LedgerAccount::Tax => None,
        };
        BookKey { hospital: entry.hospital, account: posting.account, patient, currency: posting.amount.currency }
    }
}

/// An event whose postings do not sum to 0 in each of their currencies.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the postings of one event are {difference} minor units of {currency} apart")]
pub struct Unbalanced {
    /// In which currency.
    pub currency: Currency,
    /// Debits less credits.
    pub difference: i128,
}

/// Balances of the whole ledger, in minor units: debits less credits.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    balances: BTreeMap<BookKey, i128>,
}

impl Ledger {
    /// Takes what an event posts.
    ///
    /// # Errors
    /// When its postings do not sum to 0; nothing of it is taken then.
    pub fn post(&mut self, event: &Event) -> Result<(), Unbalanced> {
        let Some(entry) = entry_of(event) else { return Ok(()) };
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for posting in entry.postings {
            *sums.entry(posting.amount.currency).or_default() += i128::from(posting.amount.minor);
        }
        if let Some((&currency, &difference)) = sums.iter().find(|(_, difference)| **difference != 0) {
            return Err(Unbalanced { currency, difference });
        }
        for posting in entry.postings {
            *self.balances.entry(BookKey::of(&entry, posting)).or_default() += i128::from(posting.amount.minor);
        }
        Ok(())
    }

    /// Every account with its balance.
    pub const fn balances(&self) -> &BTreeMap<BookKey, i128> {
        &self.balances
    }

    /// The balance of one account; 0 when nothing was posted to it.
    pub fn balance(&self, key: &BookKey) -> i128 {
        self.balances.get(key).copied().unwrap_or(0)
    }
}
