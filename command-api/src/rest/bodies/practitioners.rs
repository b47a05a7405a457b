//! Bodies about practitioners, their roles, schedules and leave.

use carelog_domain::command::Command;
use carelog_domain::kernel::{HospitalId, LeaveId, LocalDate, Personal, PractitionerId, RoleId, Timestamp};
use carelog_domain::patient::HumanName;
use carelog_domain::practitioner::WeeklyBlock;
use carelog_domain::practitioner::commands::*;
use carelog_domain::scheduling::commands::OpenDays;
use chrono::Weekday;

use crate::problem::Problem;
use crate::rest::body::{Body, bodies, meaning, wall_time};

bodies! {
    /// Adds a practitioner to the chain.
    struct RegisterPractitionerBody { name: HumanName }
    /// Lets a practitioner work at a hospital.
    struct AssignRoleBody {
        practitioner: PractitionerId,
        hospital: HospitalId,
        /// A code such as `cardiology`.
        specialty: String,
        /// Service codes that can be booked; none means all.
        #[serde(default)]
        services: Vec<String>,
    }
    /// Sets the weekly schedule from a date on.
    struct SetScheduleBody { role: RoleId, effective_from: LocalDate, blocks: Vec<WeeklyBlockBody> }
    /// A block of the week, on the wall of the hospital's zone.
    struct WeeklyBlockBody {
        /// `Mon` to `Sun`.
        weekday: String,
        /// A wall time such as `08:00`.
        start: String,
        /// A wall time; one that is not after the start is on the next day.
        end: String,
        /// Length of a slot.
        slot_minutes: u16,
        /// Seats of a slot; 1 unless told.
        #[serde(default = "one")]
        capacity: u16,
    }
    /// Takes leave.
    struct TakeLeaveBody { role: RoleId, from: Timestamp, to: Timestamp, reason: Option<String> }
    /// Takes leave back.
    struct CancelLeaveBody { role: RoleId, leave: LeaveId }
    /// Opens days for booking, both ends included.
    struct OpenDaysBody { role: RoleId, from: LocalDate, to: LocalDate }
}

const fn one() -> u16 {
    1
}

impl Body for RegisterPractitionerBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(RegisterPractitioner { name: Personal::new(self.name) }.into())
    }
}

impl Body for AssignRoleBody {
    fn command(self) -> Result<Command, Problem> {
        let AssignRoleBody { practitioner, hospital, specialty, services } = self;
        Ok(AssignRole { practitioner, hospital, specialty, services }.into())
    }
}

impl Body for SetScheduleBody {
    fn command(self) -> Result<Command, Problem> {
        let block = |(index, block): (usize, WeeklyBlockBody)| {
            let at = |field: &str| format!("/blocks/{index}/{field}");
            Ok(WeeklyBlock {
                weekday: meaning::<Weekday>(&at("weekday"), &block.weekday, "a day of the week such as Mon")?,
                start: wall_time(&at("start"), &block.start)?,
                end: wall_time(&at("end"), &block.end)?,
                slot_minutes: block.slot_minutes,
                capacity: block.capacity,
            })
        };
        let blocks = self.blocks.into_iter().enumerate().map(block).collect::<Result<_, Problem>>()?;
        Ok(SetSchedule { role: self.role, effective_from: self.effective_from, blocks }.into())
    }
}

impl Body for TakeLeaveBody {
    fn command(self) -> Result<Command, Problem> {
        let TakeLeaveBody { role, from, to, reason } = self;
        Ok(TakeLeave { role, from, to, reason: reason.map(Personal::new) }.into())
    }
}

impl Body for CancelLeaveBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(CancelLeave { role: self.role, leave: self.leave }.into())
    }
}

impl Body for OpenDaysBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(OpenDays { role: self.role, from: self.from, to: self.to }.into())
    }
}
