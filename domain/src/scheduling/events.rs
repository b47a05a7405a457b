//! What can happen to days, appointments and a patient's schedule at a hospital.

use super::{AgreedPrice, AppointmentStatus, CancelledBy, OpenedSlot, Period};
use crate::data::data;
use crate::kernel::{
    AppointmentId, Clinical, HoldId, HospitalId, LeaveId, LocalDate, PatientId, PractitionerId, RoleId, Timestamp,
};

data! {
    /// A day can be booked. Slots already under leave are listed.
    struct DayOpened {
        hospital: HospitalId, practitioner: PractitionerId, role: RoleId, date: LocalDate, specialty: String,
        slots: Vec<OpenedSlot>,
        /// Starts of slots that a leave covers, with the leave.
        blocked: Vec<(Timestamp, LeaveId)>,
    }
    /// The schedule changed: free slots went and came.
    struct SlotsChanged {
        hospital: HospitalId, practitioner: PractitionerId, role: RoleId, date: LocalDate,
        removed: Vec<Timestamp>, added: Vec<OpenedSlot>,
    }
    /// A leave covers these slots (by start).
    struct SlotsBlocked {
        hospital: HospitalId, practitioner: PractitionerId, role: RoleId, date: LocalDate, leave: LeaveId,
        slots: Vec<Timestamp>,
    }
    /// A leave no longer covers these slots.
    struct SlotsUnblocked {
        hospital: HospitalId, practitioner: PractitionerId, role: RoleId, date: LocalDate, leave: LeaveId,
        slots: Vec<Timestamp>,
    }
    /// A seat is kept for someone until an instant; it ends by time.
    struct SlotHeld {
        hospital: HospitalId, role: RoleId, date: LocalDate, hold: HoldId, slot: Timestamp,
        /// User id of whoever holds it.
        owner: String,
        until: Timestamp,
    }
    /// The seat is no longer kept.
    struct HoldReleased { hospital: HospitalId, role: RoleId, date: LocalDate, hold: HoldId, slot: Timestamp }
    /// An appointment sits in a slot.
    struct SeatTaken {
        hospital: HospitalId, role: RoleId, date: LocalDate, slot: Timestamp, appointment: AppointmentId,
        /// True when it is beyond the capacity; why stands in the appointment.
        overbooked: bool,
    }
    /// It no longer does.
    struct SeatReleased {
        hospital: HospitalId, role: RoleId, date: LocalDate, slot: Timestamp, appointment: AppointmentId,
    }

    /// Somebody would like to come; no seat is taken.
    struct AppointmentProposed {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        role: RoleId, requested: Option<Period>, service: String, reason: Option<Clinical<String>>,
    }
    /// Not all have agreed yet; no seat is taken.
    struct AppointmentMadePending {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        role: RoleId, requested: Option<Period>, service: String, reason: Option<Clinical<String>>,
    }
    /// Waiting for a seat.
    struct AppointmentWaitlisted {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        role: RoleId, requested: Option<Period>, service: String, reason: Option<Clinical<String>>,
    }
    /// A seat is taken and a price agreed.
    struct AppointmentBooked {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        role: RoleId, specialty: String,
        /// The day its slot belongs to.
        date: LocalDate,
        period: Period,
        price: AgreedPrice,
        reason: Option<Clinical<String>>,
        /// Why it was booked into a full slot, if it was.
        overbooking_reason: Option<Clinical<String>>,
        /// Why it may overlap another appointment of the patient, if it does.
        overlap_reason: Option<Clinical<String>>,
    }
    /// The same appointment at another time.
    struct AppointmentRescheduled {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        from: Seat, to: Seat, by: CancelledBy, reason: Clinical<String>,
        /// The price from now on: the one agreed before, or the new date's.
        price: AgreedPrice,
        /// Why it was moved into a full slot, if it was.
        overbooking_reason: Option<Clinical<String>>,
        /// Why it may overlap another appointment of the patient, if it does.
        overlap_reason: Option<Clinical<String>>,
    }
    /// A leave covers its slot: somebody must find another.
    struct RebookingNeeded {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        leave: LeaveId,
    }
    /// The leave that covered its slot was taken back: no other need be found.
    struct RebookingSettled {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        leave: LeaveId,
    }
    /// The patient is here.
    struct PatientArrived {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
    }
    /// The desk has taken them in.
    struct PatientCheckedIn {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
    }
    /// The visit took place and has ended.
    struct AppointmentFulfilled {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        started: Timestamp, ended: Timestamp,
    }
    /// It will not take place.
    struct AppointmentCancelled {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        by: CancelledBy, reason: Option<Clinical<String>>,
        /// What it was before.
        from: AppointmentStatus,
        /// The fee service due under the hospital's policy for cancelling late, if any.
        fee: Option<AgreedPrice>,
    }
    /// The patient did not come.
    struct NoShowMarked {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        /// True when the alarm marked it.
        automatic: bool,
        /// The fee service due under the hospital's policy, if any.
        fee: Option<AgreedPrice>,
    }
    /// A correction: back to an earlier status.
    struct AppointmentStatusUndone {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        from: AppointmentStatus, to: AppointmentStatus, reason: Clinical<String>,
    }
    /// It should never have been written.
    struct AppointmentEnteredInError {
        appointment: AppointmentId, hospital: HospitalId, patient: PatientId, practitioner: PractitionerId,
        from: AppointmentStatus, reason: Clinical<String>,
    }
    /// Where an appointment sits.
    struct Seat { role: RoleId, practitioner: PractitionerId, date: LocalDate, period: Period }

    /// The patient is known at the hospital.
    struct PatientLinked { hospital: HospitalId, patient: PatientId }
    /// A live appointment of the patient there.
    struct VisitPlanned { hospital: HospitalId, patient: PatientId, appointment: AppointmentId, period: Period }
    /// It is at another time.
    struct VisitMoved { hospital: HospitalId, patient: PatientId, appointment: AppointmentId, period: Period }
    /// It is no longer live.
    struct VisitDropped { hospital: HospitalId, patient: PatientId, appointment: AppointmentId }
}
