//! Topic `carelog.billing.v1`.

use carelog_domain::event::{AccountEvent as A, CreditNoteEvent, Event, InvoiceEvent as I};
use carelog_schemas::topics::billing as public;
use carelog_schemas::topics::billing::Message;

use crate::pseudonyms::Pseudonyms;

pub(crate) fn message(event: &Event, names: &Pseudonyms<'_>) -> Option<Message> {
    match event {
        Event::InvoiceEvent(event) => of_invoice(event, names),
        Event::CreditNoteEvent(CreditNoteEvent::CreditNoteIssued(e)) => Some(
            public::CreditNoteIssued {
                credit_note: names.credit_note(e.credit_note),
                hospital: e.hospital,
                patient: names.patient(e.patient),
                account: names.account(e.account),
                invoice: names.invoice(e.invoice),
                issue_date: e.issue_date,
                totals: (&e.totals).into(),
            }
            .into(),
        ),
        Event::AccountEvent(event) => of_account(event, names),
        _ => None,
    }
}

/// A message with the three ids that all of an invoice carry, and more.
macro_rules! invoice {
    ($names:ident, $event:ident => $message:ident { $($more:tt)* }) => {
        public::$message {
            invoice: $names.invoice($event.invoice),
            hospital: $event.hospital,
            patient: $names.patient($event.patient),
            $($more)*
        }
        .into()
    };
}

fn of_invoice(event: &I, names: &Pseudonyms<'_>) -> Option<Message> {
    Some(match event {
        I::InvoiceDrafted(e) => invoice!(names, e => InvoiceDrafted {
            account: names.account(e.account),
            kind: e.kind,
            totals: (&e.totals).into(),
        }),
        I::InvoiceRepriced(e) => invoice!(names, e => InvoiceRepriced { totals: (&e.totals).into() }),
        I::InvoiceIssued(e) => invoice!(names, e => InvoiceIssued {
            account: names.account(e.account),
            kind: e.kind,
            issue_date: e.issue_date,
            totals: (&e.totals).into(),
            services: e.lines.iter().map(|line| line.service.clone()).collect(),
        }),
        I::DraftCancelled(e) => invoice!(names, e => DraftCancelled {}),
        I::InvoiceAllocated(e) => {
            invoice!(names, e => InvoiceAllocated { amount: e.amount.into(), balance: e.balance.into() })
        }
        I::InvoiceDeallocated(e) => {
            invoice!(names, e => InvoiceDeallocated { amount: e.amount.into(), balance: e.balance.into() })
        }
        I::InvoiceCredited(e) => invoice!(names, e => InvoiceCredited {
            credit_note: names.credit_note(e.credit_note),
            amount: e.amount.into(),
            balance: e.balance.into(),
        }),
        I::InvoiceBalanced(e) => invoice!(names, e => InvoiceBalanced {}),
        I::InvoiceReopened(e) => invoice!(names, e => InvoiceReopened {}),
        I::InvoiceFullyCredited(e) => invoice!(names, e => InvoiceFullyCredited {}),
        // Who pays is personal.
        I::InvoiceAddressed(_) => return None,
    })
}

/// A message with the three ids that all of an account carry, and more.
macro_rules! account {
    ($names:ident, $event:ident => $message:ident { $($more:tt)* }) => {
        public::$message {
            account: $names.account($event.account),
            hospital: $event.hospital,
            patient: $names.patient($event.patient),
            $($more)*
        }
        .into()
    };
}

fn of_account(event: &A, names: &Pseudonyms<'_>) -> Option<Message> {
    Some(match event {
        A::AccountOpened(e) => account!(names, e => AccountOpened { currency: e.currency.to_string() }),
        A::PaymentRecorded(e) => account!(names, e => PaymentRecorded {
            payment: names.payment(e.payment),
            amount: e.amount.into(),
            method: e.method,
        }),
        A::PaymentSucceeded(e) => {
            account!(names, e => PaymentSucceeded { payment: names.payment(e.payment), amount: e.amount.into() })
        }
        A::PaymentFailed(e) => account!(names, e => PaymentFailed { payment: names.payment(e.payment) }),
        A::PaymentBecameUnknown(e) => account!(names, e => PaymentBecameUnknown { payment: names.payment(e.payment) }),
        A::CreditAllocated(e) => {
            account!(names, e => CreditAllocated { invoice: names.invoice(e.invoice), amount: e.amount.into() })
        }
        A::CreditDeallocated(e) => {
            account!(names, e => CreditDeallocated { invoice: names.invoice(e.invoice), amount: e.amount.into() })
        }
        A::RefundMade(e) => account!(names, e => RefundMade {
            payment: names.payment(e.payment),
            refund: names.refund(e.refund),
            amount: e.amount.into(),
        }),
        // The invoice's own messages tell of these; who pays is personal.
        A::InvoiceCharged(_) | A::InvoiceUncharged(_) | A::GuarantorNamed(_) => return None,
    })
}
