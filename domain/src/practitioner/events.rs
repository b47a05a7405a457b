//! What can happen to a practitioner.

use super::WeeklyBlock;
use crate::data::data;
use crate::kernel::{HospitalId, LeaveId, LocalDate, PractitionerId, RoleId, Staff, Timestamp};
use crate::patient::HumanName;

data! {
    /// A practitioner joined the chain.
    struct PractitionerRegistered { practitioner: PractitionerId, name: Staff<HumanName> }
    /// A practitioner works at a hospital.
    struct RoleAssigned {
        role: RoleId, practitioner: PractitionerId, hospital: HospitalId,
        /// A code such as `cardiology`.
        specialty: String,
        /// Service codes of the hospital's price list that can be booked, none meaning all.
        services: Vec<String>,
    }
    /// The weekly schedule from a date on.
    struct ScheduleSet {
        role: RoleId, practitioner: PractitionerId, hospital: HospitalId, effective_from: LocalDate,
        blocks: Vec<WeeklyBlock>,
    }
    /// Absent from `from` (inclusive) to `to` (exclusive).
    struct LeaveTaken {
        role: RoleId, practitioner: PractitionerId, hospital: HospitalId, leave: LeaveId, from: Timestamp,
        to: Timestamp, reason: Option<Staff<String>>,
    }
    /// The leave does not take place.
    struct LeaveCancelled { role: RoleId, practitioner: PractitionerId, hospital: HospitalId, leave: LeaveId }
    /// Every day from `from` to `to` (both inclusive) on which the schedule has a block can be booked. It leads the
    /// `DayOpened` events of its batch, so that the role knows which days a changed schedule or a leave touches.
    struct DaysOpened {
        role: RoleId, practitioner: PractitionerId, hospital: HospitalId, from: LocalDate, to: LocalDate,
    }
}
