//! The table of an appointment's state machine: which action leads from which status to which. Every command that
//! changes an appointment asks it, and so does whoever shows what can be done.

use super::{Appointment, AppointmentFacts, AppointmentStatus, SchedulingRejection};
use crate::data::words;
use crate::kernel::Timestamp;
use crate::organization::Policies;

words! {
    /// What can be done with an appointment.
    enum Action {
        Propose = "propose", MakePending = "make-pending", Book = "book", Reschedule = "reschedule",
        Arrive = "arrive", CheckIn = "check-in", Fulfil = "fulfil", Cancel = "cancel", MarkNoShow = "mark-no-show",
        /// Back to booked, as a correction.
        UndoToBooked = "undo-to-booked",
        /// Back to arrived, as a correction: they did come.
        UndoToArrived = "undo-to-arrived",
        EnterInError = "enter-in-error",
    }
}

/// The status an action leads to, or `None` where it is not possible. A forward step may be skipped, but nobody arrives
/// without a seat, and arrival or check-in comes before the end of the visit.
pub const fn next(from: AppointmentStatus, action: Action) -> Option<AppointmentStatus> {
    use Action as A;
    use AppointmentStatus as S;
    match (action, from) {
        (A::Propose, S::Waitlist) => Some(S::Proposed),
        (A::MakePending, S::Proposed | S::Waitlist) => Some(S::Pending),
        (A::Book, S::Proposed | S::Pending | S::Waitlist) | (A::Reschedule, S::Booked) => Some(S::Booked),
        (A::Arrive, S::Booked) => Some(S::Arrived),
        (A::CheckIn, S::Booked | S::Arrived) => Some(S::CheckedIn),
        (A::Fulfil, S::Arrived | S::CheckedIn) => Some(S::Fulfilled),
        (A::Cancel, S::Proposed | S::Pending | S::Waitlist | S::Booked | S::Arrived | S::CheckedIn) => {
            Some(S::Cancelled)
        }
        (A::MarkNoShow, S::Booked) => Some(S::NoShow),
        (A::UndoToBooked, S::Arrived | S::CheckedIn | S::NoShow) => Some(S::Booked),
        (A::UndoToArrived, S::NoShow) => Some(S::Arrived),
        (A::EnterInError, S::EnteredInError) => None,
        (A::EnterInError, _) => Some(S::EnteredInError),
        _ => None,
    }
}

/// The appointment, if the action is possible from where it stands.
///
/// # Errors
/// When it is unknown, or its status does not allow the action.
pub fn allow(appointment: &Appointment, action: Action) -> Result<&AppointmentFacts, SchedulingRejection> {
    let facts = appointment.facts()?;
    match next(facts.status, action) {
        Some(_) => Ok(facts),
        None => Err(SchedulingRejection::AppointmentStatusConflict { status: facts.status, action }),
    }
}

/// When nobody showed up: the earliest instant at which that may be said.
pub fn no_show_from(start: Timestamp, policies: &Policies) -> Timestamp {
    start.plus_minutes(i64::from(policies.grace_minutes))
}

/// What can be done with the appointment at `now`, as far as its own status and the hospital's grace decide.
pub fn allowed_actions(appointment: &Appointment, now: Timestamp, policies: &Policies) -> Vec<Action> {
    appointment.get().map_or(vec![], |facts| actions_from(facts.status, facts.start(), now, policies))
}

/// The same for whoever knows only its status and its start, as a row of a read model says them.
pub fn actions_from(
    status: AppointmentStatus,
    start: Option<Timestamp>,
    now: Timestamp,
    policies: &Policies,
) -> Vec<Action> {
    let in_time = |action: Action| {
        action != Action::MarkNoShow || start.is_some_and(|start| now >= no_show_from(start, policies))
    };
    let possible = |action: &Action| next(status, *action).is_some() && in_time(*action);
    Action::ALL.iter().copied().filter(possible).collect()
}

#[cfg(test)]
mod tests;
