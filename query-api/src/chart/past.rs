//! The chart as it was: the patient's events in the log, those that were known and had happened by then, made into items
//! by the rules the read model is made by. Within a stream both times only grow, so what is left is how it began; and an
//! item comes from one stream, so the order of streams does not matter.

use std::collections::{BTreeMap, BTreeSet};

use carelog_domain::event::Event;
use carelog_domain::kernel::{HospitalId, PatientId, Recorded, Slot, Tag, Timestamp};
use carelog_domain::ports::{Direction, DurableEnds, Stored};
use carelog_schemas::read_models::chart::{self, EVENTS};
use carelog_schemas::sealing::open_event;
use serde_json::Value;

use super::Items;
use crate::asking::Asking;
use crate::problem::{Answer, Problem};

/// Which part of the history counts.
#[derive(Clone, Copy)]
pub(super) struct Until {
    pub(super) happened_by: Option<Timestamp>,
    pub(super) known_at: Option<Timestamp>,
}

impl Until {
    fn includes(&self, stored: &Stored) -> bool {
        self.happened_by.is_none_or(|at| stored.context.occurred_at <= at)
            && self.known_at.is_none_or(|at| stored.context.recorded_at <= at)
    }
}

/// The items of then. `hospitals` are those that know the patient and may be seen.
pub(super) async fn items(
    asking: &Asking,
    patient: PatientId,
    hospitals: &[HospitalId],
    until: Until,
) -> Answer<Items> {
    // By sort key: the same order as the documents have.
    let mut contents: BTreeMap<String, Option<Value>> = BTreeMap::new();
    for recorded in events(asking, patient, hospitals, until).await? {
        for change in chart::changes(&recorded).into_iter().filter(|change| change.patient == patient) {
            let content = contents.entry(change.sort_key).or_default();
            *content = chart::changed(content.take(), &change.what);
        }
    }
    let mut items = Items::default();
    for (sort_key, content) in contents {
        if let Some(body) = content {
            items.take(&sort_key, body)?;
        }
    }
    Ok(items)
}

/// The events of the patient's own slot and of those of the hospitals, opened; those of a stream in order.
async fn events(
    asking: &Asking,
    patient: PatientId,
    hospitals: &[HospitalId],
    until: Until,
) -> Answer<Vec<Recorded<Event>>> {
    let slots: BTreeSet<Slot> = hospitals.iter().map(HospitalId::slot).chain([patient.slot()]).collect();
    let tag = Tag::new(PatientId::KIND, patient);
    let events_max = asking.deps.limits.history_events_max;
    let mut events = Vec::new();
    let mut read = 0;
    for slot in slots {
        let log = &asking.deps.log;
        let durable = DurableEnds::caught_up(&**log, log.partition_of(slot)).await?;
        let found = durable.only(log.read_tag(slot, &tag, Direction::Forward, events_max - read + 1).await?);
        read += found.len();
        if read > events_max {
            let message =
                format!("more than {events_max} events concern this patient; ask for the chart without times");
            return Err(Problem::new("history-too-long", message));
        }
        for stored in found.iter().filter(|stored| EVENTS.contains(&stored.event_type.as_str())) {
            if until.includes(stored) {
                let opened = open_event(&*asking.deps.keys, stored).await;
                let opened = opened.map_err(|error| Problem::damaged("an event", &error))?;
                events.push(opened);
            }
        }
    }
    Ok(events)
}
