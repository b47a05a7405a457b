//! Where the engine goes on after a restart: for each partition an offset before which everything is handled, with the
//! log's Merkle root there, and beside it the alarms that are set and the dead letters. It may lag: what is handled
//! again comes to the same.

use std::collections::HashMap;

use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{Document, DocumentKey, DocumentStore, DocumentWrite, EventLog, Failure, Head};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Shared;
use super::alarms::{Alarm, Running};
use super::letters::DeadLetter;

const PORT: &str = "sagas";
const PAGE: usize = 1000;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    /// Everything before this offset is handled.
    next: u64,
    /// Merkle root over the first `next` frames.
    root: String,
    imports: Vec<Running>,
}

/// What a partition's follower begins with.
pub(crate) struct Restored {
    pub(crate) next: u64,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) imports: Vec<Running>,
}

fn key(kind: &str, sort_key: impl Into<String>) -> DocumentKey {
    DocumentKey { partition_key: format!("sagas#{kind}"), sort_key: sort_key.into() }
}

/// A partition's checkpoint, checked against the log.
pub(crate) async fn restore(
    documents: &dyn DocumentStore,
    log: &dyn EventLog,
    head: &Head,
) -> Result<Restored, Failure> {
    let partition = head.partition;
    let Some(document) = documents.get(&key("checkpoint", partition.to_string())).await? else {
        return Ok(Restored { next: 0, alarms: vec![], imports: vec![] });
    };
    let checkpoint: Checkpoint = read(document)?;
    if checkpoint.next > head.size {
        let (next, size) = (checkpoint.next, head.size);
        return Err(Failure::lasting(
            PORT,
            format!(
                "the sagas have handled {next} events of partition {partition}, but the log has {size}: it lost some or is another one; restore it"
            ),
        ));
    }
    let root = log.root_at(partition, checkpoint.next).await?.to_string();
    if root != checkpoint.root {
        return Err(Failure::lasting(
            PORT,
            format!(
                "partition {partition} is not the log that the sagas followed: at {} its root is {root}, not {}; restore the log or the documents that belong together",
                checkpoint.next, checkpoint.root
            ),
        ));
    }
    let alarms = all(documents, &alarms_of(partition)).await?;
    Ok(Restored { next: checkpoint.next, alarms, imports: checkpoint.imports })
}

/// The dead letters of all partitions.
pub(crate) async fn restore_letters(documents: &dyn DocumentStore) -> Result<Vec<DeadLetter>, Failure> {
    all(documents, "sagas#letters").await
}

fn alarms_of(partition: Partition) -> String {
    format!("sagas#alarms-{partition}")
}

async fn all<T: DeserializeOwned>(documents: &dyn DocumentStore, partition_key: &str) -> Result<Vec<T>, Failure> {
    let mut found = vec![];
    let mut after: Option<String> = None;
    loop {
        let page = documents.query(partition_key, "", after.as_deref(), PAGE).await?;
        for document in page.items {
            found.push(read(document)?);
        }
        match page.next {
            Some(next) => after = Some(next.sort_key),
            None => return Ok(found),
        }
    }
}

fn read<T: DeserializeOwned>(document: Document) -> Result<T, Failure> {
    let place = document.key.partition_key;
    serde_json::from_value(document.body).map_err(|error| {
        Failure::lasting(PORT, format!("a document of {place} cannot be read; delete the table to begin anew"))
            .caused_by(error)
    })
}

fn write<T: Serialize>(key: DocumentKey, position: Position, body: Option<&T>) -> Result<DocumentWrite, Failure> {
    let body = body.map(serde_json::to_value).transpose();
    let body = body.map_err(|error| Failure::lasting(PORT, "a checkpoint could not become JSON").caused_by(error))?;
    Ok(DocumentWrite { key, position, body })
}

/// Saves checkpoints, from time to time and at the end.
#[derive(Default)]
pub(crate) struct Checkpointer {
    saved: HashMap<Partition, u64>,
}

impl Checkpointer {
    /// Saves how far each partition is handled, after everything that was decided until then.
    pub(crate) async fn save(&mut self, shared: &Shared) -> Result<(), Failure> {
        let low = |partition: Partition| (partition, shared.progress(partition).low_water());
        let moved = |(partition, next): &(Partition, u64)| self.saved.get(partition).is_none_or(|saved| saved < next);
        // Taken before the changes: those then hold at least what happened up to here.
        let ready: Vec<(Partition, u64)> = shared.partitions().map(low).filter(moved).filter(|(_, n)| *n > 0).collect();
        if ready.is_empty() {
            return Ok(());
        }
        save_changes(shared).await?;
        let mut writes = vec![];
        for &(partition, next) in &ready {
            let root = shared.log.root_at(partition, next).await?.to_string();
            let checkpoint = Checkpoint { next, root, imports: shared.alarms(partition).imports() };
            let position = Position { partition, offset: next - 1 };
            writes.push(write(key("checkpoint", partition.to_string()), position, Some(&checkpoint))?);
        }
        shared.documents.write(writes).await?;
        shared.documents.flush().await?;
        self.saved.extend(ready);
        Ok(())
    }
}

async fn save_changes(shared: &Shared) -> Result<(), Failure> {
    let mut writes = vec![];
    let mut alarms = vec![];
    for partition in shared.partitions() {
        let changes = shared.alarms(partition).take_changes();
        for (id, (offset, alarm)) in &changes {
            let key = DocumentKey { partition_key: alarms_of(partition), sort_key: id.to_string() };
            writes.push(write(key, Position { partition, offset: *offset }, alarm.as_ref())?);
        }
        alarms.push((partition, changes));
    }
    let letters = shared.letters.take_changes();
    for ((saga, instance), (position, letter)) in &letters {
        writes.push(write(key("letters", format!("{saga}#{instance}")), *position, letter.as_ref())?);
    }
    if writes.is_empty() {
        return Ok(());
    }
    let written = async {
        shared.documents.write(writes).await?;
        shared.documents.flush().await
    };
    let written = written.await;
    if written.is_err() {
        alarms.into_iter().for_each(|(partition, changes)| shared.alarms(partition).put_back(changes));
        shared.letters.put_back(letters);
    }
    written
}
