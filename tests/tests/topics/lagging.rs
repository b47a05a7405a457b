//! A process that follows the log from behind: it knows of nothing until it is told to catch up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use carelog_domain::kernel::{CommandId, Partition, Slot, StreamName, Tag, Version};
use carelog_domain::ports::{
    Accepted, AppendError, Batch, BoxFuture, BoxStream, Direction, EventFilter, EventLog, Failure, Head, Owner, Root,
    Stored,
};

pub(crate) struct Lagging {
    log: Arc<dyn EventLog>,
    has_caught_up: AtomicBool,
}

impl Lagging {
    pub(crate) fn behind(log: Arc<dyn EventLog>) -> Lagging {
        Lagging { log, has_caught_up: AtomicBool::new(false) }
    }
}

impl EventLog for Lagging {
    fn head(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        Box::pin(async move {
            let mut heads = self.log.head().await?;
            if !self.has_caught_up.load(Ordering::SeqCst) {
                heads.iter_mut().for_each(|head| head.size = 0);
            }
            Ok(heads)
        })
    }

    fn catch_up(&self, partition: Partition) -> BoxFuture<'_, Result<(), Failure>> {
        self.has_caught_up.store(true, Ordering::SeqCst);
        self.log.catch_up(partition)
    }

    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Accepted, AppendError>> {
        self.log.append(batch)
    }

    fn find_command(&self, slot: Slot, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        self.log.find_command(slot, command)
    }

    fn find_command_anywhere(&self, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        self.log.find_command_anywhere(command)
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        self.log.read_stream(stream, after, limit)
    }

    fn stream_version(&self, stream: &StreamName) -> BoxFuture<'_, Result<Version, Failure>> {
        self.log.stream_version(stream)
    }

    fn read_tag(
        &self,
        slot: Slot,
        tag: &Tag,
        way: Direction,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        self.log.read_tag(slot, tag, way, limit)
    }

    fn read(
        &self,
        partition: Partition,
        from: u64,
        direction: Direction,
        filter: &EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<(Vec<Stored>, Option<u64>), Failure>> {
        self.log.read(partition, from, direction, filter, limit)
    }

    fn subscribe(&self, partition: Partition, from: u64) -> BoxStream<'_, Result<Vec<Stored>, Failure>> {
        self.log.subscribe(partition, from)
    }

    fn root_at(&self, partition: Partition, size: u64) -> BoxFuture<'_, Result<Root, Failure>> {
        self.log.root_at(partition, size)
    }

    fn confirm(&self, slot: Slot) -> BoxFuture<'_, Result<(), Failure>> {
        self.log.confirm(slot)
    }

    fn owner(&self, partition: Partition) -> Owner {
        self.log.owner(partition)
    }

    fn partition_of(&self, slot: Slot) -> Partition {
        self.log.partition_of(slot)
    }

    fn partitions(&self) -> u16 {
        self.log.partitions()
    }
}
