//! The log: partitions in a folder, behind the port.

mod create;
mod follow;
mod open;
mod restore;

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use carelog_domain::kernel::{CommandId, Partition as Number, Slot, StreamName, Tag, Version};
use carelog_domain::ports::{
    Accepted, AppendError, Batch, BoxFuture, BoxStream, Direction, EventFilter, EventLog, Failure, Head, Owner, Root,
    Stored,
};
pub use follow::Following;
use parking_lot::Mutex;

use crate::error::{OpenError, lasting, passing};
use crate::partition::Partition;
use crate::slot_map::SlotMap;

/// A log in a folder of this machine. Dropping it closes it: what was accepted becomes durable first.
pub struct LocalLog {
    folder: PathBuf,
    partitions: Vec<Arc<Partition>>,
    map: SlotMap,
    threads: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<Box<dyn Any + Send + Sync>>>,
}

/// Numbers about a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogStats {
    /// Where it lives.
    pub folder: PathBuf,
    /// One a partition.
    pub partitions: Vec<PartitionStats>,
}

/// Numbers about a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionStats {
    /// Its durable end.
    pub head: Head,
    /// How many segment files it has.
    pub segments: usize,
    /// Their length together, zero fill included.
    pub segment_bytes: u64,
}

impl LocalLog {
    /// Stops if the log is shorter than a checkpoint known elsewhere, or saw another history.
    pub fn verify_checkpoint(&self, known_by: &str, partition: Number, size: u64, root: Root) -> Result<(), OpenError> {
        let behind = |end: u64, found: Option<Root>| OpenError::BehindCheckpoint {
            position: carelog_domain::kernel::Position { partition, offset: end },
            known_by: known_by.to_owned(),
            size,
            root,
            found,
        };
        let at = self.partitions.get(usize::from(partition.0)).ok_or_else(|| behind(0, None))?;
        let end = at.durable_end();
        if size > end {
            return Err(behind(end, None));
        }
        match at.root_at(size) {
            Ok(found) if found == root => Ok(()),
            Ok(found) => Err(behind(end, Some(found))),
            Err(failure) => Err(OpenError::Index { path: self.folder.clone(), source: Box::new(failure) }),
        }
    }

    /// Numbers about the log.
    pub fn stats(&self) -> Result<LogStats, Failure> {
        let partition_stats = |partition: &Arc<Partition>| {
            let segments = partition.segments.all();
            Ok(PartitionStats {
                head: partition.head()?,
                segments: segments.len(),
                segment_bytes: segments.iter().map(|segment| segment.file_bytes).sum(),
            })
        };
        let partitions = self.partitions.iter().map(partition_stats).collect::<Result<_, Failure>>()?;
        Ok(LogStats { folder: self.folder.clone(), partitions })
    }

    /// Why a partition stopped after a failed write, if one did. From then on it takes no batch and shows nothing that
    /// is not durable, until the program starts again; a process that serves the log is not ready any more.
    pub fn failure(&self) -> Option<String> {
        let failed = |partition: &Arc<Partition>| Some((partition.number, partition.poisoned()?));
        let (number, why) = self.partitions.iter().find_map(failed)?;
        Some(format!("partition {number} of the log stopped after a failed write: {why}; start the program again"))
    }

    /// Takes no more batches, waits until all that was accepted is durable, and lets go of the folder.
    pub fn close(&self) {
        self.partitions.iter().for_each(|partition| partition.begin_close());
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the log panicked");
            }
        }
        self.lock.lock().take();
    }

    pub(crate) fn all(&self) -> &[Arc<Partition>] {
        &self.partitions
    }

    fn partition(&self, number: Number) -> Result<&Arc<Partition>, Failure> {
        let count = self.partitions.len();
        self.partitions
            .get(usize::from(number.0))
            .ok_or_else(|| lasting(format!("the log has {count} partitions, there is no {number}")))
    }

    fn partition_for(&self, slot: Slot) -> Result<&Arc<Partition>, Failure> {
        self.partition(self.map.partition_of(slot))
    }
}

impl Drop for LocalLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl EventLog for LocalLog {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Accepted, AppendError>> {
        Box::pin(async move {
            let span = tracing::info_span!("log append", command = %batch.command, events = batch.events.len());
            let partition = self.partition_for(batch.slot).map_err(AppendError::Failed)?;
            partition.room_in_index().await.map_err(AppendError::Failed)?;
            span.in_scope(|| partition.accept(batch))
        })
    }

    fn find_command(&self, slot: Slot, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        ready(self.partition_for(slot).and_then(|partition| partition.find_command(Some(slot.number()), command)))
    }

    fn find_command_anywhere(&self, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        let find = |partition: &Arc<Partition>| partition.find_command(None, command).transpose();
        ready(self.partitions.iter().find_map(find).transpose())
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        ready(self.partition_for(stream.slot()).and_then(|partition| partition.read_stream(stream, after, limit)))
    }

    fn stream_version(&self, stream: &StreamName) -> BoxFuture<'_, Result<Version, Failure>> {
        ready(self.partition_for(stream.slot()).and_then(|partition| partition.stream_version(stream)))
    }

    fn read_tag(
        &self,
        slot: Slot,
        tag: &Tag,
        direction: Direction,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        ready(self.partition_for(slot).and_then(|p| p.read_tag(slot.number(), tag, direction, limit)))
    }

    fn read(
        &self,
        partition: Number,
        from: u64,
        direction: Direction,
        filter: &EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<(Vec<Stored>, Option<u64>), Failure>> {
        let filter = filter.clone();
        Box::pin(async move {
            let partition = self.partition(partition)?.clone();
            off_thread(move || partition.read(from, direction, &filter, limit)).await
        })
    }

    fn subscribe(&self, partition: Number, from: u64) -> BoxStream<'_, Result<Vec<Stored>, Failure>> {
        match self.partition(partition) {
            Ok(partition) => follow(partition.clone(), from),
            Err(failure) => Box::pin(futures::stream::iter([Err(failure)])),
        }
    }

    fn head(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        ready(self.partitions.iter().map(|partition| partition.head()).collect())
    }

    fn root_at(&self, partition: Number, size: u64) -> BoxFuture<'_, Result<Root, Failure>> {
        ready(self.partition(partition).and_then(|partition| partition.root_at(size)))
    }

    fn confirm(&self, slot: Slot) -> BoxFuture<'_, Result<(), Failure>> {
        ready(self.partition_for(slot).and_then(|partition| partition.alive())) // Nobody else writes this log.
    }

    fn catch_up(&self, partition: Number) -> BoxFuture<'_, Result<(), Failure>> {
        ready(self.partition(partition).and_then(|partition| partition.alive()))
    }

    fn owner(&self, partition: Number) -> Owner {
        let term = self.partition(partition).ok().and_then(|partition| partition.term());
        term.map_or(Owner::Nobody, Owner::Here)
    }

    fn partition_of(&self, slot: Slot) -> Number {
        self.map.partition_of(slot)
    }

    fn partitions(&self) -> u16 {
        self.partitions.len() as u16
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

/// Reads that may take long do not hold up the runtime's threads.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| lasting("a read stopped in the middle").caused_by(error))?
}

/// Durable events from `from` on: what is there, then what comes. A reader that falls behind reads from the disk
/// again, so nothing is buffered for it.
fn follow(partition: Arc<Partition>, from: u64) -> BoxStream<'static, Result<Vec<Stored>, Failure>> {
    let durable = partition.watch_durable();
    let first = Some((partition, durable, from));
    Box::pin(futures::stream::unfold(first, |at| async move {
        let (partition, mut durable, next) = at?;
        let reached = durable.wait_for(|now| now.end > next || now.closed).await.map(|now| now.end);
        if !reached.is_ok_and(|end| end > next) {
            return Some((Err(passing("the log is closed")), None));
        }
        let chunk = match partition.is_recent(next) {
            true => partition.chunk(next),
            false => {
                let partition = partition.clone();
                off_thread(move || partition.chunk(next)).await
            }
        };
        match chunk {
            Ok(events) => {
                let next = next + events.len() as u64;
                Some((Ok(events), Some((partition, durable, next))))
            }
            Err(failure) => Some((Err(failure), None)),
        }
    }))
}
