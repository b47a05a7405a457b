//! What becomes of appointments, without anybody's reasons.

use carelog_domain::scheduling::{AppointmentStatus, CancelledBy};

use super::values::{Amount, Hospital, Pseudonym, Span};
use crate::cloud_event::Seconds;

super::topic! { "carelog.appointments.v1": "What becomes of appointments, from the wish to the end of the visit.";
    /// Somebody would like to come; no seat is taken.
    struct AppointmentProposed {
        appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym,
        /// Service code of the hospital's price list.
        service: String,
    } may {
        requested: Span,
    }
    /// Not all have agreed yet; no seat is taken.
    struct AppointmentMadePending {
        appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym,
        /// Service code of the hospital's price list.
        service: String,
    } may {
        requested: Span,
    }
    /// Waiting for a seat.
    struct AppointmentWaitlisted {
        appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym,
        /// Service code of the hospital's price list.
        service: String,
    } may {
        requested: Span,
    }
    /// A seat is taken and a price agreed.
    struct AppointmentBooked {
        appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym,
        /// A code such as `cardiology`.
        specialty: String,
        /// Service code of the hospital's price list.
        service: String,
        period: Span,
        /// Before tax.
        price: Amount,
    }
    /// The same appointment at another time.
    struct AppointmentRescheduled {
        appointment: Pseudonym, hospital: Hospital, patient: Pseudonym,
        /// With whom from now on.
        practitioner: Pseudonym,
        from: Span,
        to: Span,
        by: CancelledBy,
        /// Before tax, from now on.
        price: Amount,
    }
    /// The patient is here.
    struct PatientArrived { appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym }
    /// The desk has taken them in.
    struct PatientCheckedIn { appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym }
    /// The visit took place and has ended.
    struct AppointmentFulfilled {
        appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym,
        started: Seconds, ended: Seconds,
    }
    /// It will not take place.
    struct AppointmentCancelled {
        appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym,
        by: CancelledBy,
        /// What it was before.
        from: AppointmentStatus,
    }
    /// The patient did not come.
    struct NoShowMarked {
        appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym,
        /// True when the alarm marked it.
        automatic: bool,
    }
    /// A correction: back to an earlier status.
    struct AppointmentStatusUndone {
        appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym,
        from: AppointmentStatus, to: AppointmentStatus,
    }
    /// It should never have been written.
    struct AppointmentEnteredInError {
        appointment: Pseudonym, hospital: Hospital, patient: Pseudonym, practitioner: Pseudonym,
        /// What it was before.
        from: AppointmentStatus,
    }
}
