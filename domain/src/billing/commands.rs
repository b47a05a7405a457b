//! What can be asked about money.

use super::{CreditedLine, InvoiceKind, PaymentMethod, PaymentStatus};
use crate::data::data;
use crate::kernel::{
    AccountId, AllocationId, AppointmentId, Billing, CommandId, HospitalId, InvoiceId, Money, PatientId, PaymentId,
    Zone,
};
use crate::scheduling::AgreedPrice;

data! {
    /// Step of the saga: prepares an invoice for an appointment; opens the account if there is none.
    struct DraftInvoice {
        hospital: HospitalId, patient: PatientId, appointment: AppointmentId, kind: InvoiceKind, price: AgreedPrice,
    }
    /// Step of the saga: the draft's price is another one.
    struct RepriceDraft { invoice: InvoiceId, price: AgreedPrice }
    /// Step of the saga: numbers and issues a draft.
    struct IssueInvoice { invoice: InvoiceId, imported: bool }
    /// Step of the saga: voids a draft.
    struct CancelDraft { invoice: InvoiceId }
    /// Credits an invoice, all of it when no lines are given.
    struct CreditInvoice { invoice: InvoiceId, lines: Option<Vec<CreditedLine>>, reason: Billing<String> }
    /// Takes a payment into an account.
    struct RecordPayment {
        account: AccountId, amount: Money, method: PaymentMethod, status: PaymentStatus,
        reference: Option<Billing<String>>, payer: Option<Billing<String>>,
        /// The invoice it is meant for: as much of it as is open is allocated at once.
        invoice: Option<InvoiceId>,
    }
    /// Takes a payment for an invoice into the invoice's account, and allocates it as far as the invoice is open.
    struct PayInvoice {
        invoice: InvoiceId, amount: Money, method: PaymentMethod, status: PaymentStatus,
        reference: Option<Billing<String>>, payer: Option<Billing<String>>,
    }
    /// What the gateway says of a pending or unknown payment.
    struct ResolvePayment { payment: PaymentId, status: PaymentStatus, reason: Option<Billing<String>> }
    /// Pays an invoice from unapplied credit of its account.
    struct AllocateCredit { invoice: InvoiceId, amount: Money }
    /// Undoes an allocation.
    struct UndoAllocation { invoice: InvoiceId, allocation: AllocationId }
    /// Gives unapplied credit of a payment back.
    struct RefundPayment { payment: PaymentId, amount: Money, reason: Billing<String> }
    /// Names who answers for an account from now on: somebody else, or the patient again.
    struct NameGuarantor { account: AccountId, guarantor: Option<Billing<String>>, reason: Option<Billing<String>> }
}

impl DraftInvoice {
    /// The id of the invoice that the command `id` with this body drafts. Its time is the service date's: unlike the
    /// occurred-at, which moves up to what a command builds on, that is known to whoever sends the command.
    pub fn invoice(&self, id: CommandId) -> InvoiceId {
        let date = Zone::UTC.start_instant(self.price.service_date, chrono::NaiveTime::MIN);
        InvoiceId::derive(id, self.hospital.slot(), date, 0)
    }
}
