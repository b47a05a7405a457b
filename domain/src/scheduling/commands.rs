//! What can be asked about days and appointments.

use super::{AppointmentStatus, CancelledBy};
use crate::data::data;
use crate::kernel::{AppointmentId, Clinical, HoldId, LocalDate, PatientId, RoleId, Timestamp};

data! {
    /// Opens every day from `from` to `to` (both inclusive) on which the schedule has a block; days open already stay.
    struct OpenDays { role: RoleId, from: LocalDate, to: LocalDate }
    /// Keeps a seat, 5 minutes unless told, at most 30.
    struct HoldSlot { role: RoleId, start: Timestamp, minutes: Option<u16> }
    /// Gives a kept seat up.
    struct ReleaseHold { hold: HoldId }
    /// Asks for an appointment. `status` says how far it goes at once: `booked` takes a seat, `proposed`, `pending` and
    /// `waitlist` do not.
    struct BookAppointment {
        role: RoleId, patient: PatientId,
        /// Needed for `booked`.
        start: Option<Timestamp>,
        service: String,
        status: AppointmentStatus,
        reason: Option<Clinical<String>>,
        /// A hold of the same user on that slot, which the booking uses up.
        hold: Option<HoldId>,
        /// Why a full slot should be overbooked.
        overbooking_reason: Option<Clinical<String>>,
        /// Why it may overlap another appointment of the patient.
        overlap_reason: Option<Clinical<String>>,
    }
    /// Takes an appointment that has no seat yet to `proposed`, `pending` or `booked`.
    struct AdvanceAppointment {
        appointment: AppointmentId, to: AppointmentStatus, start: Option<Timestamp>, hold: Option<HoldId>,
        overbooking_reason: Option<Clinical<String>>, overlap_reason: Option<Clinical<String>>,
    }
    /// Moves a booked appointment within its hospital, to another time or another role.
    struct RescheduleAppointment {
        appointment: AppointmentId, role: Option<RoleId>, start: Timestamp, by: CancelledBy, reason: Clinical<String>,
        hold: Option<HoldId>, overbooking_reason: Option<Clinical<String>>, overlap_reason: Option<Clinical<String>>,
    }
    /// The patient is here.
    struct Arrive { appointment: AppointmentId }
    /// The desk takes them in.
    struct CheckIn { appointment: AppointmentId }
    /// The visit took place.
    struct Fulfil { appointment: AppointmentId, started: Timestamp, ended: Timestamp }
    /// It will not take place.
    struct CancelAppointment { appointment: AppointmentId, by: CancelledBy, reason: Option<Clinical<String>> }
    /// The patient did not come.
    struct MarkNoShow {
        appointment: AppointmentId, automatic: bool,
        /// For the alarm: the start it was set for; another start means it was moved and nothing is done.
        start: Option<Timestamp>,
    }
    /// Puts a status back: arrived or checked-in to booked, noshow to booked or arrived.
    struct UndoStatus { appointment: AppointmentId, to: AppointmentStatus, reason: Clinical<String> }
    /// It should never have been written.
    struct EnterAppointmentInError { appointment: AppointmentId, reason: Clinical<String> }
}
