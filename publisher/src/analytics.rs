//! Topic `carelog.analytics.v1`: an appointment as a flat row, whenever it or what is billed for it changes.
//!
//! A row joins what stands in several streams of one slot: the appointment, its invoices, the practitioner's role. The
//! state is folded by the domain's own `evolve` from what the log holds before the event, so that a mapper which begins in
//! the middle makes the same rows as one that began at the start.

mod facts;
mod row;

pub(crate) use facts::Facts;

/// What changes a row, or is needed for it later: drafts say for which appointment an invoice is.
pub(crate) const WANTED: [&str; 17] = [
    "AppointmentProposed",
    "AppointmentMadePending",
    "AppointmentWaitlisted",
    "AppointmentBooked",
    "AppointmentRescheduled",
    "PatientArrived",
    "PatientCheckedIn",
    "AppointmentFulfilled",
    "AppointmentCancelled",
    "NoShowMarked",
    "AppointmentStatusUndone",
    "AppointmentEnteredInError",
    "InvoiceDrafted",
    "InvoiceIssued",
    "InvoiceAllocated",
    "InvoiceDeallocated",
    "InvoiceCredited",
];

/// Those of an invoice that change an amount of the row.
const MOVES_MONEY: [&str; 4] = ["InvoiceIssued", "InvoiceAllocated", "InvoiceDeallocated", "InvoiceCredited"];
