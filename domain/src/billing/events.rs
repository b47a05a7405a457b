//! What can happen to money.

use super::{CreditedLine, InvoiceKind, InvoiceLine, PaymentMethod, PaymentShare, Posting, Totals};
use crate::data::data;
use crate::kernel::{
    AccountId, AllocationId, AppointmentId, Billing, CreditNoteId, Currency, HospitalId, InvoiceId, LocalDate, Money,
    PatientId, PaymentId, RefundId,
};

data! {
    /// An invoice is being prepared; it has no number.
    struct InvoiceDrafted {
        invoice: InvoiceId, hospital: HospitalId, patient: PatientId, account: AccountId,
        appointment: Option<AppointmentId>, kind: InvoiceKind, lines: Vec<InvoiceLine>, totals: Totals,
    }
    /// The draft has other lines: its appointment moved and policy reprices.
    struct InvoiceRepriced {
        invoice: InvoiceId, hospital: HospitalId, patient: PatientId, lines: Vec<InvoiceLine>, totals: Totals,
    }
    /// It is issued: lines, parties, dates, totals and number never change again.
    struct InvoiceIssued {
        invoice: InvoiceId, hospital: HospitalId, patient: PatientId, account: AccountId,
        appointment: Option<AppointmentId>, kind: InvoiceKind,
        /// In its series, from 1.
        number: u64,
        /// The number as printed.
        printed_number: String,
        series: String,
        /// Local date at the hospital.
        issue_date: LocalDate,
        lines: Vec<InvoiceLine>, totals: Totals, postings: Vec<Posting>,
    }
    /// It was issued to somebody else than the patient: whoever answered for its account then (FHIR Invoice.recipient).
    struct InvoiceAddressed {
        invoice: InvoiceId, hospital: HospitalId, patient: PatientId, recipient: Billing<String>,
    }
    /// The draft is void; it never had a number.
    struct DraftCancelled { invoice: InvoiceId, hospital: HospitalId, patient: PatientId }
    /// Credit of its account was allocated to it.
    struct InvoiceAllocated {
        invoice: InvoiceId, hospital: HospitalId, patient: PatientId, allocation: AllocationId, amount: Money,
        /// What is left to pay.
        balance: Money,
    }
    /// An allocation was undone, in part or whole.
    struct InvoiceDeallocated {
        invoice: InvoiceId, hospital: HospitalId, patient: PatientId, allocation: AllocationId, amount: Money,
        balance: Money,
    }
    /// A credit note names it.
    struct InvoiceCredited {
        invoice: InvoiceId, hospital: HospitalId, patient: PatientId, credit_note: CreditNoteId,
        lines: Vec<CreditedLine>, amount: Money, balance: Money,
    }
    /// Nothing is left to pay.
    struct InvoiceBalanced { invoice: InvoiceId, hospital: HospitalId, patient: PatientId }
    /// Something is to pay again.
    struct InvoiceReopened { invoice: InvoiceId, hospital: HospitalId, patient: PatientId }
    /// Every line is credited in full.
    struct InvoiceFullyCredited { invoice: InvoiceId, hospital: HospitalId, patient: PatientId }

    /// A credit note is issued.
    struct CreditNoteIssued {
        credit_note: CreditNoteId, hospital: HospitalId, patient: PatientId, account: AccountId, invoice: InvoiceId,
        number: u64, printed_number: String, series: String, issue_date: LocalDate, lines: Vec<CreditedLine>,
        totals: Totals, reason: Billing<String>, postings: Vec<Posting>,
    }

    /// The next number of a series went to a document.
    struct NumberGiven { hospital: HospitalId, series: String, year: i32, number: u64, issue_date: LocalDate }

    /// A payer has an account at a hospital.
    struct AccountOpened {
        account: AccountId, hospital: HospitalId, patient: PatientId, currency: Currency,
        /// Who pays, if not the patient.
        guarantor: Option<Billing<String>>,
    }
    /// An invoice of the account was issued.
    struct InvoiceCharged {
        account: AccountId, hospital: HospitalId, patient: PatientId, invoice: InvoiceId, amount: Money,
    }
    /// An invoice of the account was credited, in part or whole.
    struct InvoiceUncharged {
        account: AccountId, hospital: HospitalId, patient: PatientId, invoice: InvoiceId, amount: Money,
    }
    /// A payment is on its way.
    struct PaymentRecorded {
        account: AccountId, hospital: HospitalId, patient: PatientId, payment: PaymentId, amount: Money,
        method: PaymentMethod, reference: Option<Billing<String>>, payer: Option<Billing<String>>,
        /// The invoice it is meant for: as much of it as is open is allocated as soon as both allow it.
        invoice: Option<InvoiceId>,
    }
    /// It arrived: unapplied credit until allocated.
    struct PaymentSucceeded {
        account: AccountId, hospital: HospitalId, patient: PatientId, payment: PaymentId, amount: Money,
        postings: Vec<Posting>,
    }
    /// It did not arrive.
    struct PaymentFailed {
        account: AccountId, hospital: HospitalId, patient: PatientId, payment: PaymentId,
        reason: Option<Billing<String>>,
    }
    /// Nobody knows yet; it is resolved by asking, never by retrying.
    struct PaymentBecameUnknown { account: AccountId, hospital: HospitalId, patient: PatientId, payment: PaymentId }
    /// Unapplied credit pays an invoice.
    struct CreditAllocated {
        account: AccountId, hospital: HospitalId, patient: PatientId, allocation: AllocationId, invoice: InvoiceId,
        amount: Money,
        /// Whose money it is, in the order it was taken; sums to the amount.
        shares: Vec<PaymentShare>,
        postings: Vec<Posting>,
    }
    /// It no longer does, in part or whole.
    struct CreditDeallocated {
        account: AccountId, hospital: HospitalId, patient: PatientId, allocation: AllocationId, invoice: InvoiceId,
        amount: Money,
        /// To which payments the money returns; sums to the amount.
        shares: Vec<PaymentShare>,
        postings: Vec<Posting>,
    }
    /// Unapplied credit of a payment was given back.
    struct RefundMade {
        account: AccountId, hospital: HospitalId, patient: PatientId, payment: PaymentId, refund: RefundId,
        amount: Money, reason: Billing<String>, postings: Vec<Posting>,
    }
    /// Somebody else answers for the account from now on (FHIR Account.guarantor).
    struct GuarantorNamed {
        account: AccountId, hospital: HospitalId, patient: PatientId,
        /// Who; the patient again when there is none.
        guarantor: Option<Billing<String>>,
        reason: Option<Billing<String>>,
    }
}
