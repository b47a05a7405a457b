//! Days with slots and seats, appointments, and a patient's live appointments at a hospital.

pub mod commands;
pub mod events;

use crate::data::{data, words};
use crate::kernel::{LocalDate, Money, Timestamp};
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

rejections! {
    /// Why something about days, slots and appointments is refused.
    pub enum SchedulingRejection {
        AppointmentUnknown = NotFound "appointment-unknown" at "appointment": "there is no such appointment";
        SlotTaken { slot: Timestamp } = Conflict "slot-taken" at "start": "the slot at {slot} is taken; choose another";
    }
}
