//! What a projection is, and the list of all of them.

use carelog_domain::event::Event;
use carelog_domain::kernel::Recorded;
use carelog_schemas::read_models::Model;

use crate::change::Change;

/// A read model's writer: a pure function from one recorded event to changes. Every row and item it writes comes from
/// exactly one stream, or one slot, as the table says.
pub trait Projection {
    /// The read model it fills.
    const MODEL: &'static Model;

    /// The event types it looks at; it is never shown another.
    const EVENTS: &'static [&'static str];

    /// What this event changes.
    fn project(recorded: &Recorded<Event>) -> Vec<Change>;
}

/// A projection as a value.
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    /// The read model it fills.
    pub model: &'static Model,
    /// The event types it looks at.
    pub events: &'static [&'static str],
    /// What an event changes.
    pub project: fn(&Recorded<Event>) -> Vec<Change>,
}

impl Registered {
    const fn of<P: Projection>() -> Registered {
        Registered { model: P::MODEL, events: P::EVENTS, project: P::project }
    }

    /// True when it looks at events of this type.
    pub fn wants(&self, event_type: &str) -> bool {
        self.events.contains(&event_type)
    }
}

/// Every projection.
pub static ALL: &[Registered] = &[
    Registered::of::<crate::skips::Skips>(),
    Registered::of::<crate::practitioners::Practitioners>(),
    Registered::of::<crate::patients::Patients>(),
    Registered::of::<crate::availability::Availability>(),
    Registered::of::<crate::appointments::Appointments>(),
    Registered::of::<crate::invoices::Invoices>(),
    Registered::of::<crate::critical_results::CriticalResults>(),
    Registered::of::<crate::imports::Imports>(),
    Registered::of::<crate::chart::Chart>(),
];
