//! What can be done with an appointment.

use async_graphql::Enum;
use carelog_domain::policy::Permission;
use carelog_domain::scheduling::Action as StoredAction;

/// What can be done with an appointment; each is a command of the REST API.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "AppointmentAction")]
pub(crate) enum Action {
    /// Off the waitlist, asked for again.
    Propose,
    /// Asked of the others.
    MakePending,
    /// Given a seat.
    Book,
    /// Moved to another time or role.
    Reschedule,
    /// The patient is here.
    Arrive,
    /// The desk takes them in.
    CheckIn,
    /// The visit took place.
    Fulfil,
    /// It will not take place.
    Cancel,
    /// The patient did not come.
    MarkNoShow,
    /// A correction, back to booked.
    UndoToBooked,
    /// A correction, back to arrived: they did come.
    UndoToArrived,
    /// It should never have been written.
    EnterInError,
}

/// The action as shown, with what it takes to do it.
pub(super) const fn shown(action: StoredAction) -> (Action, Permission) {
    match action {
        StoredAction::Propose => (Action::Propose, Permission::Schedule),
        StoredAction::MakePending => (Action::MakePending, Permission::Schedule),
        StoredAction::Book => (Action::Book, Permission::Schedule),
        StoredAction::Reschedule => (Action::Reschedule, Permission::Schedule),
        StoredAction::Arrive => (Action::Arrive, Permission::Schedule),
        StoredAction::CheckIn => (Action::CheckIn, Permission::Schedule),
        StoredAction::Fulfil => (Action::Fulfil, Permission::Treat),
        StoredAction::Cancel => (Action::Cancel, Permission::Schedule),
        StoredAction::MarkNoShow => (Action::MarkNoShow, Permission::Schedule),
        StoredAction::UndoToBooked => (Action::UndoToBooked, Permission::Schedule),
        StoredAction::UndoToArrived => (Action::UndoToArrived, Permission::Schedule),
        StoredAction::EnterInError => (Action::EnterInError, Permission::CorrectRecords),
    }
}
