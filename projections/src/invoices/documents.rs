//! Invoices and credit notes with their lines.

use carelog_domain::billing::events::{InvoiceDrafted, InvoiceIssued};
use carelog_domain::billing::{CreditedLine, InvoiceLine, InvoiceStatus, Totals};
use carelog_domain::event::{CreditNoteEvent, Event, InvoiceEvent};
use carelog_domain::kernel::{AllocationId, InvoiceId, Money, Recorded};
use carelog_domain::ports::SqlValue;
use carelog_schemas::read_models::invoices::{
    CREDIT_NOTE_LINES, CREDIT_NOTES, INVOICE_ALLOCATIONS, INVOICE_LINES, INVOICES,
};

use crate::change::{Cell, Change, add, date, delete, int, maybe_text, patch, personal, put, text};

pub(super) fn of_invoice(event: &InvoiceEvent, recorded: &Recorded<Event>) -> Vec<Change> {
    let at: SqlValue = recorded.context.occurred_at.into();
    let changed =
        |invoice: InvoiceId, cells: Vec<Cell>| patch(&INVOICES, vec![text(invoice)], [cells, stamp(recorded)].concat());
    use InvoiceEvent as E;
    match event {
        E::InvoiceDrafted(e) => drafted(e, recorded),
        E::InvoiceRepriced(e) => with_lines(changed(e.invoice, totals(&e.totals)), e.invoice, &e.lines),
        E::InvoiceIssued(e) => issued(e, recorded),
        E::DraftCancelled(e) => {
            vec![changed(e.invoice, vec![status(InvoiceStatus::Cancelled), ("cancelled_at", at)])]
        }
        E::InvoiceAllocated(e) => vec![
            changed(e.invoice, vec![("balance", e.balance.minor.into())]),
            add(&INVOICES, vec![text(e.invoice)], vec![("allocated", e.amount.minor)]),
            allocated(e.allocation, e.invoice, e.amount, at),
        ],
        E::InvoiceDeallocated(e) => vec![
            changed(e.invoice, vec![("balance", e.balance.minor.into())]),
            add(&INVOICES, vec![text(e.invoice)], vec![("allocated", -e.amount.minor)]),
            patch(&INVOICE_ALLOCATIONS, vec![text(e.allocation)], vec![("undone_at", at)]),
            add(&INVOICE_ALLOCATIONS, vec![text(e.allocation)], vec![("amount", -e.amount.minor)]),
        ],
        E::InvoiceCredited(e) => {
            let head = [
                changed(e.invoice, vec![("balance", e.balance.minor.into())]),
                add(&INVOICES, vec![text(e.invoice)], vec![("credited", e.amount.minor)]),
            ];
            head.into_iter().chain(e.lines.iter().map(|line| credited(e.invoice, line))).collect()
        }
        E::InvoiceBalanced(e) => {
            vec![changed(e.invoice, vec![status(InvoiceStatus::Balanced), ("balanced_at", at)])]
        }
        E::InvoiceReopened(e) => {
            vec![changed(e.invoice, vec![status(InvoiceStatus::Issued), ("balanced_at", SqlValue::Null)])]
        }
        E::InvoiceFullyCredited(e) => {
            vec![changed(e.invoice, vec![status(InvoiceStatus::Cancelled), ("cancelled_at", at)])]
        }
        E::InvoiceAddressed(e) => vec![changed(e.invoice, vec![("recipient", personal(Some(&e.recipient)))])],
    }
}

fn drafted(e: &InvoiceDrafted, recorded: &Recorded<Event>) -> Vec<Change> {
    let row = vec![
        ("invoice", text(e.invoice)),
        ("hospital", text(e.hospital)),
        ("patient", text(e.patient)),
        ("account", text(e.account)),
        ("appointment", maybe_text(e.appointment)),
        ("kind", text(e.kind)),
        status(InvoiceStatus::Draft),
        ("balance", int(0)),
        ("allocated", int(0)),
        ("credited", int(0)),
        ("drafted_at", recorded.context.occurred_at.into()),
    ];
    with_lines(put(&INVOICES, [row, totals(&e.totals), stamp(recorded)].concat()), e.invoice, &e.lines)
}

fn issued(e: &InvoiceIssued, recorded: &Recorded<Event>) -> Vec<Change> {
    let row = vec![
        ("invoice", text(e.invoice)),
        ("hospital", text(e.hospital)),
        ("patient", text(e.patient)),
        ("account", text(e.account)),
        ("appointment", maybe_text(e.appointment)),
        ("kind", text(e.kind)),
        status(InvoiceStatus::Issued),
        ("number", int(e.number)),
        ("printed_number", text(&e.printed_number)),
        ("series", text(&e.series)),
        ("issue_date", date(e.issue_date)),
        ("balance", e.totals.gross.minor.into()),
        ("allocated", int(0)),
        ("credited", int(0)),
        ("issued_at", recorded.context.occurred_at.into()),
    ];
    with_lines(put(&INVOICES, [row, totals(&e.totals), stamp(recorded)].concat()), e.invoice, &e.lines)
}

pub(super) fn of_credit_note(event: &CreditNoteEvent, recorded: &Recorded<Event>) -> Vec<Change> {
    let CreditNoteEvent::CreditNoteIssued(e) = event;
    let row = vec![
        ("credit_note", text(e.credit_note)),
        ("hospital", text(e.hospital)),
        ("patient", text(e.patient)),
        ("account", text(e.account)),
        ("invoice", text(e.invoice)),
        ("number", int(e.number)),
        ("printed_number", text(&e.printed_number)),
        ("series", text(&e.series)),
        ("issue_date", date(e.issue_date)),
        ("reason", personal(Some(&e.reason))),
        ("issued_at", recorded.context.occurred_at.into()),
    ];
    let lines = e.lines.iter().map(|line| {
        let cells = vec![
            ("credit_note", text(e.credit_note)),
            ("line", int(line.line)),
            ("net", line.net.minor.into()),
            ("tax", line.tax.minor.into()),
        ];
        put(&CREDIT_NOTE_LINES, cells)
    });
    std::iter::once(put(&CREDIT_NOTES, [row, totals(&e.totals)].concat())).chain(lines).collect()
}

/// The lines from now on, in place of earlier ones.
fn with_lines(invoice_row: Change, invoice: InvoiceId, lines: &[InvoiceLine]) -> Vec<Change> {
    let gone = delete(&INVOICE_LINES, vec![text(invoice)]);
    [invoice_row, gone].into_iter().chain(lines.iter().map(|each| line(invoice, each))).collect()
}

fn line(invoice: InvoiceId, line: &InvoiceLine) -> Change {
    put(
        &INVOICE_LINES,
        vec![
            ("invoice", text(invoice)),
            ("line", int(line.number)),
            ("service", text(&line.service)),
            ("display", text(&line.display)),
            ("quantity", int(line.quantity)),
            ("unit_price", line.unit_price.minor.into()),
            ("discount", line.discount.minor.into()),
            ("net", line.net.minor.into()),
            ("tax_category", text(&line.tax.category)),
            ("tax_rate_basis_points", int(line.tax.rate_basis_points)),
            ("tax_amount", line.tax_amount.minor.into()),
            ("credited_net", int(0)),
            ("credited_tax", int(0)),
        ],
    )
}

fn credited(invoice: InvoiceId, line: &CreditedLine) -> Change {
    let amounts = vec![("credited_net", line.net.minor), ("credited_tax", line.tax.minor)];
    add(&INVOICE_LINES, vec![text(invoice), int(line.line)], amounts)
}

fn allocated(allocation: AllocationId, invoice: InvoiceId, amount: Money, at: SqlValue) -> Change {
    let row = vec![
        ("allocation", text(allocation)),
        ("invoice", text(invoice)),
        ("amount", amount.minor.into()),
        ("currency", text(amount.currency)),
        ("allocated_at", at),
    ];
    put(&INVOICE_ALLOCATIONS, row)
}

fn status(status: InvoiceStatus) -> Cell {
    ("status", text(status))
}

fn totals(totals: &Totals) -> Vec<Cell> {
    vec![
        ("net", totals.net.minor.into()),
        ("tax", totals.tax.minor.into()),
        ("gross", totals.gross.minor.into()),
        ("currency", text(totals.gross.currency)),
    ]
}

fn stamp(recorded: &Recorded<Event>) -> Vec<Cell> {
    vec![("updated_at", recorded.context.occurred_at.into()), ("version", int(recorded.context.version.0))]
}
