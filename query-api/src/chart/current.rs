//! The chart as it is, from the document store.

use carelog_domain::kernel::{LabReportId, Partition, PatientId};
use carelog_domain::ports::DocumentKey;
use carelog_schemas::read_models::Set;
use carelog_schemas::read_models::chart::{ChartReport, Checkpoint, KEYS, Live};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Items, MODEL};
use crate::asking::{Asking, being_filled};
use crate::problem::{Answer, Problem};

const PAGE: usize = 500;

/// All items of a patient.
pub(super) async fn items(asking: &Asking, patient: PatientId) -> Answer<Items> {
    asking.wait_for(&[MODEL]).await?;
    let set = live_set(asking).await?;
    // Documents have no snapshot; a position read before them is one they have all reached.
    note_position(asking, set).await?;
    let mut items = Items::default();
    let partition_key = KEYS.patient(set, patient);
    let mut after: Option<String> = None;
    loop {
        let page = asking.deps.documents.query(&partition_key, "", after.as_deref(), PAGE).await?;
        for document in page.items {
            items.take(&document.key.sort_key, document.body)?;
        }
        match page.next {
            Some(next) => after = Some(next.sort_key),
            None => return Ok(items),
        }
    }
}

/// One report of a patient.
pub(super) async fn report(asking: &Asking, patient: PatientId, report: LabReportId) -> Answer<Option<ChartReport>> {
    asking.wait_for(&[MODEL]).await?;
    let set = live_set(asking).await?;
    note_position(asking, set).await?;
    let key = DocumentKey { partition_key: KEYS.patient(set, patient), sort_key: format!("report#{report}") };
    asking.deps.documents.get(&key).await?.map(|document| read(document.body)).transpose()
}

impl Items {
    /// Adds an item as it is stored.
    pub(super) fn take(&mut self, sort_key: &str, body: Value) -> Answer<()> {
        match sort_key.split('#').next().unwrap_or_default() {
            "profile" => self.profile = Some(read(body)?),
            "hospital" => self.hospitals.push(read(body)?),
            "appointment" => self.appointments.push(read(body)?),
            "report" => self.reports.push(read(body)?),
            "invoice" => self.invoices.push(read(body)?),
            // A kind of item that a later version writes: this one does not show it.
            _ => {}
        }
        Ok(())
    }
}

async fn live_set(asking: &Asking) -> Answer<Set> {
    let live = asking.deps.documents.get(&KEYS.live()).await?;
    let live: Option<Live> = live.map(|document| read(document.body)).transpose()?;
    let live = live.filter(|live| live.filled).and_then(|live| live.live);
    live.and_then(|word| Set::from_word(&word)).ok_or_else(|| being_filled(MODEL))
}

async fn note_position(asking: &Asking, set: Set) -> Answer<()> {
    let page = asking.deps.documents.query(&KEYS.checkpoints(set), "", None, PAGE).await?;
    let checkpoints: Vec<Checkpoint> =
        page.items.into_iter().map(|document| read(document.body)).collect::<Answer<_>>()?;
    let states = checkpoints.into_iter().map(|each| (Partition(each.partition), each.size, each.recorded_at));
    asking.marks.note(MODEL, states);
    Ok(())
}

fn read<T: DeserializeOwned>(body: Value) -> Answer<T> {
    serde_json::from_value(body).map_err(|error| Problem::damaged("a chart's item", &error))
}
