//! What becomes of money owed and paid. Without printed numbers, which stand on paper beside a name, and without payers.

use carelog_domain::billing::{InvoiceKind, PaymentMethod, Totals};
use carelog_domain::kernel::LocalDate;
use schemars::JsonSchema;
use serde::Serialize;

use super::values::{Amount, Hospital, Pseudonym};

/// Sums of an invoice's or credit note's lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Sums {
    /// Before tax.
    pub net: Amount,
    /// The tax.
    pub tax: Amount,
    /// Both together.
    pub gross: Amount,
}

impl From<&Totals> for Sums {
    fn from(totals: &Totals) -> Sums {
        Sums { net: totals.net.into(), tax: totals.tax.into(), gross: totals.gross.into() }
    }
}

super::topic! { "carelog.billing.v1": "Invoices, credit notes, payments and what pays what.";
    /// An invoice is being prepared; it has no number.
    struct InvoiceDrafted {
        invoice: Pseudonym, hospital: Hospital, patient: Pseudonym, account: Pseudonym, kind: InvoiceKind, totals: Sums,
    }
    /// The draft has other lines.
    struct InvoiceRepriced { invoice: Pseudonym, hospital: Hospital, patient: Pseudonym, totals: Sums }
    /// It is issued, and never changes again.
    struct InvoiceIssued {
        invoice: Pseudonym, hospital: Hospital, patient: Pseudonym, account: Pseudonym, kind: InvoiceKind,
        /// Local date at the hospital.
        issue_date: LocalDate,
        totals: Sums,
        /// Service codes of its lines, in their order.
        services: Vec<String>,
    }
    /// The draft is void; it never had a number.
    struct DraftCancelled { invoice: Pseudonym, hospital: Hospital, patient: Pseudonym }
    /// Credit of its account was allocated to it.
    struct InvoiceAllocated {
        invoice: Pseudonym, hospital: Hospital, patient: Pseudonym, amount: Amount,
        /// What is left to pay.
        balance: Amount,
    }
    /// An allocation was undone, in part or whole.
    struct InvoiceDeallocated {
        invoice: Pseudonym, hospital: Hospital, patient: Pseudonym, amount: Amount,
        /// What is left to pay.
        balance: Amount,
    }
    /// A credit note names it.
    struct InvoiceCredited {
        invoice: Pseudonym, hospital: Hospital, patient: Pseudonym, credit_note: Pseudonym, amount: Amount,
        /// What is left to pay.
        balance: Amount,
    }
    /// Nothing is left to pay.
    struct InvoiceBalanced { invoice: Pseudonym, hospital: Hospital, patient: Pseudonym }
    /// Something is to pay again.
    struct InvoiceReopened { invoice: Pseudonym, hospital: Hospital, patient: Pseudonym }
    /// Every line is credited in full.
    struct InvoiceFullyCredited { invoice: Pseudonym, hospital: Hospital, patient: Pseudonym }
    /// A credit note is issued.
    struct CreditNoteIssued {
        credit_note: Pseudonym, hospital: Hospital, patient: Pseudonym, account: Pseudonym, invoice: Pseudonym,
        /// Local date at the hospital.
        issue_date: LocalDate,
        totals: Sums,
    }
    /// A payer has an account at a hospital.
    struct AccountOpened {
        account: Pseudonym, hospital: Hospital, patient: Pseudonym,
        /// ISO 4217.
        currency: String,
    }
    /// A payment is on its way.
    struct PaymentRecorded {
        account: Pseudonym, hospital: Hospital, patient: Pseudonym, payment: Pseudonym, amount: Amount,
        method: PaymentMethod,
    }
    /// It arrived: unapplied credit until allocated.
    struct PaymentSucceeded {
        account: Pseudonym, hospital: Hospital, patient: Pseudonym, payment: Pseudonym, amount: Amount,
    }
    /// It did not arrive.
    struct PaymentFailed { account: Pseudonym, hospital: Hospital, patient: Pseudonym, payment: Pseudonym }
    /// Nobody knows yet whether it arrived.
    struct PaymentBecameUnknown { account: Pseudonym, hospital: Hospital, patient: Pseudonym, payment: Pseudonym }
    /// Unapplied credit pays an invoice.
    struct CreditAllocated {
        account: Pseudonym, hospital: Hospital, patient: Pseudonym, invoice: Pseudonym, amount: Amount,
    }
    /// It no longer does, in part or whole.
    struct CreditDeallocated {
        account: Pseudonym, hospital: Hospital, patient: Pseudonym, invoice: Pseudonym, amount: Amount,
    }
    /// Unapplied credit of a payment was given back.
    struct RefundMade {
        account: Pseudonym, hospital: Hospital, patient: Pseudonym, payment: Pseudonym, refund: Pseudonym,
        amount: Amount,
    }
}
