//! The items `invoice#<id>`.

use carelog_domain::billing::InvoiceStatus as Status;
use carelog_domain::event::{Event, InvoiceEvent};
use carelog_domain::kernel::{InvoiceId, Money, PatientId, Recorded};
use serde_json::{Value, json};

use super::ChartInvoice;
use super::change::{ItemChange, ItemWhat, body, item, merged};

pub(super) fn changes(event: &InvoiceEvent, recorded: &Recorded<Event>) -> Vec<ItemChange> {
    let version = recorded.context.version.0;
    let change = |patient: PatientId, invoice: InvoiceId, fields: Value| {
        vec![item(patient, key(invoice), merged(recorded, fields))]
    };
    use InvoiceEvent as E;
    match event {
        E::InvoiceDrafted(e) => {
            let invoice = ChartInvoice {
                invoice: e.invoice.to_string(),
                hospital: e.hospital.to_string(),
                appointment: e.appointment.map(|appointment| appointment.to_string()),
                kind: e.kind.word().to_owned(),
                status: Status::Draft.word().to_owned(),
                printed_number: None,
                issue_date: None,
                gross: e.totals.gross,
                balance: Money::zero(e.totals.gross.currency),
                version,
            };
            vec![item(e.patient, key(e.invoice), ItemWhat::Put(body(&invoice)))]
        }
        E::InvoiceRepriced(e) => change(e.patient, e.invoice, json!({ "gross": e.totals.gross })),
        E::InvoiceIssued(e) => {
            let invoice = ChartInvoice {
                invoice: e.invoice.to_string(),
                hospital: e.hospital.to_string(),
                appointment: e.appointment.map(|appointment| appointment.to_string()),
                kind: e.kind.word().to_owned(),
                status: Status::Issued.word().to_owned(),
                printed_number: Some(e.printed_number.clone()),
                issue_date: Some(e.issue_date),
                gross: e.totals.gross,
                balance: e.totals.gross,
                version,
            };
            vec![item(e.patient, key(e.invoice), ItemWhat::Put(body(&invoice)))]
        }
        E::DraftCancelled(e) => change(e.patient, e.invoice, json!({ "status": Status::Cancelled })),
        E::InvoiceAllocated(e) => change(e.patient, e.invoice, json!({ "balance": e.balance })),
        E::InvoiceDeallocated(e) => change(e.patient, e.invoice, json!({ "balance": e.balance })),
        E::InvoiceCredited(e) => change(e.patient, e.invoice, json!({ "balance": e.balance })),
        E::InvoiceBalanced(e) => change(e.patient, e.invoice, json!({ "status": Status::Balanced })),
        E::InvoiceReopened(e) => change(e.patient, e.invoice, json!({ "status": Status::Issued })),
        E::InvoiceFullyCredited(e) => change(e.patient, e.invoice, json!({ "status": Status::Cancelled })),
        E::InvoiceAddressed(e) => change(e.patient, e.invoice, json!({})), // Its version is another one.
    }
}

fn key(invoice: InvoiceId) -> String {
    format!("invoice#{invoice}")
}
