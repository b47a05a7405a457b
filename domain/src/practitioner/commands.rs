//! What can be asked about a practitioner.

use super::WeeklyBlock;
use crate::data::data;
use crate::kernel::{HospitalId, LeaveId, LocalDate, PractitionerId, RoleId, Staff, Timestamp};
use crate::patient::HumanName;

data! {
    /// Adds a practitioner to the chain.
    struct RegisterPractitioner { name: Staff<HumanName> }
    /// Lets a practitioner work at a hospital.
    struct AssignRole {
        practitioner: PractitionerId, hospital: HospitalId, specialty: String, services: Vec<String>,
    }
    /// Sets the weekly schedule from a date on.
    struct SetSchedule { role: RoleId, effective_from: LocalDate, blocks: Vec<WeeklyBlock> }
    /// Takes leave; booked slots go on the worklist `to rebook`.
    struct TakeLeave { role: RoleId, from: Timestamp, to: Timestamp, reason: Option<Staff<String>> }
    /// Takes leave back.
    struct CancelLeave { role: RoleId, leave: LeaveId }
}
