//! Bodies about holds and appointments.

use carelog_domain::command::Command;
use carelog_domain::kernel::{AppointmentId, HoldId, PatientId, Personal, RoleId, Timestamp};
use carelog_domain::scheduling::commands::*;
use carelog_domain::scheduling::{AppointmentStatus, CancelledBy};

use crate::problem::Problem;
use crate::rest::body::{Body, bodies};

bodies! {
    /// Keeps a seat for a while.
    struct HoldSlotBody {
        /// The practitioner role.
        role: RoleId,
        /// The start of the slot.
        start: Timestamp,
        /// 1 to 30, 5 unless told.
        minutes: Option<u16>,
    }
    /// Gives a kept seat up.
    struct ReleaseHoldBody { hold: HoldId }
    /// Asks for an appointment.
    struct BookAppointmentBody {
        /// The practitioner role.
        role: RoleId,
        patient: PatientId,
        /// The start of the slot; needed for `booked`.
        start: Option<Timestamp>,
        /// The hospital's code of the service.
        service: String,
        /// How far it goes at once: `booked` (unless told) takes a seat, `proposed`, `pending` and `waitlist` do not.
        #[serde(default = "booked")]
        status: AppointmentStatus,
        reason: Option<String>,
        /// A hold of the same user on that slot, which the booking uses up.
        hold: Option<HoldId>,
        /// Why a full slot should be overbooked.
        overbooking_reason: Option<String>,
        /// Why it may overlap another appointment of the patient.
        overlap_reason: Option<String>,
    }
    /// Takes an appointment that has no seat yet further.
    struct AdvanceAppointmentBody {
        appointment: AppointmentId,
        /// `proposed`, `pending` or `booked`.
        to: AppointmentStatus,
        start: Option<Timestamp>,
        hold: Option<HoldId>,
        overbooking_reason: Option<String>,
        overlap_reason: Option<String>,
    }
    /// Moves a booked appointment within its hospital.
    struct RescheduleAppointmentBody {
        appointment: AppointmentId,
        /// The role moved to; its own unless told.
        role: Option<RoleId>,
        /// The start of the new slot.
        start: Timestamp,
        /// Who wants it moved.
        by: CancelledBy,
        reason: String,
        hold: Option<HoldId>,
        overbooking_reason: Option<String>,
        overlap_reason: Option<String>,
    }
    /// The patient is here.
    struct ArriveBody { appointment: AppointmentId }
    /// The desk takes them in.
    struct CheckInBody { appointment: AppointmentId }
    /// The visit took place.
    struct FulfilBody { appointment: AppointmentId, started: Timestamp, ended: Timestamp }
    /// It will not take place.
    struct CancelAppointmentBody {
        appointment: AppointmentId,
        /// Who cancels.
        by: CancelledBy,
        reason: Option<String>,
    }
    /// The patient did not come.
    struct MarkNoShowBody { appointment: AppointmentId }
    /// Puts a status back.
    struct UndoStatusBody {
        appointment: AppointmentId,
        /// `booked` or `arrived`.
        to: AppointmentStatus,
        reason: String,
    }
    /// It should never have been written.
    struct EnterAppointmentInErrorBody { appointment: AppointmentId, reason: String }
}

fn booked() -> AppointmentStatus {
    AppointmentStatus::Booked
}

impl Body for HoldSlotBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(HoldSlot { role: self.role, start: self.start, minutes: self.minutes }.into())
    }
}

impl Body for ReleaseHoldBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(ReleaseHold { hold: self.hold }.into())
    }
}

impl Body for BookAppointmentBody {
    fn command(self) -> Result<Command, Problem> {
        let book = BookAppointment {
            role: self.role,
            patient: self.patient,
            start: self.start,
            service: self.service,
            status: self.status,
            reason: self.reason.map(Personal::new),
            hold: self.hold,
            overbooking_reason: self.overbooking_reason.map(Personal::new),
            overlap_reason: self.overlap_reason.map(Personal::new),
        };
        Ok(book.into())
    }
}

impl Body for AdvanceAppointmentBody {
    fn command(self) -> Result<Command, Problem> {
        let advance = AdvanceAppointment {
            appointment: self.appointment,
            to: self.to,
            start: self.start,
            hold: self.hold,
            overbooking_reason: self.overbooking_reason.map(Personal::new),
            overlap_reason: self.overlap_reason.map(Personal::new),
        };
        Ok(advance.into())
    }
}

impl Body for RescheduleAppointmentBody {
    fn command(self) -> Result<Command, Problem> {
        let reschedule = RescheduleAppointment {
            appointment: self.appointment,
            role: self.role,
            start: self.start,
            by: self.by,
            reason: Personal::new(self.reason),
            hold: self.hold,
            overbooking_reason: self.overbooking_reason.map(Personal::new),
            overlap_reason: self.overlap_reason.map(Personal::new),
        };
        Ok(reschedule.into())
    }
}

impl Body for ArriveBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(Arrive { appointment: self.appointment }.into())
    }
}

impl Body for CheckInBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(CheckIn { appointment: self.appointment }.into())
    }
}

impl Body for FulfilBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(Fulfil { appointment: self.appointment, started: self.started, ended: self.ended }.into())
    }
}

impl Body for CancelAppointmentBody {
    fn command(self) -> Result<Command, Problem> {
        let CancelAppointmentBody { appointment, by, reason } = self;
        Ok(CancelAppointment { appointment, by, reason: reason.map(Personal::new) }.into())
    }
}

impl Body for MarkNoShowBody {
    fn command(self) -> Result<Command, Problem> {
        // People mark it; only the alarm of the saga is automatic.
        Ok(MarkNoShow { appointment: self.appointment, automatic: false, start: None }.into())
    }
}

impl Body for UndoStatusBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(UndoStatus { appointment: self.appointment, to: self.to, reason: Personal::new(self.reason) }.into())
    }
}

impl Body for EnterAppointmentInErrorBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(EnterAppointmentInError { appointment: self.appointment, reason: Personal::new(self.reason) }.into())
    }
}
