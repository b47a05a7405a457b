//! Topic `carelog.appointments.v1`.

use carelog_domain::event::{AppointmentEvent as E, Event};
use carelog_schemas::topics::appointments::{
    AppointmentBooked, AppointmentCancelled, AppointmentEnteredInError, AppointmentFulfilled, AppointmentMadePending,
    AppointmentProposed, AppointmentRescheduled, AppointmentStatusUndone, AppointmentWaitlisted, Message, NoShowMarked,
    PatientArrived, PatientCheckedIn,
};

use crate::pseudonyms::Pseudonyms;

/// A message with the four ids that all of them carry, and more.
macro_rules! about {
    ($names:ident, $event:ident => $message:ident { $($more:tt)* }) => {
        $message {
            appointment: $names.appointment($event.appointment),
            hospital: $event.hospital,
            patient: $names.patient($event.patient),
            practitioner: $names.practitioner($event.practitioner),
            $($more)*
        }
        .into()
    };
}

macro_rules! asked_for {
    ($names:ident, $event:ident => $message:ident) => {
        about!($names, $event => $message {
            service: $event.service.clone(),
            requested: $event.requested.as_ref().map(Into::into),
        })
    };
}

pub(crate) fn message(event: &Event, names: &Pseudonyms<'_>) -> Option<Message> {
    let Event::AppointmentEvent(event) = event else { return None };
    Some(match event {
        E::AppointmentProposed(e) => asked_for!(names, e => AppointmentProposed),
        E::AppointmentMadePending(e) => asked_for!(names, e => AppointmentMadePending),
        E::AppointmentWaitlisted(e) => asked_for!(names, e => AppointmentWaitlisted),
        E::AppointmentBooked(e) => about!(names, e => AppointmentBooked {
            specialty: e.specialty.clone(),
            service: e.price.service.clone(),
            period: (&e.period).into(),
            price: e.price.amount.into(),
        }),
        E::AppointmentRescheduled(e) => AppointmentRescheduled {
            appointment: names.appointment(e.appointment),
            hospital: e.hospital,
            patient: names.patient(e.patient),
            practitioner: names.practitioner(e.to.practitioner),
            from: (&e.from.period).into(),
            to: (&e.to.period).into(),
            by: e.by,
            price: e.price.amount.into(),
        }
        .into(),
        E::PatientArrived(e) => about!(names, e => PatientArrived {}),
        E::PatientCheckedIn(e) => about!(names, e => PatientCheckedIn {}),
        E::AppointmentFulfilled(e) => about!(names, e => AppointmentFulfilled {
            started: e.started.into(),
            ended: e.ended.into(),
        }),
        E::AppointmentCancelled(e) => about!(names, e => AppointmentCancelled { by: e.by, from: e.from }),
        E::NoShowMarked(e) => about!(names, e => NoShowMarked { automatic: e.automatic }),
        E::AppointmentStatusUndone(e) => about!(names, e => AppointmentStatusUndone { from: e.from, to: e.to }),
        E::AppointmentEnteredInError(e) => about!(names, e => AppointmentEnteredInError { from: e.from }),
        // A worklist of the hospital's own: nothing happened to the appointment.
        E::RebookingNeeded(_) | E::RebookingSettled(_) => return None,
    })
}
