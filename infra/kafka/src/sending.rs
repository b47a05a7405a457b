//! Sending records with the node's one idempotent producer. A producer that failed to deliver anything is thrown away
//! with all it holds, and its failure is told once, to the reader. One that fails at once (a right was taken away) is
//! followed by the next after a pause.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

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
use crate::reader::Happened;
use crate::record::{Ownership, event_headers, ownership_headers};

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
    producer: Option<Arc<ThreadedProducer<Watching>>>,
    /// When the last one was made, or was to be.
    made: Instant,
}

/// Tells the reader when a record was not delivered.
struct Watching {
    generation: u64,
    happened: mpsc::Sender<Happened>,
    delivered: Arc<Delivered>,
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
        let producer = self.now.read().producer.clone()?;
        let (code, reason) = producer.client().fatal_error()?;
        Some(format!("the producer failed for good: {reason} ({code})"))
    }

    /// Throws the producer away with all it holds.
    pub(crate) fn throw_away(&self) {
        let mut now = self.now.write();
        now.number += 1;
        if let Some(old) = now.producer.take() {
            old.purge(PurgeConfig::default().queue().inflight());
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
        self.send(partition, None, &claim.to_bytes(), &ownership_headers(claim.epoch), || true)
    }

    /// Sends a frame, waiting while the producer is full and `wanted` says that it still should be sent.
    fn frame(
        &self,
        partition: Partition,
        epoch: u64,
        bytes: &[u8],
        wanted: impl Fn() -> bool,
    ) -> Result<(), KafkaError> {
        let frame = Frame::parse_trusted(bytes).expect("a frame was encoded when its batch was accepted");
        self.send(partition, Some(frame.stream()), bytes, &event_headers(&frame, epoch), wanted)
    }

    fn send(
        &self,
        partition: Partition,
        key: Option<&str>,
        value: &[u8],
        headers: &[(&str, String)],
        wanted: impl Fn() -> bool,
    ) -> Result<(), KafkaError> {
        let all = OwnedHeaders::new_with_capacity(headers.len());
        let all = headers.iter().fold(all, |all, (key, text)| all.insert(Header { key, value: Some(text) }));
        let mut record = BaseRecord::<str, [u8]>::to(&self.options.topic);
        record = record.partition(i32::from(partition.0)).payload(value).headers(all);
        record = match key {
            Some(key) => record.key(key),
            None => record,
        };
        let producer = self.now.read().producer.clone();
        let producer = producer.ok_or(KafkaError::MessageProduction(RDKafkaErrorCode::BrokerDestroy))?;
        while wanted() {
            match producer.send(record) {
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => record = back,
                sent => return sent.map_err(|(error, _)| error),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Sends what a partition accepts in its epoch, until its log closes.
    pub(crate) fn ship(&self, partition: Partition, outbox: &Outbox, owned: &AtomicU64) {
        while let Some(shipment) = outbox.take() {
            let wanted = || owned.load(Ordering::Acquire) == shipment.epoch();
            for frame in shipment.frames() {
                let generation = self.generation();
                if let Err(error) = self.frame(partition, shipment.epoch(), &frame, wanted) {
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
) -> Result<Arc<ThreadedProducer<Watching>>, KafkaError> {
    let watching = Watching { generation, happened: happened.clone(), delivered: delivered.clone() };
    client::sending(options).create_with_context(watching).map(Arc::new)
}
