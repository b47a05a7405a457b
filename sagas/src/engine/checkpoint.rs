//! Where the engine goes on after a restart: for each partition an offset before which everything is handled, with the
//! log's Merkle root there, and beside it the alarms that are set and the dead letters. It may lag: what is handled
//! again comes to the same.

use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{Document, DocumentKey, DocumentStore, DocumentWrite, EventLog, Failure, Head};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Shared;
use super::alarms::{Alarm, Running};
use super::letters::DeadLetter;
use super::place::Place;

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
        let (next, size) = (checkpoint.next, size_now(log, partition).await?);
        if next <= size {
            return Err(Failure::passing(PORT, format!("this copy of partition {partition} was behind the sagas")));
        }
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
    let alarms = alarms(documents, partition).await?;
    Ok(Restored { next: checkpoint.next, alarms, imports: checkpoint.imports })
}

/// How long a partition is when all was seen that is in the log: a copy of one elsewhere may be behind what another
/// process has handled.
async fn size_now(log: &dyn EventLog, partition: Partition) -> Result<u64, Failure> {
    log.catch_up(partition).await?;
    let heads = log.head().await?;
    Ok(heads.iter().find(|head| head.partition == partition).map_or(0, |head| head.size))
}

/// The dead letters of all partitions.
pub(crate) async fn all_letters(documents: &dyn DocumentStore) -> Result<Vec<DeadLetter>, Failure> {
    all(documents, "sagas#letters").await
}

/// The dead letters of a partition.
pub(crate) async fn restore_letters(
    documents: &dyn DocumentStore,
    partition: Partition,
) -> Result<Vec<DeadLetter>, Failure> {
    let mut letters = all_letters(documents).await?;
    letters.retain(|letter| letter.partition == partition.0);
    Ok(letters)
}

/// The alarms of a partition.
pub(crate) async fn alarms(documents: &dyn DocumentStore, partition: Partition) -> Result<Vec<Alarm>, Failure> {
    all(documents, &alarms_of(partition)).await
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

/// Where the checkpoint stands after it was to be saved.
pub(crate) enum Saved {
    /// Where it was saved, now or before.
    At(u64),
    /// Further on, where another process has saved it.
    Beyond(u64),
}

/// Saves how far a partition is handled, after everything that was decided until then. A checkpoint that stands further on
/// stays: it is written under its own offset, and an older write never replaces a newer one.
pub(crate) async fn save(shared: &Shared, place: &Place, saved: u64) -> Result<Saved, Failure> {
    // Taken before the changes: those then hold at least what happened up to here.
    let (partition, next) = (place.partition, place.progress.low_water());
    // Also where the partition stands at a step that is tried for long: others are asked about the rest meanwhile.
    save_changes(shared, place).await?;
    if next <= saved {
        return Ok(Saved::At(saved));
    }
    let root = shared.log.root_at(partition, next).await?.to_string();
    let checkpoint = Checkpoint { next, root, imports: place.alarms.imports() };
    let key = key("checkpoint", partition.to_string());
    let position = Position { partition, offset: next - 1 };
    #[cfg(feature = "faults")]
    let position = crate::faults::position(&*shared.documents, &key, position).await?;
    shared.documents.write(vec![write(key.clone(), position, Some(&checkpoint))?]).await?;
    shared.documents.flush().await?;
    let stored: Option<Checkpoint> = shared.documents.get(&key).await?.map(read).transpose()?;
    match stored {
        Some(stored) if stored.next > next => Ok(Saved::Beyond(stored.next)),
        _ => Ok(Saved::At(next)),
    }
}

async fn save_changes(shared: &Shared, place: &Place) -> Result<(), Failure> {
    let partition = place.partition;
    let mut writes = vec![];
    let alarms = place.alarms.take_changes();
    for (id, (offset, alarm)) in &alarms {
        let key = DocumentKey { partition_key: alarms_of(partition), sort_key: id.to_string() };
        writes.push(write(key, Position { partition, offset: *offset }, alarm.as_ref())?);
    }
    let letters = place.letters.take_changes();
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
        place.alarms.put_back(alarms);
        place.letters.put_back(letters);
    }
    written
}
