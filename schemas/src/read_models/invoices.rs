//! Money: invoices, credit notes, accounts, payments, and the ledger's balances.

use super::table::tables;
use super::{Model, Source};

/// Read model `invoices`.
pub static MODEL: Model = Model {
    name: "invoices",
    revision: 2,
    tables: &[
        &INVOICES,
        &INVOICE_LINES,
        &INVOICE_ALLOCATIONS,
        &CREDIT_NOTES,
        &CREDIT_NOTE_LINES,
        &ACCOUNTS,
        &PAYMENTS,
        &REFUNDS,
        &LEDGER_BALANCES,
    ],
    documents: false,
};

const INVOICE: Source = Source::Stream("invoice");
const ACCOUNT: Source = Source::Stream("account");

tables! {
    /// An invoice.
    INVOICES = "invoices" from INVOICE, key [invoice],
        index [
            [hospital drafted_at invoice] [patient drafted_at invoice] [appointment] [account drafted_at invoice]
            [hospital status drafted_at invoice] [drafted_at invoice] [hospital series issue_date number]
        ] {
        invoice: Text!,
        hospital: Text!,
        patient: Text!,
        account: Text!,
        appointment: Text,
        /// Word of InvoiceKind.
        kind: Text!,
        /// Word of InvoiceStatus.
        status: Text!,
        /// Number, series and date are NULL until issued.
        number: Int,
        printed_number: Text,
        series: Text,
        issue_date: Text,
        /// Who is to pay it, if not the patient.
        recipient: Text,
        net: Int!,
        tax: Int!,
        gross: Int!,
        currency: Text!,
        /// What is left to pay; 0 for drafts.
        balance: Int!,
        /// Allocated to it, tax included.
        allocated: Int!,
        /// Credited, tax included.
        credited: Int!,
        drafted_at: Int,
        issued_at: Int,
        balanced_at: Int,
        cancelled_at: Int,
        updated_at: Int!,
        version: Int!,
    }

    /// A line of an invoice.
    INVOICE_LINES = "invoice_lines" from INVOICE, key [invoice line], index [] {
        invoice: Text!,
        /// From 1.
        line: Int!,
        service: Text!,
        display: Text!,
        quantity: Int!,
        unit_price: Int!,
        discount: Int!,
        net: Int!,
        tax_category: Text!,
        tax_rate_basis_points: Int!,
        tax_amount: Int!,
        /// Taken off by credit notes.
        credited_net: Int!,
        credited_tax: Int!,
    }

    /// Credit allocated to an invoice.
    INVOICE_ALLOCATIONS = "invoice_allocations" from INVOICE, key [allocation], index [[invoice allocated_at]] {
        allocation: Text!,
        invoice: Text!,
        /// What of it still stands: less after it was undone in part, 0 after it was undone.
        amount: Int!,
        currency: Text!,
        allocated_at: Int!,
        /// When it was last undone, in part or whole.
        undone_at: Int,
    }

    /// A credit note.
    CREDIT_NOTES = "credit_notes" from Source::Stream("credit-note"), key [credit_note],
        index [[invoice] [hospital issued_at credit_note] [patient issued_at credit_note]] {
        credit_note: Text!,
        hospital: Text!,
        patient: Text!,
        account: Text!,
        invoice: Text!,
        number: Int!,
        printed_number: Text!,
        series: Text!,
        issue_date: Text!,
        net: Int!,
        tax: Int!,
        gross: Int!,
        currency: Text!,
        reason: Text,
        issued_at: Int!,
    }

    /// What a credit note takes off one line.
    CREDIT_NOTE_LINES = "credit_note_lines" from Source::Stream("credit-note"), key [credit_note line], index [] {
        credit_note: Text!,
        /// The invoice line's number.
        line: Int!,
        net: Int!,
        tax: Int!,
    }

    /// A payer's account. Unapplied credit = received - allocated - refunded; owed = charged - credited - allocated.
    ACCOUNTS = "accounts" from ACCOUNT, key [account], index [[patient account] [hospital account]] {
        account: Text!,
        hospital: Text!,
        patient: Text!,
        currency: Text!,
        guarantor: Text,
        /// Occurred-at of naming them; null while the patient answers for the account.
        guarantor_since: Int,
        opened_at: Int!,
        charged: Int!,
        credited: Int!,
        received: Int!,
        allocated: Int!,
        refunded: Int!,
    }

    /// A payment.
    PAYMENTS = "payments" from ACCOUNT, key [payment],
        index [[account recorded_at payment] [hospital recorded_at payment] [status recorded_at payment]] {
        payment: Text!,
        account: Text!,
        hospital: Text!,
        patient: Text!,
        amount: Int!,
        currency: Text!,
        /// Word of PaymentMethod.
        method: Text!,
        /// Word of PaymentStatus.
        status: Text!,
        reference: Text,
        payer: Text,
        failure_reason: Text,
        /// Occurred-at of its first record.
        recorded_at: Int!,
        succeeded_at: Int,
        failed_at: Int,
        /// The invoice it is meant for.
        invoice: Text,
        /// Allocated of it. Unapplied, once it succeeded = amount - allocated - refunded.
        allocated: Int!,
        /// Given back of it.
        refunded: Int!,
    }

    /// A refund of a payment.
    REFUNDS = "refunds" from ACCOUNT, key [refund], index [[payment refunded_at] [account refunded_at]] {
        refund: Text!,
        payment: Text!,
        account: Text!,
        hospital: Text!,
        patient: Text!,
        amount: Int!,
        currency: Text!,
        reason: Text,
        refunded_at: Int!,
    }

    /// The balance of a ledger account of a hospital: debits - credits of every posting.
    LEDGER_BALANCES = "ledger_balances" from Source::Slot, key [hospital account currency], index [] {
        hospital: Text!,
        /// Word of LedgerAccount.
        account: Text!,
        currency: Text!,
        debits: Int!,
        /// Positive.
        credits: Int!,
        postings: Int!,
    }
}
