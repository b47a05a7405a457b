//! The event log as simply as it can be said: vectors in memory, every question answered by looking at all of them.
//! It is the oracle that LocalLog is compared with and shares no code with it, the bytes of
//! a frame included.

mod leaf;

use std::sync::{Arc, Mutex, MutexGuard};

use carelog_domain::kernel::{CommandId, Context, Partition, Position, Slot, StreamName, Tag, Timestamp, Version};
use carelog_domain::ports::{
    Accepted, AppendError, Batch, BoxFuture, BoxStream, Clock, Direction, EventFilter, EventLog, Expected, Failure,
    Fingerprint, Head, Owner, Root, Stored, Term,
};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use leaf::leaf;

/// Clones are the same log, so that it can be closed and opened again.
#[derive(Clone)]
pub struct ModelLog {
    partitions: Arc<Vec<ModelPartition>>,
    clock: Arc<dyn Clock>,
}

struct ModelPartition {
    events: Mutex<Vec<Event>>,
    length: watch::Sender<u64>,
}

#[derive(Clone)]
struct Event {
    stored: Stored,
    slot: Slot,
    fingerprint: Fingerprint,
    leaf: [u8; 32],
}

impl ModelLog {
    /// An empty log.
    pub fn new(partitions: u16, clock: Arc<dyn Clock>) -> ModelLog {
        let empty = || ModelPartition { events: Mutex::default(), length: watch::Sender::new(0) };
        ModelLog { partitions: Arc::new((0..partitions).map(|_| empty()).collect()), clock }
    }

    /// Forgets what stands from `size` on, as a machine that lost its power does. `size` must be between two batches.
    pub fn cut(&self, partition: Partition, size: u64) {
        let mut events = self.events(partition);
        assert!(size <= events.len() as u64, "{partition} has {} events, not {size}", events.len());
        if let Some(first_gone) = events.get(size as usize) {
            assert_eq!(first_gone.stored.context.index, 0, "{partition}:{size} is in the middle of a batch");
        }
        events.truncate(size as usize);
        self.partitions[usize::from(partition.0)].length.send_replace(size);
    }

    fn events(&self, partition: Partition) -> MutexGuard<'_, Vec<Event>> {
        self.partitions[usize::from(partition.0)].events.lock().expect("the model does not panic")
    }

    fn append_now(&self, batch: Batch) -> Result<Accepted, AppendError> {
        let partition = self.partition_of(batch.slot);
        let mut events = self.events(partition);
        if let Some(before) = repeat(&events, Some(batch.slot), batch.command) {
            let same = before.fingerprint == batch.fingerprint;
            return if same { Ok(before) } else { Err(AppendError::FingerprintDiffers { command: batch.command }) };
        }
        if let Some(decided) = batch.term.filter(|decided| *decided != Term::default()) {
            return Err(AppendError::TermOver { decided });
        }
        for (stream, expected) in &batch.expected {
            let found = version(&events, stream);
            if let Expected::Exactly(expected) = *expected
                && expected != found
            {
                return Err(AppendError::StreamMoved { stream: stream.clone(), expected, found });
            }
        }
        for condition in &batch.conditions {
            let used = events.iter().rev().find(|event| event.slot == batch.slot && has(event, &condition.tag));
            let used = used.map(|event| event.stored.context.position);
            if let Some(found) = used.filter(|found| condition.after.is_none_or(|after| found.offset > after)) {
                return Err(AppendError::TagUsed { tag: condition.tag.clone(), found });
            }
        }
        let fresh = self.fresh(&events, &batch)?;
        let contexts = fresh.iter().map(|event| event.stored.context.clone()).collect();
        events.extend(fresh);
        self.partitions[usize::from(partition.0)].length.send_replace(events.len() as u64);
        Ok(Accepted { repeated: false, events: contexts, fingerprint: batch.fingerprint, durable: ready(Ok(())) })
    }

    fn fresh(&self, events: &[Event], batch: &Batch) -> Result<Vec<Event>, AppendError> {
        let mut fresh: Vec<Event> = Vec::new();
        for (index, event) in batch.events.iter().enumerate() {
            let last = fresh.last().or(events.last()).map(|event| event.stored.context.recorded_at.plus_micros(1));
            let after = batch.recorded_after.map(|cause| cause.plus_micros(1));
            let recorded_at =
                [Some(self.clock.now()), last, after, Some(event.occurred_at)].into_iter().flatten().max();
            let context = Context {
                id: event.id,
                position: Position { partition: self.partition_of(batch.slot), offset: (events.len() + index) as u64 },
                stream: event.stream.clone(),
                version: Version(version(events, &event.stream).0 + version(&fresh, &event.stream).0 + 1),
                revision: event.revision,
                occurred_at: event.occurred_at,
                occurred_assumed: event.occurred_assumed,
                recorded_at: recorded_at.expect("one of them is set"),
                hospital: event.hospital,
                actor: batch.actor.clone(),
                command: batch.command,
                index: index as u16,
                batch_length: batch.events.len() as u16,
                correlation: batch.correlation,
                causation: batch.causation,
                traceparent: batch.traceparent.clone(),
                tags: event.tags.clone(),
            };
            let stored =
                Stored { context, event_type: event.event_type.clone().into_owned(), data: event.data.clone() };
            let leaf = leaf(&stored, batch)?;
            fresh.push(Event { stored, slot: batch.slot, fingerprint: batch.fingerprint, leaf });
        }
        Ok(fresh)
    }
}

/// RFC 6962, section 2.1, word by word.
fn tree_hash(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Sha256::digest([&[1][..], &tree_hash(left), &tree_hash(right)].concat()).into()
        }
    }
}

fn version(events: &[Event], stream: &StreamName) -> Version {
    Version(events.iter().filter(|event| event.stored.context.stream == *stream).count() as u64)
}

fn has(event: &Event, tag: &Tag) -> bool {
    event.stored.context.tags.contains(tag)
}

fn repeat(events: &[Event], slot: Option<Slot>, command: CommandId) -> Option<Accepted> {
    let of = |event: &&Event| event.stored.context.command == command && slot.is_none_or(|slot| slot == event.slot);
    let first = events.iter().find(of)?;
    let first_slot = first.slot;
    let same = events.iter().filter(of).filter(|event| event.slot == first_slot);
    let contexts = same.map(|event| event.stored.context.clone()).collect();
    Some(Accepted { repeated: true, events: contexts, fingerprint: first.fingerprint, durable: ready(Ok(())) })
}

fn matches(stored: &Stored, filter: &EventFilter) -> bool {
    let any = |wanted: &[String], is: &str| wanted.is_empty() || wanted.iter().any(|one| one == is);
    any(&filter.categories, stored.context.stream.category())
        && any(&filter.types, &stored.event_type)
        && (filter.tags.is_empty() || stored.context.tags.iter().any(|tag| filter.tags.contains(tag)))
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl EventLog for ModelLog {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Accepted, AppendError>> {
        ready(self.append_now(batch))
    }

    fn find_command(&self, slot: Slot, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        ready(Ok(repeat(&self.events(self.partition_of(slot)), Some(slot), command)))
    }

    fn find_command_anywhere(&self, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        let partitions = 0..self.partitions();
        ready(Ok(partitions.into_iter().find_map(|number| repeat(&self.events(Partition(number)), None, command))))
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        let events = self.events(self.partition_of(stream.slot()));
        let wanted = events
            .iter()
            .map(|event| &event.stored)
            .filter(|stored| stored.context.stream == *stream && stored.context.version > after);
        ready(Ok(wanted.take(limit).cloned().collect()))
    }

    fn stream_version(&self, stream: &StreamName) -> BoxFuture<'_, Result<Version, Failure>> {
        ready(Ok(version(&self.events(self.partition_of(stream.slot())), stream)))
    }

    fn read_tag(
        &self,
        slot: Slot,
        tag: &Tag,
        direction: Direction,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        let events = self.events(self.partition_of(slot));
        let wanted = events.iter().filter(|event| event.slot == slot && has(event, tag));
        let wanted = wanted.map(|event| event.stored.clone());
        ready(Ok(match direction {
            Direction::Forward => wanted.take(limit).collect(),
            Direction::Backward => wanted.rev().take(limit).collect(),
        }))
    }

    fn read(
        &self,
        partition: Partition,
        from: u64,
        direction: Direction,
        filter: &EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<(Vec<Stored>, Option<u64>), Failure>> {
        if partition.0 >= self.partitions() {
            return ready(Err(Failure::lasting("model", format!("there is no partition {partition}"))));
        }
        let events = self.events(partition);
        let all: Vec<&Stored> = events.iter().map(|event| &event.stored).collect();
        let candidates: Vec<&Stored> = match direction {
            Direction::Forward => all.into_iter().filter(|stored| stored.context.position.offset >= from).collect(),
            Direction::Backward => {
                all.into_iter().rev().filter(|stored| stored.context.position.offset <= from).collect()
            }
        };
        let found: Vec<Stored> = candidates
            .iter()
            .filter(|stored| matches(stored, filter))
            .take(limit)
            .map(|stored| (*stored).clone())
            .collect();
        let last = found.last().filter(|_| found.len() == limit).map(|stored| stored.context.position.offset);
        let end = events.len() as u64;
        let next = last.and_then(|last| match direction {
            Direction::Forward => Some(last + 1).filter(|next| *next < end),
            Direction::Backward => last.checked_sub(1),
        });
        ready(Ok((found, next)))
    }

    fn subscribe(&self, partition: Partition, from: u64) -> BoxStream<'_, Result<Vec<Stored>, Failure>> {
        let length = self.partitions[usize::from(partition.0)].length.subscribe();
        Box::pin(futures::stream::unfold((from, length), move |(next, mut length)| async move {
            length.wait_for(|length| *length > next).await.ok()?;
            let chunk: Vec<Stored> =
                self.events(partition)[next as usize..].iter().map(|event| event.stored.clone()).collect();
            let next = next + chunk.len() as u64;
            Some((Ok(chunk), (next, length)))
        }))
    }

    fn head(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        let of = |number: u16| {
            let events = self.events(Partition(number));
            let leaves: Vec<[u8; 32]> = events.iter().map(|event| event.leaf).collect();
            let recorded_at: Option<Timestamp> = events.last().map(|event| event.stored.context.recorded_at);
            let root = Root(tree_hash(&leaves));
            Head { partition: Partition(number), size: events.len() as u64, root, recorded_at }
        };
        ready(Ok((0..self.partitions()).map(of).collect()))
    }

    fn root_at(&self, partition: Partition, size: u64) -> BoxFuture<'_, Result<Root, Failure>> {
        let events = self.events(partition);
        let leaves: Vec<[u8; 32]> = events.iter().map(|event| event.leaf).take(size as usize).collect();
        let beyond = || Failure::lasting("model", format!("{partition} has fewer than {size} events"));
        ready(if leaves.len() as u64 == size { Ok(Root(tree_hash(&leaves))) } else { Err(beyond()) })
    }

    fn confirm(&self, _: Slot) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn catch_up(&self, _: Partition) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn owner(&self, _: Partition) -> Owner {
        Owner::Here(Term::default())
    }

    fn partition_of(&self, slot: Slot) -> Partition {
        Partition(slot.number() % self.partitions())
    }

    fn partitions(&self) -> u16 {
        self.partitions.len() as u16
    }
}
