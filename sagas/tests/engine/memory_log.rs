//! An event log in memory, as small as it can be; what is accepted is durable.

use std::collections::HashMap;
use std::sync::Arc;

use carelog_domain::kernel::{CommandId, Context, Partition, Position, Slot, StreamName, Tag, Timestamp, Version};
use carelog_domain::ports::{
    Accepted, AppendError, Batch, BoxFuture, BoxStream, Clock, Direction, EventFilter, EventLog, Expected, Failure,
    Fingerprint, Head, Owner, Root, Stored, Term,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

pub(crate) struct MemoryLog {
    inner: Mutex<Inner>,
    grown: watch::Sender<usize>,
    partitions: u16,
    clock: Arc<dyn Clock>,
}

struct Inner {
    frames: Vec<Vec<Stored>>,
    versions: HashMap<StreamName, u64>,
    commands: HashMap<(Slot, CommandId), (Vec<Context>, Fingerprint)>,
}

impl MemoryLog {
    pub(crate) fn new(partitions: u16, clock: Arc<dyn Clock>) -> MemoryLog {
        let frames = vec![vec![]; usize::from(partitions)];
        let inner = Inner { frames, versions: HashMap::new(), commands: HashMap::new() };
        MemoryLog { inner: Mutex::new(inner), grown: watch::Sender::new(0), partitions, clock }
    }

    /// Everything, partition by partition.
    pub(crate) fn all(&self) -> Vec<Stored> {
        self.inner.lock().frames.concat()
    }

    fn accept(&self, batch: &Batch) -> Result<(bool, Vec<Context>, Fingerprint), AppendError> {
        let mut inner = self.inner.lock();
        if let Some((events, fingerprint)) = inner.commands.get(&(batch.slot, batch.command)) {
            if *fingerprint != batch.fingerprint {
                return Err(AppendError::FingerprintDiffers { command: batch.command });
            }
            return Ok((true, events.clone(), *fingerprint));
        }
        for (stream, expected) in &batch.expected {
            let found = Version(inner.versions.get(stream).copied().unwrap_or_default());
            if let Expected::Exactly(expected) = *expected
                && expected != found
            {
                return Err(AppendError::StreamMoved { stream: stream.clone(), expected, found });
            }
        }
        let partition = self.partition_of(batch.slot);
        let mut contexts = vec![];
        for (index, event) in batch.events.iter().enumerate() {
            assert_eq!(event.stream.slot(), batch.slot, "a batch stays within one slot");
            let version = inner.versions.entry(event.stream.clone()).or_default();
            *version += 1;
            let version = Version(*version);
            let frames = &mut inner.frames[usize::from(partition.0)];
            let last = frames.last().map_or(Timestamp::default(), |last| last.context.recorded_at.plus_micros(1));
            let after = batch.recorded_after.map_or(last, |after| after.plus_micros(1));
            let context = Context {
                id: event.id,
                position: Position { partition, offset: frames.len() as u64 },
                stream: event.stream.clone(),
                version,
                revision: event.revision,
                occurred_at: event.occurred_at,
                occurred_assumed: event.occurred_assumed,
                recorded_at: self.clock.now().max(last).max(after),
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
            contexts.push(context.clone());
            frames.push(Stored {
                context,
                event_type: event.event_type.clone().into_owned(),
                data: event.data.clone(),
            });
        }
        inner.commands.insert((batch.slot, batch.command), (contexts.clone(), batch.fingerprint));
        Ok((false, contexts, batch.fingerprint))
    }
}

fn accepted((repeated, events, fingerprint): (bool, Vec<Context>, Fingerprint)) -> Accepted {
    Accepted { repeated, events, fingerprint, durable: Box::pin(async { Ok(()) }) }
}

impl EventLog for MemoryLog {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Accepted, AppendError>> {
        let result = self.accept(&batch).map(accepted);
        self.grown.send_modify(|count| *count += 1);
        Box::pin(async { result })
    }

    fn find_command(&self, slot: Slot, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        let found = self.inner.lock().commands.get(&(slot, command)).cloned();
        Box::pin(async { Ok(found.map(|(events, fingerprint)| accepted((true, events, fingerprint)))) })
    }

    fn find_command_anywhere(&self, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        let inner = self.inner.lock();
        let found = inner.commands.iter().find(|((_, known), _)| *known == command).map(|(_, found)| found.clone());
        Box::pin(async { Ok(found.map(|(events, fingerprint)| accepted((true, events, fingerprint)))) })
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        let partition = self.partition_of(stream.slot());
        let inner = self.inner.lock();
        let wanted = |stored: &&Stored| stored.context.stream == *stream && stored.context.version > after;
        let found = inner.frames[usize::from(partition.0)].iter().filter(wanted).take(limit).cloned().collect();
        Box::pin(async { Ok(found) })
    }

    fn stream_version(&self, stream: &StreamName) -> BoxFuture<'_, Result<Version, Failure>> {
        let version = Version(self.inner.lock().versions.get(stream).copied().unwrap_or_default());
        Box::pin(async move { Ok(version) })
    }

    fn read_tag(&self, _: Slot, _: &Tag, _: Direction, _: usize) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        unreachable!("sagas read no tags")
    }

    fn read(
        &self,
        partition: Partition,
        from: u64,
        direction: Direction,
        filter: &EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<(Vec<Stored>, Option<u64>), Failure>> {
        assert_eq!((direction, filter), (Direction::Forward, &EventFilter::default()), "sagas read all, forward");
        let inner = self.inner.lock();
        let frames = inner.frames[usize::from(partition.0)].iter();
        let found = frames.skip(from as usize).take(limit).cloned().collect();
        Box::pin(async { Ok((found, None)) })
    }

    fn subscribe(&self, partition: Partition, from: u64) -> BoxStream<'_, Result<Vec<Stored>, Failure>> {
        let grown = self.grown.subscribe();
        Box::pin(futures::stream::unfold((from, grown), move |(from, mut grown)| async move {
            loop {
                grown.borrow_and_update();
                let chunk: Vec<Stored> =
                    self.inner.lock().frames[usize::from(partition.0)].iter().skip(from as usize).cloned().collect();
                if !chunk.is_empty() {
                    let next = from + chunk.len() as u64;
                    return Some((Ok(chunk), (next, grown)));
                }
                grown.changed().await.ok()?;
            }
        }))
    }

    fn head(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        Box::pin(async {
            let mut heads = vec![];
            for number in 0..self.partitions {
                let partition = Partition(number);
                let size = self.inner.lock().frames[usize::from(number)].len() as u64;
                let root = self.root_at(partition, size).await?;
                heads.push(Head { partition, size, root, recorded_at: None });
            }
            Ok(heads)
        })
    }

    fn root_at(&self, partition: Partition, size: u64) -> BoxFuture<'_, Result<Root, Failure>> {
        let mut hash = Sha256::new();
        let inner = self.inner.lock();
        for stored in inner.frames[usize::from(partition.0)].iter().take(size as usize) {
            hash.update(stored.context.id.0.as_bytes());
        }
        let root = Root(hash.finalize().into());
        Box::pin(async move { Ok(root) })
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
        Partition(slot.number() % self.partitions)
    }

    fn partitions(&self) -> u16 {
        self.partitions
    }
}
