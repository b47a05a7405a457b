//! Read model `skips`: which events an operator let which projection skip.

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::Recorded;
use carelog_schemas::read_models::Model;
use carelog_schemas::read_models::skips::{MODEL, SKIPPED_EVENTS};

use crate::change::{Change, personal, put, text};
use crate::projection::Projection;

/// See the module.
pub struct Skips;

impl Projection for Skips {
    const MODEL: &'static Model = &MODEL;
    const EVENTS: &'static [&'static str] = &["ProjectionEventSkipped"];

    fn project(recorded: &Recorded<Event>) -> Vec<Change> {
        let Event::ProcessEvent(ProcessEvent::ProjectionEventSkipped(skipped)) = &recorded.event else {
            return vec![];
        };
        vec![put(
            &SKIPPED_EVENTS,
            vec![
                ("model", text(&skipped.projection)),
                ("position", text(skipped.position)),
                ("reason", personal(Some(&skipped.reason))),
                ("actor", text(&recorded.context.actor.user)),
                ("skipped_at", recorded.context.occurred_at.into()),
            ],
        )]
    }
}
