//! Sending records with the node's one idempotent producer. A producer that failed to deliver anything is thrown away
//! with all it holds, and its failure is told once, to the reader. One that fails at once (a right was taken away) is
//! followed by the next after a pause.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use carelog_domain::kernel::{Partition, Position};
use carelog_event_log::Outbox;
use carelog_schemas::frame::Frame;
use parking_lot::{Mutex, RwLock};
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig, ThreadedProducer};

use crate::client;
use crate::options::Options;
use crate::pace::Pace;
use crate::reader::Happened;
use crate::record::{Ownership, event_headers, ownership_headers};
use crate::under_way::UnderWay;

/// A producer is made no sooner than this after the one before it.
const MADE_EVERY: Duration = Duration::from_secs(1);

/// Sends records; the producer behind it changes when one has failed.
pub(crate) struct Sending {
    options: Options,
    happened: mpsc::Sender<Happened>,
    now: RwLock<Generation>,
    delivered: Arc<Delivered>,
}

struct Generation {
    number: u64,
    /// None between the end of one and the beginning of the next.
    producer: Option<Arc<OneProducer>>,
    /// When the last one was made, or was to be.
    made: Instant,
}

/// A producer, and what it has not brought to Kafka yet.
struct OneProducer {
    producer: ThreadedProducer<Watching>,
    under_way: Arc<UnderWay>,
}

/// Tells the reader when a record was not delivered.
struct Watching {
    generation: u64,
    happened: mpsc::Sender<Happened>,
    delivered: Arc<Delivered>,
    under_way: Arc<UnderWay>,
}

/// How far each partition was delivered; kept only for the fault that acknowledges by it.
#[derive(Default)]
struct Delivered {
    kept: bool,
    to: Mutex<BTreeMap<Partition, u64>>,
}

impl Delivered {
    fn note(&self, record: &BorrowedMessage<'_>) {
        let frame = record.payload().filter(|_| self.kept).and_then(|bytes| Frame::parse_trusted(bytes).ok());
        if let Some(Position { partition, offset }) = frame.map(|frame| frame.position()) {
            self.to.lock().insert(partition, offset);
        }
    }
}

impl Watching {
    fn doubt(&self, why: String) {
        let _ = self.happened.send(Happened::Doubt { generation: self.generation, why }); // The reader ends last.
    }
}

impl ClientContext for Watching {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the producer has trouble with Kafka");
    }
}

impl ProducerContext for Watching {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let (Ok(record) | Err((_, record))) = result;
        self.under_way.end(Partition(record.partition() as u16));
        match result {
            Ok(record) => self.delivered.note(record),
            Err((error, _)) => self.doubt(format!("a record was not delivered: {error}")),
        }
    }
}

impl Sending {
    pub(crate) fn new(options: Options, happened: mpsc::Sender<Happened>) -> Result<Sending, KafkaError> {
        let kept = options.faults.acknowledge_at_delivery();
        let delivered = Arc::new(Delivered { kept, ..Delivered::default() });
        let producer = Some(producer(0, &options, &happened, &delivered)?);
        let first = Generation { number: 0, producer, made: Instant::now() };
        Ok(Sending { options, happened, now: RwLock::new(first), delivered })
    }

    /// Whether Kafka has it; known only with the fault that acknowledges by it.
    pub(crate) fn is_delivered(&self, place: Position) -> bool {
        self.delivered.to.lock().get(&place.partition).is_some_and(|last| *last >= place.offset)
    }

    /// Which producer is in use; a doubt of an earlier one is none any more.
    pub(crate) fn generation(&self) -> u64 {
        self.now.read().number
    }

    /// Why the producer in use will never send anything again, if that is so. No callback tells: with nothing under way
    /// that could fail to be delivered, it would be waited for in vain.
    pub(crate) fn failed_for_good(&self) -> Option<String> {
        let now = self.now.read().producer.clone()?;
        let (code, reason) = now.producer.client().fatal_error()?;
        Some(format!("the producer failed for good: {reason} ({code})"))
    }

    /// Throws the producer away with all it holds.
    pub(crate) fn throw_away(&self) {
        let mut now = self.now.write();
        now.number += 1;
        if let Some(old) = now.producer.take() {
            old.producer.purge(PurgeConfig::default().queue().inflight());
            // Its last handle waits for its threads.
            std::thread::spawn(move || drop(old));
        }
    }

    /// Begins with a new producer, if there is none and it is time for one.
    pub(crate) fn renew(&self) {
        let is_due = {
            let now = self.now.read();
            now.producer.is_none() && now.made.elapsed() >= MADE_EVERY
        };
        if !is_due {
            return;
        }
        let mut now = self.now.write();
        now.made = Instant::now();
        match producer(now.number, &self.options, &self.happened, &self.delivered) {
            Ok(next) => now.producer = Some(next),
            Err(error) => tracing::error!(%error, "no new producer could be made; trying again"),
        }
    }

    /// Sends a claim.
    pub(crate) fn claim(&self, partition: Partition, claim: &Ownership) -> Result<(), KafkaError> {
        let bytes = claim.to_bytes();
        self.send(partition, self.record(partition, None, &bytes, &ownership_headers(claim.epoch)), || true)
    }

    /// A frame as it is sent.
    fn event<'a>(&'a self, partition: Partition, epoch: u64, bytes: &'a [u8]) -> BaseRecord<'a, str, [u8]> {
        let frame = Frame::parse_trusted(bytes).expect("a frame was encoded when its batch was accepted");
        self.record(partition, Some(frame.stream()), bytes, &event_headers(&frame, epoch))
    }

    fn record<'a>(
        &'a self,
        partition: Partition,
        key: Option<&'a str>,
        value: &'a [u8],
        headers: &[(&str, String)],
    ) -> BaseRecord<'a, str, [u8]> {
        let all = OwnedHeaders::new_with_capacity(headers.len());
        let all = headers.iter().fold(all, |all, (key, text)| all.insert(Header { key, value: Some(text) }));
        let record = BaseRecord::to(&self.options.topic).partition(i32::from(partition.0)).payload(value).headers(all);
        match key {
            Some(key) => record.key(key),
            None => record,
        }
    }

    /// Sends a record, waiting while the producer is full and `wanted` says that it still should be sent.
    fn send(
        &self,
        partition: Partition,
        mut record: BaseRecord<'_, str, [u8]>,
        wanted: impl Fn() -> bool,
    ) -> Result<(), KafkaError> {
        let now = self.now.read().producer.clone();
        let now = now.ok_or(KafkaError::MessageProduction(RDKafkaErrorCode::BrokerDestroy))?;
        while wanted() {
            now.under_way.begin(partition);
            let Err((error, back)) = now.producer.send(record) else { return Ok(()) };
            now.under_way.end(partition);
            match error {
                KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => record = back,
                error => return Err(error),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Waits until the producer in use has room for more of the partition, while it is in use and the partition is owned.
    fn wait_for_room(&self, partition: Partition, owned: &AtomicU64) {
        let (generation, under_way) = {
            let now = self.now.read();
            // Not the producer itself: whoever has its last handle waits for its threads.
            (now.number, now.producer.as_ref().map(|producer| producer.under_way.clone()))
        };
        let wanted = || owned.load(Ordering::Acquire) != 0 && self.generation() == generation;
        if let Some(under_way) = under_way {
            under_way.wait_for_room(partition, wanted);
        }
    }

    /// Sends what a partition accepts in its epoch, until its log closes.
    pub(crate) fn ship(&self, partition: Partition, outbox: &Outbox, owned: &AtomicU64) {
        let mut pace = Pace::new();
        loop {
            self.wait_for_room(partition, owned);
            pace.pause();
            let Some(shipment) = outbox.take() else { return };
            let wanted = || owned.load(Ordering::Acquire) == shipment.epoch();
            let frames: Vec<Bytes> = shipment.frames().collect();
            // All are made before the first is sent, so that they come one right behind the other and go together.
            let records: Vec<_> = frames.iter().map(|bytes| self.event(partition, shipment.epoch(), bytes)).collect();
            pace.sending(records.len());
            for record in records {
                let generation = self.generation();
                if let Err(error) = self.send(partition, record, wanted) {
                    let why = format!("a record could not be sent: {error}");
                    let _ = self.happened.send(Happened::Doubt { generation, why }); // The reader ends last.
                    break;
                }
            }
        }
    }
}

fn producer(
    generation: u64,
    options: &Options,
    happened: &mpsc::Sender<Happened>,
    delivered: &Arc<Delivered>,
) -> Result<Arc<OneProducer>, KafkaError> {
    let under_way = Arc::new(UnderWay::none(options.partitions));
    let (happened, delivered) = (happened.clone(), delivered.clone());
    let watching = Watching { generation, happened, delivered, under_way: under_way.clone() };
    let producer = client::sending(options).create_with_context(watching)?;
    Ok(Arc::new(OneProducer { producer, under_way }))
}
