//! What each fact does to the ledger. Positive is debit, negative credit; the postings of one event sum to 0, and a
//! posting of 0 is left out.
//!
//! ```text
//! issue         Dr receivable  gross    Cr revenue net, Cr tax
//! payment       Dr cash                 Cr unapplied
//! allocation    Dr unapplied            Cr receivable
//! deallocation  Dr receivable           Cr unapplied
//! credit note   Dr revenue net, Dr tax  Cr receivable gross
//! refund        Dr unapplied            Cr cash
//! ```

use super::{LedgerAccount, Posting, Totals};
use crate::kernel::Money;

/// An invoice is issued.
pub(super) fn of_issue(totals: &Totals) -> Vec<Posting> {
    entry([
        (LedgerAccount::Receivable, totals.gross),
        (LedgerAccount::Revenue, credit(totals.net)),
        (LedgerAccount::Tax, credit(totals.tax)),
    ])
}

/// A credit note is issued.
pub(super) fn of_credit_note(totals: &Totals) -> Vec<Posting> {
    entry([
        (LedgerAccount::Revenue, totals.net),
        (LedgerAccount::Tax, totals.tax),
        (LedgerAccount::Receivable, credit(totals.gross)),
    ])
}

/// A payment arrived.
pub(super) fn of_payment(amount: Money) -> Vec<Posting> {
    transfer(LedgerAccount::Cash, LedgerAccount::Unapplied, amount)
}

/// Credit was allocated to an invoice.
pub(super) fn of_allocation(amount: Money) -> Vec<Posting> {
    transfer(LedgerAccount::Unapplied, LedgerAccount::Receivable, amount)
}

/// An allocation was undone.
pub(super) fn of_deallocation(amount: Money) -> Vec<Posting> {
    transfer(LedgerAccount::Receivable, LedgerAccount::Unapplied, amount)
}

/// Credit was given back.
pub(super) fn of_refund(amount: Money) -> Vec<Posting> {
    transfer(LedgerAccount::Unapplied, LedgerAccount::Cash, amount)
}

fn transfer(debit: LedgerAccount, other: LedgerAccount, amount: Money) -> Vec<Posting> {
    entry([(debit, amount), (other, credit(amount))])
}

/// Amounts that are posted are never negative before their side is chosen, so the sign can always be turned.
fn credit(amount: Money) -> Money {
    Money { minor: -amount.minor, ..amount }
}

fn entry(sides: impl IntoIterator<Item = (LedgerAccount, Money)>) -> Vec<Posting> {
    let posted = sides.into_iter().filter(|(_, amount)| amount.minor != 0);
    posted.map(|(account, amount)| Posting { account, amount }).collect()
}
