//! Read model `appointments`: every appointment as it stands; its worklists are filters on it.

use carelog_domain::event::{AppointmentEvent, Event};
use carelog_domain::kernel::{AppointmentId, Clinical, HospitalId, PatientId, PractitionerId, Recorded, RoleId};
use carelog_domain::ports::SqlValue;
use carelog_domain::scheduling::events::{AppointmentBooked, AppointmentRescheduled};
use carelog_domain::scheduling::{AgreedPrice, AppointmentStatus, Period};
use carelog_schemas::read_models::Model;
use carelog_schemas::read_models::appointments::{APPOINTMENTS, MODEL};

use crate::change::{Cell, Change, add, date, int, maybe_text, patch, personal, put, text};
use crate::projection::Projection;

macro_rules! asked {
    ($event:ident) => {
        Asked {
            appointment: $event.appointment,
            hospital: $event.hospital,
            patient: $event.patient,
            practitioner: $event.practitioner,
            role: $event.role,
            requested: $event.requested.as_ref(),
            service: &$event.service,
            reason: $event.reason.as_ref(),
        }
    };
}

/// See the module.
pub struct Appointments;

impl Projection for Appointments {
    const MODEL: &'static Model = &MODEL;
    const EVENTS: &'static [&'static str] = &[
        "AppointmentProposed",
        "AppointmentMadePending",
        "AppointmentWaitlisted",
        "AppointmentBooked",
        "AppointmentRescheduled",
        "RebookingNeeded",
        "RebookingSettled",
        "PatientArrived",
        "PatientCheckedIn",
        "AppointmentFulfilled",
        "AppointmentCancelled",
        "NoShowMarked",
        "AppointmentStatusUndone",
        "AppointmentEnteredInError",
    ];

    fn project(recorded: &Recorded<Event>) -> Vec<Change> {
        let Event::AppointmentEvent(event) = &recorded.event else { return vec![] };
        let at: SqlValue = recorded.context.occurred_at.into();
        let to = |appointment: AppointmentId, status: AppointmentStatus, cells: Vec<Cell>| {
            changed(recorded, appointment, [vec![("status", text(status))], cells].concat())
        };
        use AppointmentEvent as E;
        match event {
            E::AppointmentProposed(e) => asked_for(recorded, AppointmentStatus::Proposed, &asked!(e)),
            E::AppointmentMadePending(e) => asked_for(recorded, AppointmentStatus::Pending, &asked!(e)),
            E::AppointmentWaitlisted(e) => asked_for(recorded, AppointmentStatus::Waitlist, &asked!(e)),
            E::AppointmentBooked(e) => booked(recorded, e),
            E::AppointmentRescheduled(e) => rescheduled(recorded, e),
            E::RebookingNeeded(e) => {
                let cells = vec![("needs_rebooking", int(1)), ("rebooking_leave", text(e.leave))];
                changed(recorded, e.appointment, cells)
            }
            E::RebookingSettled(e) => {
                changed(recorded, e.appointment, vec![("needs_rebooking", int(0)), ("rebooking_leave", SqlValue::Null)])
            }
            E::PatientArrived(e) => to(e.appointment, AppointmentStatus::Arrived, vec![("arrived_at", at)]),
            E::PatientCheckedIn(e) => to(e.appointment, AppointmentStatus::CheckedIn, vec![("checked_in_at", at)]),
            E::AppointmentFulfilled(e) => {
                let cells = vec![("started_at", e.started.into()), ("ended_at", e.ended.into())];
                to(e.appointment, AppointmentStatus::Fulfilled, cells)
            }
            E::AppointmentCancelled(e) => {
                let cells = vec![
                    ("cancelled_at", at),
                    ("cancelled_by", text(e.by)),
                    ("cancel_reason", personal(e.reason.as_ref())),
                ];
                to(e.appointment, AppointmentStatus::Cancelled, [cells, fee(e.fee.as_ref())].concat())
            }
            E::NoShowMarked(e) => {
                let cells = vec![("noshow_at", at), ("noshow_automatic", e.automatic.into())];
                to(e.appointment, AppointmentStatus::NoShow, [cells, fee(e.fee.as_ref())].concat())
            }
            E::AppointmentStatusUndone(e) => to(e.appointment, e.to, undone(e.to)),
            E::AppointmentEnteredInError(e) => to(e.appointment, AppointmentStatus::EnteredInError, vec![]),
        }
    }
}

/// What the events that ask for an appointment without a seat have in common.
struct Asked<'a> {
    appointment: AppointmentId,
    hospital: HospitalId,
    patient: PatientId,
    practitioner: PractitionerId,
    role: RoleId,
    requested: Option<&'a Period>,
    service: &'a str,
    reason: Option<&'a Clinical<String>>,
}

fn asked_for(recorded: &Recorded<Event>, status: AppointmentStatus, asked: &Asked<'_>) -> Vec<Change> {
    let row = vec![
        ("appointment", text(asked.appointment)),
        ("hospital", text(asked.hospital)),
        ("patient", text(asked.patient)),
        ("practitioner", text(asked.practitioner)),
        ("role", text(asked.role)),
        ("service", text(asked.service)),
        ("status", text(status)),
        ("requested_start", asked.requested.map(|period| period.start).into()),
        ("requested_end", asked.requested.map(|period| period.end).into()),
        ("reason", personal(asked.reason)),
    ];
    vec![put(&APPOINTMENTS, [row, first(recorded), stamp(recorded)].concat())]
}

fn booked(recorded: &Recorded<Event>, e: &AppointmentBooked) -> Vec<Change> {
    let row = vec![
        ("appointment", text(e.appointment)),
        ("hospital", text(e.hospital)),
        ("patient", text(e.patient)),
        ("practitioner", text(e.practitioner)),
        ("role", text(e.role)),
        ("specialty", text(&e.specialty)),
        ("status", text(AppointmentStatus::Booked)),
        ("reason", personal(e.reason.as_ref())),
        ("overbooking_reason", personal(e.overbooking_reason.as_ref())),
        ("overlap_reason", personal(e.overlap_reason.as_ref())),
        ("booked_at", recorded.context.occurred_at.into()),
        ("date", date(e.date)),
        ("start_at", e.period.start.into()),
        ("end_at", e.period.end.into()),
    ];
    vec![put(&APPOINTMENTS, [row, price(&e.price), first(recorded), stamp(recorded)].concat())]
}

fn rescheduled(recorded: &Recorded<Event>, e: &AppointmentRescheduled) -> Vec<Change> {
    let seat = vec![
        ("role", text(e.to.role)),
        ("practitioner", text(e.to.practitioner)),
        ("date", date(e.to.date)),
        ("start_at", e.to.period.start.into()),
        ("end_at", e.to.period.end.into()),
        ("needs_rebooking", int(0)),
        ("rebooking_leave", SqlValue::Null),
        ("last_reschedule_reason", personal(Some(&e.reason))),
        ("overbooking_reason", personal(e.overbooking_reason.as_ref())),
        ("overlap_reason", personal(e.overlap_reason.as_ref())),
    ];
    let mut changes = changed(recorded, e.appointment, [seat, price(&e.price)].concat());
    changes.push(add(&APPOINTMENTS, vec![text(e.appointment)], vec![("rescheduled", 1)]));
    changes
}

/// What a correction back to `to` makes untrue.
fn undone(to: AppointmentStatus) -> Vec<Cell> {
    let fee = ["noshow_at", "noshow_automatic", "fee_service", "fee_amount"];
    let cleared: Vec<&'static str> = match to {
        AppointmentStatus::Booked => ["arrived_at", "checked_in_at"].into_iter().chain(fee).collect(),
        AppointmentStatus::Arrived => ["checked_in_at"].into_iter().chain(fee).collect(),
        _ => fee.into(),
    };
    cleared.into_iter().map(|column| (column, SqlValue::Null)).collect()
}

fn price(price: &AgreedPrice) -> Vec<Cell> {
    vec![
        ("service", text(&price.service)),
        ("service_display", text(&price.display)),
        ("price_amount", price.amount.minor.into()),
        ("price_currency", text(price.amount.currency)),
        ("tax_category", text(&price.tax.category)),
        ("tax_rate_basis_points", int(price.tax.rate_basis_points)),
    ]
}

fn fee(fee: Option<&AgreedPrice>) -> Vec<Cell> {
    vec![
        ("fee_service", maybe_text(fee.map(|fee| &fee.service))),
        ("fee_amount", fee.map(|fee| fee.amount.minor).into()),
    ]
}

/// What an appointment begins with; when it began is said by its first event alone.
fn first(recorded: &Recorded<Event>) -> Vec<Cell> {
    let began = (recorded.context.version.0 == 1).then(|| ("created_at", recorded.context.occurred_at.into()));
    [("needs_rebooking", int(0)), ("rescheduled", int(0))].into_iter().chain(began).collect()
}

fn changed(recorded: &Recorded<Event>, appointment: AppointmentId, cells: Vec<Cell>) -> Vec<Change> {
    vec![patch(&APPOINTMENTS, vec![text(appointment)], [cells, stamp(recorded)].concat())]
}

fn stamp(recorded: &Recorded<Event>) -> Vec<Cell> {
    vec![("updated_at", recorded.context.occurred_at.into()), ("version", int(recorded.context.version.0))]
}
