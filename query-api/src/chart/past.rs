//! The chart as it was: the patient's events in the log, those that were known and had happened by then, folded stream by
//! stream with the domain's own `evolve`. Within a stream both times only grow, so what is left is how the stream began.

mod fold;

use std::collections::{BTreeMap, BTreeSet};

use carelog_domain::event::Event;
use carelog_domain::kernel::{HospitalId, PatientId, Recorded, Slot, StreamName, Tag, Timestamp};
use carelog_domain::ports::{Direction, Stored};
use carelog_schemas::sealing::open_event;

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
    let mut items = Items::default();
    for (_, events) in streams(asking, patient, hospitals, until).await? {
        fold::take(&mut items, &events);
    }
    // Ids begin with the time they were made at: the same order as the documents have.
    items.appointments.sort_by(|one, other| one.appointment.cmp(&other.appointment));
    items.reports.sort_by(|one, other| one.report.cmp(&other.report));
    items.invoices.sort_by(|one, other| one.invoice.cmp(&other.invoice));
    Ok(items)
}

/// The events of the patient's own slot and of those of the hospitals, by stream, opened.
async fn streams(
    asking: &Asking,
    patient: PatientId,
    hospitals: &[HospitalId],
    until: Until,
) -> Answer<BTreeMap<StreamName, Vec<Recorded<Event>>>> {
    let slots: BTreeSet<Slot> = hospitals.iter().map(HospitalId::slot).chain([patient.slot()]).collect();
    let tag = Tag::new(PatientId::KIND, patient);
    let events_max = asking.deps.limits.history_events_max;
    let mut streams: BTreeMap<StreamName, Vec<Recorded<Event>>> = BTreeMap::new();
    let mut read = 0;
    for slot in slots {
        let found = asking.deps.log.read_tag(slot, &tag, Direction::Forward, events_max - read + 1).await?;
        read += found.len();
        if read > events_max {
            let message =
                format!("more than {events_max} events concern this patient; ask for the chart without times");
            return Err(Problem::new("history-too-long", message));
        }
        for stored in found.iter().filter(|stored| fold::is_charted(stored.context.stream.category())) {
            if until.includes(stored) {
                let opened = open_event(&*asking.deps.keys, stored).await;
                let opened = opened.map_err(|error| Problem::damaged("an event", &error))?;
                streams.entry(opened.context.stream.clone()).or_default().push(opened);
            }
        }
    }
    Ok(streams)
}
