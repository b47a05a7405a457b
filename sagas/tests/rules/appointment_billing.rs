//! From an appointment to its invoice.

use carelog_domain::billing::InvoiceKind;
use carelog_domain::billing::commands::{CancelDraft, DraftInvoice, IssueInvoice};
use carelog_domain::command::Command;
use carelog_domain::kernel::{InvoiceId, Personal};
use carelog_domain::scheduling::events::*;
use carelog_domain::scheduling::{AgreedPrice, AppointmentStatus, CancelledBy};
use carelog_domain::streams;
use carelog_sagas::saga::{Refused, command_id};
use carelog_sagas::{AppointmentBilling, Hospital, Intent, Saga};

use crate::given::*;

fn happened(when: &str, event: impl Into<carelog_domain::event::Event>) -> Told {
    told(streams::appointment(appointment_id()), when, event)
}

fn booked_at(when: &str, price: AgreedPrice) -> Told {
    happened(
        when,
        AppointmentBooked {
            appointment: appointment_id(),
            hospital: hospital_id(),
            patient: patient_id(),
            practitioner: practitioner_id(),
            role: role_id(),
            specialty: "cardiology".to_owned(),
            date: "2025-03-10".parse().expect("a date"),
            period: period("2025-03-10T09:00:00Z"),
            price,
            reason: None,
            overbooking_reason: None,
            overlap_reason: None,
        },
    )
}

fn booked() -> Told {
    booked_at("2025-03-01T08:00:00Z", price("visit", 9_000))
}

fn moved(price: AgreedPrice) -> Told {
    let seat = |start: &str| Seat {
        role: role_id(),
        practitioner: practitioner_id(),
        date: "2025-03-10".parse().expect("a date"),
        period: period(start),
    };
    happened(
        "2025-03-02T08:00:00Z",
        AppointmentRescheduled {
            appointment: appointment_id(),
            hospital: hospital_id(),
            patient: patient_id(),
            practitioner: practitioner_id(),
            from: seat("2025-03-10T09:00:00Z"),
            to: seat("2025-03-10T11:00:00Z"),
            by: CancelledBy::Patient,
            reason: Personal::new("busy".to_owned()),
            price,
            overbooking_reason: None,
            overlap_reason: None,
        },
    )
}

macro_rules! of_appointment {
    ($event:ident { $($fields:tt)* }) => {
        $event {
            appointment: appointment_id(), hospital: hospital_id(), patient: patient_id(),
            practitioner: practitioner_id(), $($fields)*
        }
    };
}

fn fulfilled() -> Told {
    let (started, ended) = (at("2025-03-10T09:05:00Z"), at("2025-03-10T09:20:00Z"));
    happened("2025-03-10T09:20:00Z", of_appointment!(AppointmentFulfilled { started, ended }))
}

fn cancelled(fee: Option<AgreedPrice>) -> Told {
    let from = AppointmentStatus::Booked;
    let event = of_appointment!(AppointmentCancelled { by: CancelledBy::Patient, reason: None, from, fee });
    happened("2025-03-09T20:00:00Z", event)
}

fn no_show(fee: Option<AgreedPrice>) -> Told {
    happened("2025-03-10T09:30:00Z", of_appointment!(NoShowMarked { automatic: true, fee }))
}

fn undone(from: AppointmentStatus) -> Told {
    let (to, reason) = (AppointmentStatus::Booked, Personal::new("a mistake".to_owned()));
    happened("2025-03-10T10:00:00Z", of_appointment!(AppointmentStatusUndone { from, to, reason }))
}

fn in_error(from: AppointmentStatus) -> Told {
    let reason = Personal::new("another patient".to_owned());
    happened("2025-03-11T10:00:00Z", of_appointment!(AppointmentEnteredInError { from, reason }))
}

/// The invoice that the draft of a step makes.
fn drafted(step: &str, kind: InvoiceKind, price: AgreedPrice) -> InvoiceId {
    let (hospital, patient, appointment) = (hospital_id(), patient_id(), appointment_id());
    let command = command_id(AppointmentBilling::NAME, &appointment.to_string(), step);
    DraftInvoice { hospital, patient, appointment, kind, price }.invoice(command)
}

fn visit_invoice() -> InvoiceId {
    drafted("draft-visit.1", InvoiceKind::Visit, price("visit", 9_000))
}

fn billing(events: impl IntoIterator<Item = Told>) -> Given<AppointmentBilling> {
    given(Hospital::default(), events)
}

fn account_order() -> String {
    format!("account:{}:{}", hospital_id(), patient_id())
}

fn number_order() -> String {
    format!("numbers:{}", hospital_id())
}

fn draft(step: &str, kind: InvoiceKind, price: AgreedPrice) -> Intent {
    let (hospital, patient, appointment) = (hospital_id(), patient_id(), appointment_id());
    Intent::send_in_order(step, DraftInvoice { hospital, patient, appointment, kind, price }, vec![account_order()])
}

#[test]
fn a_booking_drafts_a_visit_invoice_at_the_agreed_price() {
    billing([]).when(booked()).then([draft("draft-visit.1", InvoiceKind::Visit, price("visit", 9_000))]);
}

#[test]
fn the_end_of_the_visit_issues_that_draft_in_the_hospitals_order() {
    let issue = IssueInvoice { invoice: visit_invoice(), imported: false };
    billing([booked()]).when(fulfilled()).then([Intent::send_in_order(
        "issue.2",
        issue,
        vec![account_order(), number_order()],
    )]);
}

#[test]
fn an_imported_visit_is_numbered_in_the_imported_series() {
    let issue = IssueInvoice { invoice: visit_invoice(), imported: true };
    let then = fulfilled().imported("2026-01-01T00:00:00Z");
    billing([booked()]).when(then).then([Intent::send_in_order(
        "issue.2",
        issue,
        vec![account_order(), number_order()],
    )]);
}

#[test]
fn a_move_reprices_the_draft_only_when_the_price_is_another_one() {
    billing([booked()]).when(moved(price("visit", 9_000))).then_nothing();
    billing([booked()]).when(moved(price("visit", 9_500))).then_steps(&["RepriceDraft"]);
}

#[test]
fn a_cancellation_cancels_the_draft_and_a_late_one_costs_its_fee() {
    let cancel = CancelDraft { invoice: visit_invoice() };
    let cancel = Intent::send_in_order(format!("cancel.{}.2", visit_invoice()), cancel, vec![account_order()]);
    billing([booked()]).when(cancelled(None)).then([cancel]);
    let steps = billing([booked()]).when(cancelled(Some(price("late", 2_000)))).then_steps(&[
        "CancelDraft",
        "DraftInvoice",
        "IssueInvoice",
    ]);
    let step = "draft-late-cancel-fee.2";
    assert_eq!(steps[1], draft(step, InvoiceKind::LateCancelFee, price("late", 2_000)));
    let invoice = drafted(step, InvoiceKind::LateCancelFee, price("late", 2_000));
    let issue = IssueInvoice { invoice, imported: false };
    assert_eq!(steps[2], Intent::send_in_order("issue.2", issue, vec![account_order(), number_order()]));
}

#[test]
fn a_no_show_costs_its_fee_and_undoing_it_credits_the_fee_and_drafts_the_visit_again() {
    let fee = || Some(price("no-show", 3_000));
    billing([booked()]).when(no_show(None)).then_steps(&["CancelDraft"]);
    billing([booked()]).when(no_show(fee())).then_steps(&["CancelDraft", "DraftInvoice", "IssueInvoice"]);
    let again = billing([booked(), no_show(fee())]).when(undone(AppointmentStatus::NoShow));
    let steps = again.then_steps(&["CreditInvoice", "DraftInvoice"]);
    assert_eq!(steps[1], draft("draft-visit.3", InvoiceKind::Visit, price("visit", 9_000)));
    billing([booked(), no_show(None)]).when(undone(AppointmentStatus::NoShow)).then_steps(&["DraftInvoice"]);
}

#[test]
fn the_visit_after_an_undone_no_show_issues_the_new_draft_not_the_void_one() {
    let told = [booked(), no_show(None), undone(AppointmentStatus::NoShow)];
    let steps = billing(told).when(fulfilled()).then_steps(&["IssueInvoice"]);
    let Intent::Send { command, .. } = &steps[0] else { panic!("a command") };
    let Command::IssueInvoice(issue) = &**command else { panic!("an issue") };
    assert_ne!(issue.invoice, visit_invoice());
}

#[test]
fn undoing_an_arrival_touches_no_invoice() {
    billing([booked()]).when(undone(AppointmentStatus::Arrived)).then_nothing();
}

#[test]
fn what_was_entered_in_error_is_credited_when_issued_and_cancelled_when_not() {
    billing([booked(), fulfilled()]).when(in_error(AppointmentStatus::Fulfilled)).then_steps(&["CreditInvoice"]);
    billing([booked()]).when(in_error(AppointmentStatus::Booked)).then_steps(&["CancelDraft"]);
    billing([booked(), cancelled(None)]).when(in_error(AppointmentStatus::Cancelled)).then_nothing();
    let with_fee = [booked(), no_show(Some(price("no-show", 3_000)))];
    billing(with_fee).when(in_error(AppointmentStatus::NoShow)).then_steps(&["CreditInvoice"]);
}

#[test]
fn an_invoice_that_people_credited_before_is_no_dead_letter() {
    assert_eq!(AppointmentBilling::refused("credit.x.3", "invoice-not-issued"), Refused::GoOn);
    assert_eq!(AppointmentBilling::refused("issue.2", "invoice-not-draft"), Refused::DeadLetter);
}
