//! Read model `imports`: how far each import of another system's past has come.

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::Recorded;
use carelog_schemas::read_models::Model;
use carelog_schemas::read_models::imports::{IMPORTS, MODEL};

use crate::change::{Change, put, text};
use crate::projection::Projection;

/// See the module.
pub struct Imports;

impl Projection for Imports {
    const MODEL: &'static Model = &MODEL;
    const EVENTS: &'static [&'static str] = &["ImportStarted", "ImportAdvanced", "ImportFinished"];

    fn project(recorded: &Recorded<Event>) -> Vec<Change> {
        let Event::ProcessEvent(event) = &recorded.event else { return vec![] };
        let at = recorded.context.occurred_at;
        let (hospital, manifest, cells) = match event {
            ProcessEvent::ImportStarted(e) => {
                let cells = vec![
                    ("state", text("running")),
                    ("watermark", e.watermark.into()),
                    ("started_at", at.into()),
                    ("finished_at", carelog_domain::ports::SqlValue::Null),
                ];
                (e.hospital, &e.manifest, cells)
            }
            ProcessEvent::ImportAdvanced(e) => {
                (e.hospital, &e.manifest, vec![("state", text("running")), ("watermark", e.watermark.into())])
            }
            ProcessEvent::ImportFinished(e) => {
                (e.hospital, &e.manifest, vec![("state", text("finished")), ("finished_at", at.into())])
            }
            _ => return vec![],
        };
        let key = vec![("hospital", text(hospital)), ("manifest", text(manifest))];
        vec![put(&IMPORTS, [key, cells].concat())]
    }
}
