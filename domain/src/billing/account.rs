//! An account: what one payer owes and has paid at one hospital in one currency.
//!
//! Whose money is whose: every allocation names the payments it consumes, so that a refund always knows what is left
//! of its payment. An allocation takes first what was paid for that invoice, then the oldest money that arrived. When
//! only a part of an allocation is undone, what was taken last returns first.

use std::collections::BTreeMap;

use super::events::{CreditAllocated, CreditDeallocated, PaymentRecorded};
use super::money::recorded;
use super::{BillingRejection, PaymentShare, PaymentStatus};
use crate::event::AccountEvent;
use crate::kernel::{
    AccountId, AllocationId, Billing, CommandId, Currency, Evolve, HospitalId, InvoiceId, Money, PatientId, PaymentId,
    RefundId, Timestamp,
};

/// The id of a patient's account at a hospital in a currency: the same for ever, so nobody has to look it up.
pub fn account_of(hospital: HospitalId, patient: PatientId, currency: Currency) -> AccountId {
    let command = CommandId::of_step("account", &format!("{hospital}:{patient}:{currency}"));
    AccountId::derive(command, hospital.slot(), Timestamp::from_micros(0), 0)
}

/// The state of an account's stream; without a holder while the stream is empty.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Account {
    holder: Option<Holder>,
    guarantor: Option<Billing<String>>,
    payments: BTreeMap<PaymentId, Payment>,
    /// Payments in the order their money arrived.
    arrived: Vec<PaymentId>,
    allocations: BTreeMap<AllocationId, Allocation>,
    /// What was charged less what was credited, by invoice.
    charged: BTreeMap<InvoiceId, Money>,
}

/// Whose account it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields whose names say everything")]
pub struct Holder {
    pub account: AccountId,
    pub hospital: HospitalId,
    pub patient: PatientId,
    pub currency: Currency,
}

/// A payment and what became of its money.
#[derive(Clone, PartialEq, Debug)]
pub struct Payment {
    /// How much was paid.
    pub amount: Money,
    /// What became of it.
    pub status: PaymentStatus,
    /// The invoice it was meant for.
    pub invoice: Option<InvoiceId>,
    /// How much of it pays invoices now.
    pub applied: Money,
    /// What was given back.
    pub refunds: Vec<(RefundId, Money)>,
}

/// Credit that pays an invoice.
#[derive(Clone, PartialEq, Debug)]
pub struct Allocation {
    /// The invoice it pays.
    pub invoice: InvoiceId,
    /// Whose money it is, in the order it was taken; empty once undone.
    pub shares: Vec<PaymentShare>,
}

impl Payment {
    /// What was given back in all.
    pub fn refunded(&self) -> Money {
        sum(self.amount.currency, self.refunds.iter().map(|(_, amount)| *amount))
    }

    /// What arrived and neither pays an invoice nor was given back.
    pub fn unapplied(&self) -> Money {
        if self.status != PaymentStatus::Succeeded {
            return Money::zero(self.amount.currency);
        }
        recorded(self.amount.minus(self.applied).and_then(|left| left.minus(self.refunded())))
    }
}

impl Account {
    /// Whose it is, if it is open.
    pub const fn holder(&self) -> Option<&Holder> {
        self.holder.as_ref()
    }

    /// Whose it is.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn known(&self) -> Result<&Holder, BillingRejection> {
        self.holder.as_ref().ok_or(BillingRejection::AccountUnknown)
    }

    /// Who answers for it, if not the patient; sealed unless the state was loaded open.
    pub const fn guarantor(&self) -> Option<&Billing<String>> {
        self.guarantor.as_ref()
    }

    /// A payment.
    pub fn payment(&self, payment: PaymentId) -> Option<&Payment> {
        self.payments.get(&payment)
    }

    /// Every payment.
    pub const fn payments(&self) -> &BTreeMap<PaymentId, Payment> {
        &self.payments
    }

    /// An allocation.
    pub fn allocation(&self, allocation: AllocationId) -> Option<&Allocation> {
        self.allocations.get(&allocation)
    }

    /// What was charged less what was credited, by invoice.
    pub const fn charged(&self) -> &BTreeMap<InvoiceId, Money> {
        &self.charged
    }

    /// What arrived and neither pays an invoice nor was given back; `None` while it is not open.
    pub fn unapplied(&self) -> Option<Money> {
        let currency = self.holder?.currency;
        Some(sum(currency, self.payments.values().map(Payment::unapplied)))
    }

    /// What the invoices of the account still ask for; `None` while it is not open.
    pub fn receivable(&self) -> Option<Money> {
        let currency = self.holder?.currency;
        let charged = sum(currency, self.charged.values().copied());
        let applied = sum(currency, self.payments.values().map(|payment| payment.applied));
        Some(recorded(charged.minus(applied)))
    }

    /// The sum of everything ever paid in, whatever became of it.
    pub(super) fn paid_in(&self) -> Result<Money, BillingRejection> {
        let nothing = Money::zero(self.known()?.currency);
        Ok(self.payments.values().try_fold(nothing, |sum, payment| sum.plus(payment.amount))?)
    }

    /// The sum of everything charged and not credited.
    pub(super) fn charged_in_all(&self) -> Result<Money, BillingRejection> {
        let nothing = Money::zero(self.known()?.currency);
        Ok(self.charged.values().try_fold(nothing, |sum, amount| sum.plus(*amount))?)
    }

    /// What arrived for this invoice and is still unapplied.
    pub(super) fn meant_for(&self, invoice: InvoiceId) -> Vec<PaymentId> {
        let meant = |id: &&PaymentId| self.payments[id].invoice == Some(invoice);
        self.arrived.iter().filter(meant).copied().collect()
    }

    /// How an allocation of up to `amount` is made up: from `first`, then, when `any` allows it, from the oldest money.
    pub(super) fn shares(&self, amount: Money, first: &[PaymentId], any: bool) -> Vec<PaymentShare> {
        let others = self.arrived.iter().filter(|id| any && !first.contains(id));
        let mut left = amount.minor;
        let mut shares = vec![];
        for id in first.iter().chain(others) {
            let part = self.payments.get(id).map_or(0, |payment| payment.unapplied().minor).min(left);
            if part > 0 {
                left -= part;
                shares.push(PaymentShare { payment: *id, amount: Money { minor: part, ..amount } });
            }
        }
        shares
    }

    fn record(&mut self, event: &PaymentRecorded) {
        let payment = Payment {
            amount: event.amount,
            status: PaymentStatus::Pending,
            invoice: event.invoice,
            applied: Money::zero(event.amount.currency),
            refunds: vec![],
        };
        self.payments.insert(event.payment, payment);
    }

    fn become_status(&mut self, payment: PaymentId, status: PaymentStatus) {
        if let Some(payment) = self.payments.get_mut(&payment) {
            payment.status = status;
        }
    }

    fn allocate(&mut self, event: &CreditAllocated) {
        for share in &event.shares {
            self.apply(share.payment, |applied| applied.plus(share.amount));
        }
        let allocation = Allocation { invoice: event.invoice, shares: event.shares.clone() };
        self.allocations.insert(event.allocation, allocation);
    }

    fn deallocate(&mut self, event: &CreditDeallocated) {
        for share in &event.shares {
            self.apply(share.payment, |applied| applied.minus(share.amount));
            if let Some(allocation) = self.allocations.get_mut(&event.allocation) {
                allocation.give_up(share);
            }
        }
    }

    fn apply(&mut self, payment: PaymentId, change: impl FnOnce(Money) -> Result<Money, crate::kernel::MoneyError>) {
        if let Some(payment) = self.payments.get_mut(&payment) {
            payment.applied = recorded(change(payment.applied));
        }
    }

    fn charge(&mut self, invoice: InvoiceId, amount: Money) {
        let charged = self.charged.entry(invoice).or_insert(Money::zero(amount.currency));
        *charged = recorded(charged.plus(amount));
    }
}

impl Allocation {
    /// Which shares give up `amount`: what was taken last returns first.
    pub(super) fn returning(&self, amount: Money) -> Vec<PaymentShare> {
        let mut left = amount.minor;
        let mut returned = vec![];
        for share in self.shares.iter().rev() {
            let part = share.amount.minor.min(left);
            if part > 0 {
                left -= part;
                returned.push(PaymentShare { payment: share.payment, amount: Money { minor: part, ..amount } });
            }
        }
        returned
    }

    fn give_up(&mut self, returned: &PaymentShare) {
        for share in self.shares.iter_mut().filter(|share| share.payment == returned.payment) {
            share.amount = recorded(share.amount.minus(returned.amount));
        }
        self.shares.retain(|share| share.amount.minor != 0);
    }
}

impl Evolve for Account {
    type Event = AccountEvent;

    fn evolve(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::AccountOpened(event) => {
                let (account, hospital, patient) = (event.account, event.hospital, event.patient);
                self.holder = Some(Holder { account, hospital, patient, currency: event.currency });
                self.guarantor = event.guarantor.clone();
            }
            AccountEvent::InvoiceCharged(event) => self.charge(event.invoice, event.amount),
            AccountEvent::InvoiceUncharged(event) => {
                self.charge(event.invoice, Money { minor: -event.amount.minor, ..event.amount });
            }
            AccountEvent::PaymentRecorded(event) => self.record(event),
            AccountEvent::PaymentSucceeded(event) => {
                self.become_status(event.payment, PaymentStatus::Succeeded);
                self.arrived.push(event.payment);
            }
            AccountEvent::PaymentFailed(event) => self.become_status(event.payment, PaymentStatus::Failed),
            AccountEvent::PaymentBecameUnknown(event) => self.become_status(event.payment, PaymentStatus::Unknown),
            AccountEvent::CreditAllocated(event) => self.allocate(event),
            AccountEvent::CreditDeallocated(event) => self.deallocate(event),
            AccountEvent::RefundMade(event) => {
                if let Some(payment) = self.payments.get_mut(&event.payment) {
                    payment.refunds.push((event.refund, event.amount));
                }
            }
            AccountEvent::GuarantorNamed(event) => self.guarantor = event.guarantor.clone(),
        }
    }
}

/// The sum of shares or other recorded amounts.
pub(super) fn sum(currency: Currency, amounts: impl IntoIterator<Item = Money>) -> Money {
    amounts.into_iter().fold(Money::zero(currency), |sum, amount| recorded(sum.plus(amount)))
}
