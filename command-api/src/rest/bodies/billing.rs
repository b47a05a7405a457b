//! Bodies about payments, credit notes and refunds.

use carelog_domain::billing::commands::*;
use carelog_domain::billing::{CreditedLine, PaymentMethod, PaymentStatus};
use carelog_domain::command::Command;
use carelog_domain::kernel::{AccountId, AllocationId, InvoiceId, PaymentId, Personal};

use crate::problem::Problem;
use crate::rest::body::{Body, MoneyBody, bodies};

bodies! {
    /// Takes a payment into an account.
    struct RecordPaymentBody {
        account: AccountId,
        amount: MoneyBody,
        method: PaymentMethod,
        /// `succeeded` unless told.
        #[serde(default = "succeeded")]
        status: PaymentStatus,
        reference: Option<String>,
        payer: Option<String>,
        /// The invoice it is meant for: as much of it as is open is allocated at once.
        invoice: Option<InvoiceId>,
    }
    /// Takes a payment for an invoice into the invoice's account.
    struct PayInvoiceBody {
        invoice: InvoiceId,
        amount: MoneyBody,
        method: PaymentMethod,
        /// `succeeded` unless told.
        #[serde(default = "succeeded")]
        status: PaymentStatus,
        reference: Option<String>,
        payer: Option<String>,
    }
    /// What the gateway says of a pending or unknown payment.
    struct ResolvePaymentBody { payment: PaymentId, status: PaymentStatus, reason: Option<String> }
    /// Credits an invoice, all that is left of it when no lines are given.
    struct CreditInvoiceBody { invoice: InvoiceId, lines: Option<Vec<CreditedLineBody>>, reason: String }
    /// What a credit note takes off one line.
    struct CreditedLineBody {
        /// The invoice line's number.
        line: u32,
        net: MoneyBody,
        tax: MoneyBody,
    }
    /// Pays an invoice from unapplied credit of its account.
    struct AllocateCreditBody { invoice: InvoiceId, amount: MoneyBody }
    /// Undoes an allocation.
    struct UndoAllocationBody { invoice: InvoiceId, allocation: AllocationId }
    /// Gives unapplied credit of a payment back.
    struct RefundPaymentBody { payment: PaymentId, amount: MoneyBody, reason: String }
    /// Names who answers for an account from now on.
    struct NameGuarantorBody {
        account: AccountId,
        /// Left out when the patient answers for the account again.
        name: Option<String>,
        reason: Option<String>,
    }
}

fn succeeded() -> PaymentStatus {
    PaymentStatus::Succeeded
}

impl Body for RecordPaymentBody {
    fn command(self) -> Result<Command, Problem> {
        let record = RecordPayment {
            account: self.account,
            amount: self.amount.money("/amount")?,
            method: self.method,
            status: self.status,
            reference: self.reference.map(Personal::new),
            payer: self.payer.map(Personal::new),
            invoice: self.invoice,
        };
        Ok(record.into())
    }
}

impl Body for PayInvoiceBody {
    fn command(self) -> Result<Command, Problem> {
        let pay = PayInvoice {
            invoice: self.invoice,
            amount: self.amount.money("/amount")?,
            method: self.method,
            status: self.status,
            reference: self.reference.map(Personal::new),
            payer: self.payer.map(Personal::new),
        };
        Ok(pay.into())
    }
}

impl Body for ResolvePaymentBody {
    fn command(self) -> Result<Command, Problem> {
        let ResolvePaymentBody { payment, status, reason } = self;
        Ok(ResolvePayment { payment, status, reason: reason.map(Personal::new) }.into())
    }
}

impl Body for CreditInvoiceBody {
    fn command(self) -> Result<Command, Problem> {
        let line = |(index, line): (usize, CreditedLineBody)| {
            Ok(CreditedLine {
                line: line.line,
                net: line.net.money(&format!("/lines/{index}/net"))?,
                tax: line.tax.money(&format!("/lines/{index}/tax"))?,
            })
        };
        let lines = self.lines.map(|lines| lines.into_iter().enumerate().map(line).collect::<Result<_, Problem>>());
        Ok(CreditInvoice { invoice: self.invoice, lines: lines.transpose()?, reason: Personal::new(self.reason) }
            .into())
    }
}

impl Body for AllocateCreditBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(AllocateCredit { invoice: self.invoice, amount: self.amount.money("/amount")? }.into())
    }
}

impl Body for UndoAllocationBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(UndoAllocation { invoice: self.invoice, allocation: self.allocation }.into())
    }
}

impl Body for NameGuarantorBody {
    fn command(self) -> Result<Command, Problem> {
        let NameGuarantorBody { account, name, reason } = self;
        Ok(NameGuarantor { account, guarantor: name.map(Personal::new), reason: reason.map(Personal::new) }.into())
    }
}

impl Body for RefundPaymentBody {
    fn command(self) -> Result<Command, Problem> {
        let amount = self.amount.money("/amount")?;
        Ok(RefundPayment { payment: self.payment, amount, reason: Personal::new(self.reason) }.into())
    }
}
