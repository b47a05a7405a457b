//! Refunds: unapplied credit of a payment is given back, the way it came.

use super::allocate::positive;
use super::commands::RefundPayment;
use super::draft::same_currency;
use super::events::RefundMade;
use super::{Account, Asked, BillingRejection, Decision, PaymentStatus, postings};
use crate::kernel::RefundId;
use crate::kernel::reason::check_reason;
use crate::streams;

/// Gives unapplied credit of a payment back (leading stream: the account).
///
/// What is left of a payment is what arrived less what pays invoices and less earlier refunds, so a refund never
/// exceeds the unapplied credit, nor captured - refunded of its payment. Money that pays an invoice has to be freed
/// first: by undoing the allocation or crediting the invoice.
///
/// Needs the payment's account.
///
/// # Errors
/// When there is no such payment, it did not arrive, or less of it is left.
pub fn refund_payment(asked: &Asked, command: &RefundPayment, account: &Account) -> Decision {
    let holder = account.known()?;
    let payment = account.payment(command.payment).ok_or(BillingRejection::PaymentUnknown)?;
    check_reason(&command.reason)?;
    positive(command.amount)?;
    same_currency(holder.currency, command.amount.currency)?;
    if payment.status != PaymentStatus::Succeeded {
        return Err(BillingRejection::PaymentNotSucceeded { status: payment.status });
    }
    let available = payment.unapplied();
    if command.amount.minor > available.minor {
        return Err(BillingRejection::RefundExceedsCredit { available });
    }
    let made = RefundMade {
        account: holder.account,
        hospital: holder.hospital,
        patient: holder.patient,
        payment: command.payment,
        refund: RefundId::derive(asked.command, holder.hospital.slot(), asked.occurred_at, 0),
        amount: command.amount,
        reason: command.reason.clone(),
        postings: postings::of_refund(command.amount),
    };
    Ok(vec![(streams::account(holder.account), made.into())])
}
