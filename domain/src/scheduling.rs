//! Days with slots and seats, appointments, and a patient's live appointments at a hospital.
//!
//! ```text
//! proposed -> pending -> booked -> arrived -> checked-in -> fulfilled      waitlist -> proposed | booked
//! any before fulfilled -> cancelled        booked -> noshow        any -> entered-in-error
//! corrections: arrived | checked-in -> booked, noshow -> booked | arrived
//! ```
//!
//! `transition` holds the table of these arrows. Commands that span streams are functions, one file each: they take
//! the states they read and give back [`crate::event::Changes`], the leading stream's event first. Whoever calls them
//! loads every stream that their documentation names, and expects a stream that it did not load to be empty.

pub mod advance;
pub mod appointment;
pub mod book;
pub mod close;
pub mod commands;
pub mod day;
pub mod events;
pub mod history;
pub mod hold;
pub mod leave;
pub mod open_days;
pub mod patient_schedule;
pub mod price;
pub mod reschedule;
pub mod set_schedule;
pub mod slots;
pub mod transition;
pub mod visit;

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod world;

pub use advance::advance;
pub use appointment::{Appointment, AppointmentFacts};
pub use book::{BookingContext, book};
pub use close::{cancel, enter_in_error, mark_no_show};
pub use day::{Day, Hold, Slot};
pub use hold::{hold_slot, release_hold};
pub use leave::{appointments_on_leave, appointments_to_settle, cancel_leave, leave_dates, take_leave};
pub use open_days::open_days;
pub use patient_schedule::{PatientSchedule, link};
pub use reschedule::reschedule;
pub use set_schedule::{dates_touched, set_schedule};
pub use slots::{candidate_dates, slots_of};
pub use transition::{Action, allowed_actions};
pub use visit::{arrive, check_in, fulfil, undo};

use crate::data::{data, words};
use crate::kernel::reason::refused_for_reason;
use crate::kernel::{AppointmentId, LocalDate, Money, Timestamp};
use crate::organization::Tax;
use crate::rejection::rejections;

words! {
    /// FHIR R4 appointmentstatus.
    enum AppointmentStatus {
        Proposed = "proposed", Pending = "pending", Booked = "booked", Arrived = "arrived", Fulfilled = "fulfilled",
        Cancelled = "cancelled", NoShow = "noshow", EnteredInError = "entered-in-error", CheckedIn = "checked-in",
        Waitlist = "waitlist",
    }
    /// Who cancelled or moved an appointment (FHIR appointment-cancellation-reason, by group).
    enum CancelledBy { Patient = "pat", Provider = "prov", Other = "other" }
    /// FHIR R4 slotstatus, derived from the seats.
    enum SlotStatus { Free = "free", Busy = "busy", BusyUnavailable = "busy-unavailable" }
}

data! {
    /// A stretch of time, `end` exclusive.
    struct Period { start: Timestamp, end: Timestamp }
    /// A slot as it was opened; its identity within the day is its start.
    struct OpenedSlot { start: Timestamp, end: Timestamp, capacity: u16 }
    /// The price list's entry in force on the service date, as known when it was agreed.
    struct AgreedPrice {
        service: String,
        display: String,
        /// Before tax.
        amount: Money,
        tax: Tax,
        /// The local date it was looked up for.
        service_date: LocalDate,
    }
}

impl Period {
    /// True when both share an instant; an empty period shares none.
    pub fn overlaps(&self, other: &Period) -> bool {
        self.start < other.end && other.start < self.end && self.start < self.end && other.start < other.end
    }
}

rejections! {
    /// Why something about days, slots and appointments is refused.
    pub enum SchedulingRejection {
        HospitalUnknown = NotFound "hospital-unknown" at "hospital": "there is no such hospital";
        RoleUnknown = NotFound "practitioner-role-unknown" at "role": "there is no such practitioner role";
        PatientNotLinked = Unprocessable "patient-not-linked" at "patient":
            "the patient is not registered at this hospital; register them there first";
        AppointmentUnknown = NotFound "appointment-unknown" at "appointment": "there is no such appointment";
        AppointmentStatusConflict { status: AppointmentStatus, action: Action }
            = Conflict "appointment-status" at "appointment":
            "the appointment is {status}, from where {action} is not possible; its allowed actions say what is";
        StatusNotBookable { status: AppointmentStatus } = Unprocessable "status-not-bookable" at "status":
            "an appointment begins as proposed, pending, waitlist or booked, not as {status}";
        ServiceNotOffered { service: String } = Unprocessable "service-not-offered" at "service":
            "this practitioner role does not offer {service:?}; choose another service or role";
        PriceMissing { service: String, date: LocalDate } = Unprocessable "price-missing" at "service":
            "the hospital's price list has no entry for {service:?} in force on {date}; add one first";
        StartMissing = Unprocessable "start-missing" at "start": "a seat needs the start of its slot";
        SlotNotOpen { slot: Timestamp } = Conflict "slot-not-open" at "start":
            "no slot of this role starts at {slot}; ask for its availability";
        SlotTaken { slot: Timestamp } = Conflict "slot-taken" at "start": "the slot at {slot} is taken; choose another";
        SlotOnLeave { slot: Timestamp } = Conflict "slot-on-leave" at "start":
            "the practitioner is on leave at {slot}; choose another slot";
        OverbookingNotPermitted = Forbidden "overbooking-not-permitted" at "overbookingReason":
            "your roles do not allow booking into a full slot";
        OverbookingExhausted { slot: Timestamp } = Conflict "overbooking-exhausted" at "start":
            "the slot at {slot} is full and overbooked as far as the hospital allows; choose another";
        VisitsOverlap { other: AppointmentId } = Conflict "visits-overlap" at "start":
            "the patient has appointment {other} at that time; choose another time, or say in overlapReason why both";
        AlreadyThere { slot: Timestamp } = Conflict "already-there" at "start":
            "the appointment is in that slot already, at {slot}";
        OtherHospital = Unprocessable "other-hospital" at "role":
            "an appointment moves within its hospital; cancel it and book at the other";
        HoldUnknown = NotFound "hold-unknown" at "hold": "there is no such hold on that day";
        HoldNotYours = Forbidden "hold-not-yours" at "hold": "somebody else keeps that seat";
        HoldElsewhere = Unprocessable "hold-elsewhere" at "hold": "the hold is on another slot";
        HoldMinutesInvalid = Unprocessable "hold-minutes" at "minutes": "a seat is held for 1 to 30 minutes";
        NoShowTooEarly { earliest: Timestamp } = Conflict "no-show-too-early" at "appointment":
            "nobody can be a no-show before {earliest}: the start and the hospital's grace";
        VisitTimesInvalid = Unprocessable "visit-times" at "ended":
            "a visit ends after it started and not in the future";
        UndoTargetInvalid { to: AppointmentStatus } = Unprocessable "undo-target" at "to":
            "a status is put back to booked or arrived, not to {to}";
        AdvanceTargetInvalid { to: AppointmentStatus } = Unprocessable "advance-target" at "to":
            "an appointment without a seat goes on to proposed, pending or booked, not to {to}";
        ReasonMissing = Unprocessable "reason-missing" at "reason": "a reason is needed";
        ReasonTooLong = Unprocessable "reason-too-long" at "reason": "a reason has at most 2,000 bytes; shorten it";
        DaysInvalid = Unprocessable "days-range" at "to": "to is not before from, and at most 400 days are opened at once";
    }
}

refused_for_reason!(SchedulingRejection);
