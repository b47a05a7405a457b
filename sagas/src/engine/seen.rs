//! How much of a partition is handled, as whoever works on it tells everybody by a document. What it says is true whoever
//! says it, also a process that lost the partition meanwhile: an event is handled once all its steps have ended and their
//! records are durable, and no later one undoes that. So of two that tell, the one that has handled more is kept.

use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{DocumentKey, DocumentStore, DocumentWrite, Failure};
use serde::{Deserialize, Serialize};

/// So many events that are still on their way are told by name; those after them wait until fewer are.
pub(crate) const OPEN_MAX: usize = 128;

/// What is handled of a partition.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    /// Every event before this offset was looked at.
    pub(crate) next: u64,
    /// Those of them whose steps have not all ended, in order.
    pub(crate) open: Vec<u64>,
    /// Every record of what is handled stands before this offset.
    pub(crate) recorded: u64,
}

impl Seen {
    /// True when all steps of the event have ended.
    pub(crate) fn is_handled(&self, offset: u64) -> bool {
        offset < self.next && self.open.binary_search(&offset).is_err()
    }

    /// Everything before this offset is handled.
    pub(crate) fn low_water(&self) -> u64 {
        self.open.first().copied().unwrap_or(self.next)
    }

    /// A log that is as long has all that this speaks of.
    pub(crate) fn needs(&self) -> u64 {
        self.next.max(self.recorded)
    }

    /// Tells it, unless somebody has told of more.
    pub(crate) async fn tell(&self, documents: &dyn DocumentStore, partition: Partition) -> Result<(), Failure> {
        let handled = self.next - self.open.len() as u64;
        if handled == 0 {
            return Ok(());
        }
        let body = serde_json::to_value(self).expect("numbers always become JSON");
        let position = Position { partition, offset: handled };
        documents.write(vec![DocumentWrite { key: key(partition), position, body: Some(body) }]).await
    }

    /// What was told of a partition; nothing handled if nobody told anything.
    pub(crate) async fn told(documents: &dyn DocumentStore, partition: Partition) -> Result<Seen, Failure> {
        let Some(document) = documents.get(&key(partition)).await? else { return Ok(Seen::default()) };
        serde_json::from_value(document.body).map_err(|error| {
            let what = format!(
                "how far the sagas are in partition {partition} cannot be read; delete the table to begin anew"
            );
            Failure::lasting("sagas", what).caused_by(error)
        })
    }
}

fn key(partition: Partition) -> DocumentKey {
    DocumentKey { partition_key: "sagas#progress".to_owned(), sort_key: partition.to_string() }
}
