//! Invoices, credit notes, accounts, payments, and the postings they carry.

pub mod commands;
pub mod events;

use crate::data::{data, words};
use crate::kernel::Money;
use crate::organization::Tax;
use crate::rejection::rejections;

words! {
    /// What an invoice is for.
    enum InvoiceKind { Visit = "visit", LateCancelFee = "late-cancel-fee", NoShowFee = "no-show-fee" }
    /// FHIR R4 invoice-status.
    enum InvoiceStatus {
        Draft = "draft", Issued = "issued", Balanced = "balanced", Cancelled = "cancelled",
        EnteredInError = "entered-in-error",
    }
    /// What became of a payment.
    enum PaymentStatus { Pending = "pending", Succeeded = "succeeded", Failed = "failed", Unknown = "unknown" }
    /// How it was paid.
    enum PaymentMethod { Cash = "cash", Card = "card", BankTransfer = "bank-transfer", Other = "other" }
    /// An account of the ledger.
    enum LedgerAccount {
        Receivable = "assets:receivable", Cash = "assets:cash", Revenue = "income:revenue", Tax = "liabilities:tax",
        Unapplied = "liabilities:unapplied",
    }
}

data! {
    /// One line of an invoice.
    struct InvoiceLine {
        /// From 1.
        number: u32,
        service: String, display: String, quantity: u32,
        /// Before tax, for one.
        unit_price: Money,
        /// Taken off the line before tax.
        discount: Money,
        /// Quantity x unit price - discount.
        net: Money,
        tax: Tax,
        /// Half-up, of net.
        tax_amount: Money,
    }
    /// Sums of the lines (FHIR totalNet, totalGross).
    struct Totals { net: Money, tax: Money, gross: Money }
    /// One side of a ledger entry: positive is debit, negative credit. Those of an event sum to 0.
    struct Posting { account: LedgerAccount, amount: Money }
    /// What a credit note takes off one line, tax included apart.
    struct CreditedLine {
        /// The invoice line's number.
        line: u32,
        net: Money,
        tax: Money,
    }
}

rejections! {
    /// Why something about money is refused.
    pub enum BillingRejection {
        InvoiceUnknown = NotFound "invoice-unknown" at "invoice": "there is no such invoice";
    }
}
