//! Accounts, payments and refunds.

use carelog_domain::billing::PaymentStatus;
use carelog_domain::billing::events::{AccountOpened, PaymentRecorded, RefundMade};
use carelog_domain::event::{AccountEvent, Event};
use carelog_domain::kernel::{AccountId, Billing, PaymentId, Recorded};
use carelog_domain::ports::SqlValue;
use carelog_schemas::read_models::invoices::{ACCOUNTS, PAYMENTS, REFUNDS};

use crate::change::{Cell, Change, add, int, maybe_text, patch, personal, put, text};

pub(super) fn of_account(event: &AccountEvent, recorded: &Recorded<Event>) -> Vec<Change> {
    let at: SqlValue = recorded.context.occurred_at.into();
    let moved =
        |account: AccountId, column: &'static str, by: i64| add(&ACCOUNTS, vec![text(account)], vec![(column, by)]);
    use AccountEvent as E;
    match event {
        E::AccountOpened(e) => vec![opened(e, at)],
        E::InvoiceCharged(e) => vec![moved(e.account, "charged", e.amount.minor)],
        E::InvoiceUncharged(e) => vec![moved(e.account, "credited", e.amount.minor)],
        E::PaymentRecorded(e) => vec![payment(e, at)],
        E::PaymentSucceeded(e) => {
            let cells = vec![status(PaymentStatus::Succeeded), ("succeeded_at", at)];
            vec![patch(&PAYMENTS, vec![text(e.payment)], cells), moved(e.account, "received", e.amount.minor)]
        }
        E::PaymentFailed(e) => {
            let reason = ("failure_reason", personal(e.reason.as_ref()));
            vec![patch(
                &PAYMENTS,
                vec![text(e.payment)],
                vec![status(PaymentStatus::Failed), reason, ("failed_at", at)],
            )]
        }
        E::PaymentBecameUnknown(e) => {
            vec![patch(&PAYMENTS, vec![text(e.payment)], vec![status(PaymentStatus::Unknown)])]
        }
        E::CreditAllocated(e) => {
            let shares = e.shares.iter().map(|share| allocated(share.payment, share.amount.minor));
            shares.chain([moved(e.account, "allocated", e.amount.minor)]).collect()
        }
        E::CreditDeallocated(e) => {
            let shares = e.shares.iter().map(|share| allocated(share.payment, -share.amount.minor));
            shares.chain([moved(e.account, "allocated", -e.amount.minor)]).collect()
        }
        E::RefundMade(e) => vec![
            refund(e, at),
            add(&PAYMENTS, vec![text(e.payment)], vec![("refunded", e.amount.minor)]),
            moved(e.account, "refunded", e.amount.minor),
        ],
        E::GuarantorNamed(e) => vec![patch(&ACCOUNTS, vec![text(e.account)], guarantor(e.guarantor.as_ref(), at))],
    }
}

/// Who answers for an account, and since when.
fn guarantor(named: Option<&Billing<String>>, at: SqlValue) -> Vec<Cell> {
    vec![("guarantor", personal(named)), ("guarantor_since", named.map_or(SqlValue::Null, |_| at))]
}

fn opened(e: &AccountOpened, at: SqlValue) -> Change {
    let mut cells = vec![
        ("account", text(e.account)),
        ("hospital", text(e.hospital)),
        ("patient", text(e.patient)),
        ("currency", text(e.currency)),
        ("opened_at", at.clone()),
        ("charged", int(0)),
        ("credited", int(0)),
        ("received", int(0)),
        ("allocated", int(0)),
        ("refunded", int(0)),
    ];
    cells.extend(guarantor(e.guarantor.as_ref(), at));
    put(&ACCOUNTS, cells)
}

fn payment(e: &PaymentRecorded, at: SqlValue) -> Change {
    let cells = vec![
        ("payment", text(e.payment)),
        ("account", text(e.account)),
        ("hospital", text(e.hospital)),
        ("patient", text(e.patient)),
        ("amount", e.amount.minor.into()),
        ("currency", text(e.amount.currency)),
        ("method", text(e.method)),
        status(PaymentStatus::Pending),
        ("reference", personal(e.reference.as_ref())),
        ("payer", personal(e.payer.as_ref())),
        ("recorded_at", at),
        ("invoice", maybe_text(e.invoice)),
        ("allocated", int(0)),
        ("refunded", int(0)),
    ];
    put(&PAYMENTS, cells)
}

fn refund(e: &RefundMade, at: SqlValue) -> Change {
    let cells = vec![
        ("refund", text(e.refund)),
        ("payment", text(e.payment)),
        ("account", text(e.account)),
        ("hospital", text(e.hospital)),
        ("patient", text(e.patient)),
        ("amount", e.amount.minor.into()),
        ("currency", text(e.amount.currency)),
        ("reason", personal(Some(&e.reason))),
        ("refunded_at", at),
    ];
    put(&REFUNDS, cells)
}

fn status(status: PaymentStatus) -> Cell {
    ("status", text(status))
}

fn allocated(payment: PaymentId, by: i64) -> Change {
    add(&PAYMENTS, vec![text(payment)], vec![("allocated", by)])
}
