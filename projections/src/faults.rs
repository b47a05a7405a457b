//! Faults that tests plant, to see that checks find them. Only with the feature `faults`, which no release has.

use std::sync::atomic::{AtomicBool, Ordering};

use carelog_domain::event::Event;
use carelog_domain::kernel::{Position, Recorded};
use parking_lot::Mutex;

use crate::change::Change;
use crate::projection::Registered;

/// What goes wrong with one event of one read model.
#[derive(Clone, PartialEq, Debug)]
pub enum Planted {
    /// It is applied twice.
    Twice,
    /// It is left out.
    Skipped,
    /// The projection panics on it.
    Panic,
}

struct Plan {
    model: String,
    event_type: String,
    user: String,
    fault: Planted,
    times: usize,
}

static PLANS: Mutex<Vec<Plan>> = Mutex::new(Vec::new());
static BLIND: AtomicBool = AtomicBool::new(false);

/// Lets the checkpoints of tables be moved from wherever they are, in this whole process, or no more.
pub fn move_checkpoints_blindly(blind: bool) {
    BLIND.store(blind, Ordering::SeqCst);
}

pub(crate) fn checkpoints_are_blind() -> bool {
    BLIND.load(Ordering::SeqCst)
}

/// Plants a fault for the next `times` events of a type that a read model is shown, of those that this user caused, so
/// that tests running side by side do not meet each other's.
pub fn plant(model: &str, event_type: &str, user: &str, fault: Planted, times: usize) {
    let plan = Plan { model: model.to_owned(), event_type: event_type.to_owned(), user: user.to_owned(), fault, times };
    PLANS.lock().push(plan);
}

pub(crate) fn apply(projection: &Registered, recorded: &Recorded<Event>, mut changes: Vec<Change>) -> Vec<Change> {
    let found = next(projection.model.name, recorded);
    match found {
        None => {}
        Some(Planted::Twice) => changes.extend(changes.clone()),
        Some(Planted::Skipped) => changes.clear(),
        Some(Planted::Panic) => std::panic::resume_unwind(Box::new(position(recorded))),
    }
    changes
}

fn next(model: &str, recorded: &Recorded<Event>) -> Option<Planted> {
    let mut plans = PLANS.lock();
    let plan = plans.iter_mut().find(|plan| {
        plan.times > 0
            && plan.model == model
            && plan.event_type == recorded.event.event_type()
            && recorded.context.actor.user == plan.user
    })?;
    plan.times -= 1;
    Some(plan.fault.clone())
}

fn position(recorded: &Recorded<Event>) -> Position {
    recorded.context.position
}
