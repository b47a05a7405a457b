//! One world for all lives of an engine: log, documents, write side, clock; and a life that can end at any step.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use carelog_domain::event::Event;
use carelog_domain::kernel::{Actor, CommandId, EventId, Purpose, Role, StreamName, Timestamp, Token};
use carelog_domain::kernel::{Partition, Slot, Tag, Version};
use carelog_domain::laboratory::{Extraction, FailureReason};
use carelog_domain::ports::{
    Accepted, AppendError, Assignment, Batch, BlobName, BlobStore, BoxFuture, BoxStream, Clock, CommandBus, DataKey,
    Direction, EventFilter, EventLog, Failure, Fingerprint, Fixed, Head, KeyId, KeyState, KeyStore, LabReader, Owner,
    Root, Stored, ToAppend,
};
use carelog_sagas::{Deps, SagaEngine, SagasConfig};
use carelog_schemas::sealing;
use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use crate::memory_documents::MemoryDocuments;
use crate::memory_log::MemoryLog;
use crate::write_side::WriteSide;

/// How many more things the engine may do before it is killed.
pub(crate) struct Life {
    left: AtomicI64,
}

impl Life {
    pub(crate) fn end_after(&self, steps: i64) {
        self.left.store(steps, Ordering::SeqCst);
    }

    pub(crate) fn for_ever(&self) {
        self.end_after(i64::MAX);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }

    /// Never returns once the life is over: whoever waits is killed where they stand.
    pub(crate) async fn step(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            std::future::pending::<()>().await;
        }
    }
}

pub(crate) struct World {
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) documents: Arc<MemoryDocuments>,
    pub(crate) bus: Arc<WriteSide>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) life: Arc<Life>,
    pub(crate) reader: Arc<TestReader>,
    pub(crate) blobs: Arc<OneBlob>,
    /// For how long a step that fails is tried at least.
    pub(crate) retry_for: Duration,
}

pub(crate) const NOW: &str = "2025-03-01T08:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// Looks until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never comes to this: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl World {
    pub(crate) fn new(partitions: u16) -> World {
        let clock = Arc::new(ManualClock(watch::Sender::new(at(NOW))));
        let log = Arc::new(MemoryLog::new(partitions, clock.clone()));
        let life = Arc::new(Life { left: AtomicI64::new(i64::MAX) });
        let bus = Arc::new(WriteSide::new(log.clone(), life.clone()));
        let (documents, reader, blobs) = (Arc::default(), Arc::default(), Arc::default());
        World { log, documents, bus, clock, life, reader, blobs, retry_for: Duration::ZERO }
    }

    pub(crate) async fn try_start(&self) -> Result<Arc<SagaEngine>, Failure> {
        self.try_start_with(self.bus.clone(), Fixed::all(self.log.partitions())).await
    }

    /// An engine that works on these partitions.
    pub(crate) async fn start_with(&self, assigned: impl Assignment + 'static) -> Arc<SagaEngine> {
        self.try_start_with(self.bus.clone(), assigned).await.expect("the engine starts")
    }

    /// An engine that sends its commands this way.
    pub(crate) async fn start_by(&self, bus: Arc<dyn CommandBus>) -> Arc<SagaEngine> {
        self.try_start_with(bus, Fixed::all(self.log.partitions())).await.expect("the engine starts")
    }

    async fn try_start_with(
        &self,
        bus: Arc<dyn CommandBus>,
        assigned: impl Assignment + 'static,
    ) -> Result<Arc<SagaEngine>, Failure> {
        SagaEngine::start(Deps {
            log: Arc::new(MortalLog { log: self.log.clone(), life: self.life.clone() }),
            keys: Arc::new(TestKeys),
            bus,
            documents: self.documents.clone(),
            blobs: self.blobs.clone(),
            clock: self.clock.clone(),
            lab_reader: self.reader.clone(),
            assigned: Arc::new(assigned),
            config: SagasConfig {
                retry_first: Duration::from_millis(1),
                retry_longest: Duration::from_millis(2),
                attempts_max: 3,
                retry_for: self.retry_for,
                checkpoint_every: Duration::from_millis(5),
                ..SagasConfig::default()
            },
        })
        .await
    }

    pub(crate) async fn start(&self) -> Arc<SagaEngine> {
        self.try_start().await.expect("the engine starts")
    }

    /// Runs an engine until it has handled all there is, then stops it.
    pub(crate) async fn run(&self) {
        let engine = self.start().await;
        assert!(engine.wait(Duration::from_secs(10)).await.expect("waits"), "the engine comes to an end");
        engine.stop().await;
    }

    /// Something happens, as if a command of this name had caused it.
    pub(crate) async fn happen(&self, stream: StreamName, name: &str, event: impl Into<Event>) -> (CommandId, Token) {
        self.happen_by(Role::FrontDesk, self.clock.now(), stream, name, event).await
    }

    pub(crate) async fn happen_by(
        &self,
        role: Role,
        occurred_at: Timestamp,
        stream: StreamName,
        name: &str,
        event: impl Into<Event>,
    ) -> (CommandId, Token) {
        let event = event.into();
        let command = CommandId::of_client_key("test", "happen", name);
        let slot = stream.slot();
        let id = EventId::derive(command, slot, occurred_at, 0);
        let data = sealing::seal_event(&TestKeys, &event, id).await.expect("sealed");
        let mut actor = Actor::system("desk").recorded();
        actor.role = role;
        let to_append = ToAppend {
            id,
            stream,
            event_type: event.event_type().into(),
            revision: event.revision(),
            occurred_at,
            occurred_assumed: false,
            hospital: event.hospital(),
            tags: event.tags(),
            data,
        };
        let batch = Batch {
            slot,
            command,
            fingerprint: Fingerprint([2; 32]),
            events: vec![to_append],
            expected: vec![],
            conditions: vec![],
            term: None,
            actor,
            correlation: command,
            causation: None,
            recorded_after: None,
            traceparent: None,
        };
        let accepted = self.log.append(batch).await.expect("appended");
        (command, accepted.events.iter().map(|context| context.position).collect())
    }

    /// How many events of a type there are.
    pub(crate) fn count(&self, event_type: &str) -> usize {
        self.log.all().iter().filter(|stored| stored.event_type == event_type).count()
    }

    /// The names of the commands done, in order.
    pub(crate) fn commands(&self) -> Vec<&'static str> {
        self.bus.done().iter().map(|(_, command)| command.name()).collect()
    }
}

/// A clock turned by hand.
pub(crate) struct ManualClock(watch::Sender<Timestamp>);

impl ManualClock {
    pub(crate) fn set(&self, now: &str) {
        self.0.send_replace(at(now));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut now = self.0.subscribe();
            let _ = now.wait_for(|now| *now >= instant).await;
        })
    }
}

/// One key for everybody: these tests are not about sealing.
pub(crate) struct TestKeys;

impl KeyStore for TestKeys {
    fn sealing_key(&self, subject: Uuid, purpose: Purpose) -> BoxFuture<'_, Result<(KeyId, DataKey), Failure>> {
        Box::pin(async move { Ok((KeyId { subject, purpose, number: 1 }, DataKey([7; 32]))) })
    }

    fn opening_key(&self, _: KeyId) -> BoxFuture<'_, Result<KeyState, Failure>> {
        Box::pin(async { Ok(KeyState::Live(DataKey([7; 32]))) })
    }

    fn erase(&self, _: Uuid, _: Purpose) -> BoxFuture<'_, Result<(), Failure>> {
        unreachable!("nothing is erased here")
    }

    fn keyed_hash(&self, _: &str, _: &[u8]) -> [u8; 32] {
        unreachable!("sagas hash nothing")
    }
}

/// Every name is that of the same sealed file, unless the store is away, for so many reads.
#[derive(Default)]
pub(crate) struct OneBlob {
    pub(crate) away: AtomicI64,
}

impl BlobStore for OneBlob {
    fn put(&self, _: Bytes) -> BoxFuture<'_, Result<BlobName, Failure>> {
        unreachable!("sagas keep no blobs")
    }

    fn get(&self, _: &BlobName) -> BoxFuture<'_, Result<Option<Bytes>, Failure>> {
        Box::pin(async {
            if self.away.fetch_sub(1, Ordering::SeqCst) > 0 {
                return Err(Failure::passing("blobs", "is away"));
            }
            sealing::seal_blob(&TestKeys, Uuid::nil(), Purpose::Clinical, b"%PDF-").await.map(Some)
        })
    }
}

/// Reads what it was told, or crashes while it was told nothing.
#[derive(Default)]
pub(crate) struct TestReader {
    pub(crate) reads: Mutex<Option<Extraction>>,
    pub(crate) asked: AtomicI64,
}

impl LabReader for TestReader {
    fn read(&self, _: Bytes) -> BoxFuture<'_, Result<Result<Extraction, FailureReason>, Failure>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let read = self.reads.lock().clone();
        Box::pin(async { read.map(Ok).ok_or_else(|| Failure::passing("test", "the reader crashed")) })
    }
}

/// The log as an engine sees it that can be killed before and after each of its own records.
struct MortalLog {
    log: Arc<MemoryLog>,
    life: Arc<Life>,
}

impl EventLog for MortalLog {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Accepted, AppendError>> {
        Box::pin(async {
            self.life.step().await;
            let accepted = self.log.append(batch).await;
            self.life.step().await;
            accepted
        })
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

    fn head(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        self.log.head()
    }

    fn root_at(&self, partition: Partition, size: u64) -> BoxFuture<'_, Result<Root, Failure>> {
        self.log.root_at(partition, size)
    }

    fn confirm(&self, slot: Slot) -> BoxFuture<'_, Result<(), Failure>> {
        self.log.confirm(slot)
    }

    fn catch_up(&self, partition: Partition) -> BoxFuture<'_, Result<(), Failure>> {
        self.log.catch_up(partition)
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
