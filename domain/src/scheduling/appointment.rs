//! An appointment: the state of a stream `appointment:<appointment>`. What may happen to it stands in `transition`.

use super::events::Seat;
use super::{AgreedPrice, AppointmentStatus, Period, SchedulingRejection};
use crate::event::AppointmentEvent;
use crate::kernel::{
    AppointmentId, Evolve, HospitalId, LeaveId, PatientId, PractitionerId, RoleId, StreamName, Timestamp,
};
use crate::streams;

/// An appointment, if it was written down.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Appointment {
    facts: Option<AppointmentFacts>,
}

/// What an appointment is now.
#[derive(Clone, PartialEq, Debug)]
pub struct AppointmentFacts {
    /// The appointment.
    pub appointment: AppointmentId,
    /// Where.
    pub hospital: HospitalId,
    /// For whom.
    pub patient: PatientId,
    /// With whom.
    pub practitioner: PractitionerId,
    /// In which role.
    pub role: RoleId,
    /// The service asked for.
    pub service: String,
    /// When it was asked for, before it had a seat.
    pub requested: Option<Period>,
    /// Where it sits; kept when it is cancelled, for the record.
    pub seat: Option<Seat>,
    /// The price agreed at booking.
    pub price: Option<AgreedPrice>,
    /// Where it stands.
    pub status: AppointmentStatus,
    /// The leave that covers its slot, while somebody must find another.
    pub rebooking: Option<LeaveId>,
    /// When the visit started and ended.
    pub visit: Option<Period>,
    /// True when somebody said why it may overlap another appointment of the patient.
    pub overlap_meant: bool,
}

impl Appointment {
    /// What it is now; `None` if it was never written down.
    pub fn get(&self) -> Option<&AppointmentFacts> {
        self.facts.as_ref()
    }

    /// What it is now.
    ///
    /// # Errors
    /// When it was never written down.
    pub fn facts(&self) -> Result<&AppointmentFacts, SchedulingRejection> {
        self.get().ok_or(SchedulingRejection::AppointmentUnknown)
    }
}

impl AppointmentFacts {
    /// True while it occupies the patient: booked, arrived, checked-in.
    pub fn is_live(&self) -> bool {
        use AppointmentStatus::{Arrived, Booked, CheckedIn};
        matches!(self.status, Booked | Arrived | CheckedIn)
    }

    /// The seat it takes up now: live ones, and those whose visit ended or never began.
    pub fn taken_seat(&self) -> Option<&Seat> {
        use AppointmentStatus::{Fulfilled, NoShow};
        let takes = self.is_live() || matches!(self.status, Fulfilled | NoShow);
        self.seat.as_ref().filter(|_| takes)
    }

    /// Its start, once it has or had a seat.
    pub fn start(&self) -> Option<Timestamp> {
        self.seat.as_ref().map(|seat| seat.period.start)
    }

    /// Its stream.
    pub fn stream(&self) -> StreamName {
        streams::appointment(self.appointment)
    }

    /// The stream of the patient's schedule at its hospital.
    pub fn schedule_stream(&self) -> StreamName {
        streams::patient_schedule(self.hospital, self.patient)
    }

    /// The stream of the day its seat is on.
    pub fn day_stream(&self) -> Option<StreamName> {
        self.seat.as_ref().map(|seat| streams::day(seat.role, seat.date))
    }
}

macro_rules! asked_for {
    ($event:expr, $status:ident) => {
        AppointmentFacts {
            appointment: $event.appointment,
            hospital: $event.hospital,
            patient: $event.patient,
            practitioner: $event.practitioner,
            role: $event.role,
            service: $event.service.clone(),
            requested: $event.requested.clone(),
            seat: None,
            price: None,
            status: AppointmentStatus::$status,
            rebooking: None,
            visit: None,
            overlap_meant: false,
        }
    };
}

impl Evolve for Appointment {
    type Event = AppointmentEvent;

    fn evolve(&mut self, event: &AppointmentEvent) {
        use AppointmentEvent as E;
        match event {
            E::AppointmentProposed(e) => self.facts = Some(asked_for!(e, Proposed)),
            E::AppointmentMadePending(e) => self.facts = Some(asked_for!(e, Pending)),
            E::AppointmentWaitlisted(e) => self.facts = Some(asked_for!(e, Waitlist)),
            E::AppointmentBooked(e) => {
                let requested = self.facts.take().and_then(|facts| facts.requested);
                let practitioner = e.practitioner;
                let seat = Seat { role: e.role, practitioner, date: e.date, period: e.period.clone() };
                self.facts = Some(AppointmentFacts {
                    appointment: e.appointment,
                    hospital: e.hospital,
                    patient: e.patient,
                    practitioner,
                    role: e.role,
                    service: e.price.service.clone(),
                    requested,
                    seat: Some(seat),
                    price: Some(e.price.clone()),
                    status: AppointmentStatus::Booked,
                    rebooking: None,
                    visit: None,
                    overlap_meant: e.overlap_reason.is_some(),
                });
            }
            later => {
                if let Some(facts) = &mut self.facts {
                    facts.evolve(later);
                }
            }
        }
    }
}

impl AppointmentFacts {
    fn evolve(&mut self, event: &AppointmentEvent) {
        use AppointmentEvent as E;
        match event {
            E::AppointmentRescheduled(e) => {
                self.practitioner = e.to.practitioner;
                self.role = e.to.role;
                self.service.clone_from(&e.price.service);
                self.seat = Some(e.to.clone());
                self.price = Some(e.price.clone());
                self.rebooking = None;
                self.overlap_meant = e.overlap_reason.is_some();
            }
            E::RebookingNeeded(e) => self.rebooking = Some(e.leave),
            E::RebookingSettled(_) => self.rebooking = None,
            E::PatientArrived(_) => self.status = AppointmentStatus::Arrived,
            E::PatientCheckedIn(_) => self.status = AppointmentStatus::CheckedIn,
            E::AppointmentFulfilled(e) => {
                self.status = AppointmentStatus::Fulfilled;
                self.visit = Some(Period { start: e.started, end: e.ended });
            }
            E::AppointmentCancelled(_) => self.end_as(AppointmentStatus::Cancelled),
            E::NoShowMarked(_) => self.end_as(AppointmentStatus::NoShow),
            E::AppointmentStatusUndone(e) => self.status = e.to,
            E::AppointmentEnteredInError(_) => self.end_as(AppointmentStatus::EnteredInError),
            E::AppointmentProposed(_)
            | E::AppointmentMadePending(_)
            | E::AppointmentWaitlisted(_)
            | E::AppointmentBooked(_) => {}
        }
    }

    fn end_as(&mut self, status: AppointmentStatus) {
        self.status = status;
        self.rebooking = None;
    }
}

#[cfg(test)]
mod tests;
