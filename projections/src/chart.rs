//! Read model `chart`: one item for each stream that concerns a patient. The rules are with the items' shapes
//! ([`carelog_schemas::read_models::chart`]), because a chart of another time is made by the same ones.

use carelog_domain::event::Event;
use carelog_domain::kernel::Recorded;
use carelog_schemas::read_models::Model;
use carelog_schemas::read_models::chart::{self, MODEL};

use crate::change::Change;
use crate::projection::Projection;

/// See the module.
pub struct Chart;

impl Projection for Chart {
    const MODEL: &'static Model = &MODEL;
    const EVENTS: &'static [&'static str] = chart::EVENTS;

    fn project(recorded: &Recorded<Event>) -> Vec<Change> {
        chart::changes(recorded).into_iter().map(Change::Item).collect()
    }
}
