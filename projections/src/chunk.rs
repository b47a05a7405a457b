//! Events read once for every projection: decoded, personal values open, cut at the ends of command batches, so that
//! no reader ever sees half of what a command did.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::event::Event;
use carelog_domain::kernel::{EventId, Partition, Position, Recorded, Timestamp};
use carelog_domain::ports::{Direction, EventFilter, EventLog, Failure, KeyStore, Root, Stored};
use carelog_schemas::registry::ReadError;
use carelog_schemas::sealing;

use crate::home::Mark;

/// Events of one partition in a row.
pub(crate) struct Chunk {
    pub(crate) partition: Partition,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The Merkle root over everything before `end`.
    pub(crate) root: Root,
    /// Recorded-at of the last event.
    pub(crate) recorded_at: Option<Timestamp>,
    /// The events that some projection wants.
    pub(crate) items: Vec<Item>,
}

impl Chunk {
    /// The checkpoint after all of it.
    pub(crate) fn mark(&self) -> Mark {
        Mark { partition: self.partition, size: self.end, root: self.root, recorded_at: self.recorded_at }
    }
}

/// One event, or why it could not be read.
pub(crate) struct Item {
    pub(crate) position: Position,
    pub(crate) id: EventId,
    pub(crate) event_type: String,
    pub(crate) recorded_at: Timestamp,
    pub(crate) traceparent: Option<String>,
    /// The message of an error names no value, only ids and fields.
    pub(crate) recorded: Result<Recorded<Event>, String>,
}

/// Reads and decodes.
pub(crate) struct Reader {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) keys: Arc<dyn KeyStore>,
    /// The event types worth decoding.
    pub(crate) wanted: HashSet<&'static str>,
}

/// How often a key store that cannot answer now is asked; then whoever reads waits, and sees meanwhile if all stops.
const KEY_TRIES: u32 = 4;
const KEY_PAUSE: Duration = Duration::from_millis(50);
/// Below this many events it is not worth a second task.
const DECODED_APART_MIN: usize = 512;

impl Reader {
    /// The next events of a partition, up to the end of a command's batch; `None` at the durable end.
    pub(crate) async fn read(
        self: &Arc<Self>,
        partition: Partition,
        from: u64,
        limit: usize,
    ) -> Result<Option<Chunk>, Failure> {
        let mut limit = limit;
        loop {
            let (mut stored, _) =
                self.log.read(partition, from, Direction::Forward, &EventFilter::default(), limit).await?;
            if stored.is_empty() {
                return Ok(None);
            }
            let read = stored.len();
            let whole = whole_batches(&stored);
            stored.truncate(whole);
            match whole {
                0 if read < limit => return Ok(None), // The rest of the batch is not durable yet.
                0 => limit *= 2,
                _ => return self.chunk(partition, from, stored).await.map(Some),
            }
        }
    }

    /// At most `limit` events, wherever a batch ends; for sets that nobody reads yet.
    pub(crate) async fn read_some(
        self: &Arc<Self>,
        partition: Partition,
        from: u64,
        limit: usize,
    ) -> Result<Option<Chunk>, Failure> {
        let (stored, _) = self.log.read(partition, from, Direction::Forward, &EventFilter::default(), limit).await?;
        if stored.is_empty() {
            return Ok(None);
        }
        self.chunk(partition, from, stored).await.map(Some)
    }

    /// A chunk of these events, the first of which is at `start`.
    pub(crate) async fn chunk(
        self: &Arc<Self>,
        partition: Partition,
        start: u64,
        stored: Vec<Stored>,
    ) -> Result<Chunk, Failure> {
        let last = stored.last().map(|stored| (stored.context.position.offset + 1, stored.context.recorded_at));
        let (end, recorded_at) = last.map_or((start, None), |(end, at)| (end, Some(at)));
        let root = self.log.root_at(partition, end).await?;
        let wanted = stored.into_iter().filter(|stored| self.wanted.contains(stored.event_type.as_str())).collect();
        Ok(Chunk { partition, start, end, root, recorded_at, items: self.decode_all(wanted).await? })
    }

    async fn decode_all(self: &Arc<Self>, mut stored: Vec<Stored>) -> Result<Vec<Item>, Failure> {
        if stored.len() < DECODED_APART_MIN {
            return self.decode_some(stored).await;
        }
        let second = stored.split_off(stored.len() / 2);
        let apart = Arc::clone(self);
        let second = tokio::spawn(async move { apart.decode_some(second).await });
        let mut items = self.decode_some(stored).await?;
        let second =
            second.await.map_err(|error| Failure::lasting("projections", "decoding panicked").caused_by(error))?;
        items.extend(second?);
        Ok(items)
    }

    async fn decode_some(&self, stored: Vec<Stored>) -> Result<Vec<Item>, Failure> {
        let mut items = Vec::with_capacity(stored.len());
        for stored in stored {
            items.push(self.decode(stored).await?);
        }
        Ok(items)
    }

    async fn decode(&self, stored: Stored) -> Result<Item, Failure> {
        let mut tries = 1;
        let recorded = loop {
            match sealing::open_event(self.keys.as_ref(), &stored).await {
                Err(ReadError::Key(failure)) if failure.retry_helps && tries == KEY_TRIES => return Err(failure),
                Err(ReadError::Key(failure)) if failure.retry_helps => {
                    tracing::warn!(position = %stored.context.position, error = %failure, "waiting for a key");
                    tokio::time::sleep(KEY_PAUSE * tries).await;
                    tries += 1;
                }
                other => break other.map_err(|error| shown(&error)),
            }
        };
        Ok(Item {
            position: stored.context.position,
            id: stored.context.id,
            event_type: stored.event_type,
            recorded_at: stored.context.recorded_at,
            traceparent: stored.context.traceparent,
            recorded,
        })
    }
}

/// What is said of an error: never serde's part of it, which may quote a value.
fn shown(error: &ReadError) -> String {
    match error {
        ReadError::Key(failure) => format!("{error}: {failure}"),
        other => other.to_string(),
    }
}

/// How many of these events belong to batches that are here to their end.
pub(crate) fn whole_batches(stored: &[Stored]) -> usize {
    let ends = |stored: &Stored| stored.context.index + 1 >= stored.context.batch_length;
    stored.iter().rposition(ends).map_or(0, |last| last + 1)
}
