//! Invoices, credit notes, accounts, payments, and the postings they carry.
//!
//! A command here spans streams of one hospital, so it is decided by a pure function that is given every state it
//! needs and answers one batch: pairs of stream and event, the leading stream's event first. The write side loads the
//! states, calls the function and appends what it answers at once.

pub mod commands;
pub mod events;
pub mod journal;
pub mod ledger;

mod account;
mod allocate;
mod credit;
mod draft;
mod guarantor;
mod invoice;
mod issue;
mod money;
mod pay;
mod postings;
mod refund;
mod series;

pub use account::{Account, Allocation, Holder, Payment, account_of};
pub use allocate::{allocate_credit, undo_allocation};
pub use credit::{CreditNote, credit_invoice};
pub use draft::{cancel_draft, draft_invoice, reprice_draft};
pub use guarantor::name_guarantor;
pub use invoice::{Invoice, InvoiceDocument, Issued};
pub use issue::issue_invoice;
pub use money::{line_of_price, priced_line, totals_of};
pub use pay::{pay_invoice, record_payment, resolve_payment};
pub use refund::refund_payment;
pub use series::{Numbers, Series, SeriesPlace};

use crate::event::Event;
use crate::kernel::{CommandId, Currency, Money, MoneyError, PaymentId, StreamName, Timestamp};

use crate::data::{data, words};
use crate::kernel::reason::refused_for_reason;
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
    /// A part of an allocation, by the payment whose money it is.
    struct PaymentShare { payment: PaymentId, amount: Money }
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
        AccountUnknown = NotFound "account-unknown" at "account":
            "there is no such account; it is opened with the first invoice of a patient at a hospital";
        PaymentUnknown = NotFound "payment-unknown" at "payment": "there is no such payment in this account";
        AllocationUnknown = NotFound "allocation-unknown" at "allocation":
            "this invoice has no such allocation; its allocations are listed with the invoice";
        InvoiceNotDraft { status: InvoiceStatus } = Conflict "invoice-not-draft" at "invoice":
            "the invoice is {status}, and only a draft can be changed, issued or cancelled; credit an issued one";
        InvoiceNotIssued { status: InvoiceStatus } = Conflict "invoice-not-issued" at "invoice":
            "the invoice is {status}; only an issued or balanced one takes allocations and credits";
        InvoiceOfAnotherAccount = Unprocessable "invoice-of-another-account" at "invoice":
            "the invoice belongs to another account; pay it through its own";
        ReasonMissing = Unprocessable "reason-missing" at "reason": "a reason is needed";
        ReasonTooLong = Unprocessable "reason-too-long" at "reason": "a reason has at most 2,000 bytes; shorten it";
        AmountNotPositive = Unprocessable "amount-not-positive" at "amount": "the amount must be more than 0";
        AmountTooLarge = Unprocessable "amount-too-large" at "amount":
            "the amount, or a sum with it, does not fit 64 bits of minor units";
        CurrencyDiffers { expected: Currency, given: Currency } = Unprocessable "currency-differs" at "amount":
            "the amount is in {given} and this is kept in {expected}; give it in {expected}";
        PriceNegative = Unprocessable "price-negative" at "price":
            "a price or quantity below 0, or a discount of more than the line, cannot be billed";
        CreditLineUnknown { line: u32 } = Unprocessable "credit-line-unknown" at "lines":
            "the invoice has no line {line}; name lines by their number on the invoice";
        CreditNothing = Unprocessable "credit-nothing" at "lines":
            "nothing would be credited; give lines with amounts, or no lines to credit all that is left";
        CreditExceedsLine { line: u32, net: Money, tax: Money } = Conflict "credit-exceeds-line" at "lines":
            "line {line} has only {net} net and {tax} tax left to credit";
        AllocationExceedsBalance { balance: Money } = Conflict "allocation-exceeds-balance" at "amount":
            "only {balance} of the invoice is open; allocate no more than that";
        AllocationExceedsCredit { unapplied: Money } = Conflict "allocation-exceeds-credit" at "amount":
            "the account has only {unapplied} of unapplied credit; take a payment first";
        AllocationUndone = Conflict "allocation-undone" at "allocation": "this allocation is undone already";
        PaymentResolved { status: PaymentStatus } = Conflict "payment-resolved" at "status":
            "the payment is {status} already and does not change any more; record a new payment or refund it";
        PaymentNotResolved = Unprocessable "payment-not-resolved" at "status":
            "a payment resolves to succeeded, failed or unknown, never back to pending";
        PaymentNotSucceeded { status: PaymentStatus } = Conflict "payment-not-succeeded" at "payment":
            "the payment is {status}; only money that arrived can be given back";
        RefundExceedsCredit { available: Money } = Conflict "refund-exceeds-credit" at "amount":
            "only {available} of this payment is unapplied; undo an allocation or credit the invoice first";
        NameMissing = Unprocessable "name-missing" at "name":
            "a guarantor has a name; leave it out when the patient answers for the account again";
        NameTooLong = Unprocessable "name-too-long" at "name": "a name has at most 300 bytes; shorten it";
    }
}

refused_for_reason!(BillingRejection);

impl From<MoneyError> for BillingRejection {
    fn from(error: MoneyError) -> BillingRejection {
        match error {
            MoneyError::CurrenciesDiffer { left, right } => {
                BillingRejection::CurrencyDiffers { expected: left, given: right }
            }
            MoneyError::Overflow | MoneyError::UnknownCurrency(_) | MoneyError::NotAnAmount { .. } => {
                BillingRejection::AmountTooLarge
            }
        }
    }
}

/// Which command asks, and when it happened: what new ids derive from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The command.
    pub command: CommandId,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// One batch: events with their streams, the leading stream's first; empty when there was nothing to do.
pub type Batch = Vec<(StreamName, Event)>;

/// What a command makes of the states it was given.
pub type Decision = Result<Batch, BillingRejection>;

#[cfg(test)]
mod journal_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
