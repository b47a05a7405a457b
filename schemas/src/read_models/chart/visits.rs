//! The items `appointment#<id>`.

use carelog_domain::event::{AppointmentEvent, Event};
use carelog_domain::kernel::{AppointmentId, PatientId, Personal, Recorded};
use carelog_domain::scheduling::AppointmentStatus as Status;
use serde_json::{Value, json};

use super::ChartAppointment;
use super::change::{ItemChange, ItemWhat, body, item, merged};

/// The events that ask for an appointment without a seat have the same fields.
macro_rules! asked {
    ($e:ident, $status:expr, $recorded:ident) => {{
        let visit = ChartAppointment {
            appointment: $e.appointment.to_string(),
            hospital: $e.hospital.to_string(),
            practitioner: $e.practitioner.to_string(),
            role: $e.role.to_string(),
            specialty: None,
            service: $e.service.clone(),
            status: $status,
            date: None,
            start: $e.requested.as_ref().map(|period| period.start),
            end: $e.requested.as_ref().map(|period| period.end),
            reason: $e.reason.as_ref().and_then(Personal::open).cloned(),
            started: None,
            ended: None,
            cancelled_by: None,
            cancel_reason: None,
            version: $recorded.context.version.0,
        };
        vec![item($e.patient, key($e.appointment), ItemWhat::Put(body(&visit)))]
    }};
}

pub(super) fn changes(event: &AppointmentEvent, recorded: &Recorded<Event>) -> Vec<ItemChange> {
    let change = |patient: PatientId, appointment: AppointmentId, fields: Value| {
        vec![item(patient, key(appointment), merged(recorded, fields))]
    };
    use AppointmentEvent as E;
    match event {
        E::AppointmentProposed(e) => asked!(e, Status::Proposed, recorded),
        E::AppointmentMadePending(e) => asked!(e, Status::Pending, recorded),
        E::AppointmentWaitlisted(e) => asked!(e, Status::Waitlist, recorded),
        E::AppointmentBooked(e) => {
            let visit = ChartAppointment {
                appointment: e.appointment.to_string(),
                hospital: e.hospital.to_string(),
                practitioner: e.practitioner.to_string(),
                role: e.role.to_string(),
                specialty: Some(e.specialty.clone()),
                service: e.price.service.clone(),
                status: Status::Booked,
                date: Some(e.date),
                start: Some(e.period.start),
                end: Some(e.period.end),
                reason: e.reason.as_ref().and_then(Personal::open).cloned(),
                started: None,
                ended: None,
                cancelled_by: None,
                cancel_reason: None,
                version: recorded.context.version.0,
            };
            vec![item(e.patient, key(e.appointment), ItemWhat::Put(body(&visit)))]
        }
        E::AppointmentRescheduled(e) => {
            let fields = json!({
                "practitioner": e.to.practitioner,
                "role": e.to.role,
                "service": e.price.service,
                "date": e.to.date,
                "start": e.to.period.start,
                "end": e.to.period.end,
            });
            change(e.patient, e.appointment, fields)
        }
        // Nothing the patient's chart shows; only on the worklist.
        E::RebookingNeeded(_) | E::RebookingSettled(_) => vec![],
        E::PatientArrived(e) => change(e.patient, e.appointment, json!({ "status": Status::Arrived })),
        E::PatientCheckedIn(e) => change(e.patient, e.appointment, json!({ "status": Status::CheckedIn })),
        E::AppointmentFulfilled(e) => {
            let fields = json!({ "status": Status::Fulfilled, "started": e.started, "ended": e.ended });
            change(e.patient, e.appointment, fields)
        }
        E::AppointmentCancelled(e) => {
            let reason = e.reason.as_ref().and_then(Personal::open);
            let fields = json!({ "status": Status::Cancelled, "cancelledBy": e.by, "cancelReason": reason });
            change(e.patient, e.appointment, fields)
        }
        E::NoShowMarked(e) => change(e.patient, e.appointment, json!({ "status": Status::NoShow })),
        E::AppointmentStatusUndone(e) => change(e.patient, e.appointment, json!({ "status": e.to })),
        E::AppointmentEnteredInError(e) => {
            change(e.patient, e.appointment, json!({ "status": Status::EnteredInError }))
        }
    }
}

fn key(appointment: AppointmentId) -> String {
    format!("appointment#{appointment}")
}
