//! The node's two idempotent producers. One sends at once what it is given. The other lets the records of a shipment, which
//! come one by one, gather to one request: otherwise the first goes alone, and many behind it only after its answer. That
//! waiting librdkafka rounds up to a millisecond, a good part of what a record takes where nobody else sends.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};

use carelog_domain::kernel::{Partition, Position};
use carelog_schemas::frame::Frame;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig, ThreadedProducer};

use crate::client;
use crate::options::Options;
use crate::reader::Happened;
use crate::under_way::UnderWay;

/// A record as it is sent.
pub(crate) type Sendable<'a> = BaseRecord<'a, str, [u8]>;

/// Milliseconds in which the records of a large shipment gather.
pub(crate) const LINGER: &str = "0.3";
const NO_LINGER: &str = "0";

/// Which of the two sends. The order of records is kept within each, so whoever changes waits until nothing of the
/// partition is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lane {
    /// At once.
    Prompt,
    /// With those that come right behind.
    Gathering,
}

/// The producers, and what they have not brought to Kafka yet.
pub(crate) struct Producers {
    prompt: ThreadedProducer<Watching>,
    gathering: ThreadedProducer<Watching>,
    pub(crate) under_way: Arc<UnderWay>,
}

impl Producers {
    /// New ones, which tell the reader of what they do not deliver.
    pub(crate) fn make(
        generation: u64,
        options: &Options,
        happened: &mpsc::Sender<Happened>,
        delivered: &Arc<Delivered>,
    ) -> Result<Producers, KafkaError> {
        let under_way = Arc::new(UnderWay::none(options.partitions));
        let make = |linger| {
            let (happened, delivered, under_way) = (happened.clone(), delivered.clone(), under_way.clone());
            let watching = Watching { generation, happened, delivered, under_way };
            client::sending(options, linger).create_with_context(watching)
        };
        Ok(Producers { prompt: make(NO_LINGER)?, gathering: make(LINGER)?, under_way })
    }

    /// Gives a record to a producer; it comes back if that is full.
    pub(crate) fn send<'a>(
        &self,
        lane: Lane,
        partition: Partition,
        record: Sendable<'a>,
    ) -> Result<Option<Sendable<'a>>, KafkaError> {
        let producer = match lane {
            Lane::Prompt => &self.prompt,
            Lane::Gathering => &self.gathering,
        };
        self.under_way.begin(partition);
        let Err((error, back)) = producer.send(record) else { return Ok(None) };
        self.under_way.end(partition);
        match error {
            KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => Ok(Some(back)),
            error => Err(error),
        }
    }

    /// Why one of them will never send anything again, if that is so.
    pub(crate) fn failed_for_good(&self) -> Option<String> {
        let (code, reason) = self.both().into_iter().find_map(|producer| producer.client().fatal_error())?;
        Some(format!("the producer failed for good: {reason} ({code})"))
    }

    /// Drops all that was not delivered.
    pub(crate) fn purge(&self) {
        self.both().into_iter().for_each(|producer| producer.purge(PurgeConfig::default().queue().inflight()));
    }

    fn both(&self) -> [&ThreadedProducer<Watching>; 2] {
        [&self.prompt, &self.gathering]
    }
}

/// Tells the reader when a record was not delivered.
struct Watching {
    generation: u64,
    happened: mpsc::Sender<Happened>,
    delivered: Arc<Delivered>,
    under_way: Arc<UnderWay>,
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
            Err((error, _)) => {
                let why = format!("a record was not delivered: {error}");
                let _ = self.happened.send(Happened::Doubt { generation: self.generation, why }); // The reader ends last.
            }
        }
    }
}

/// How far each partition was delivered; kept only for the fault that acknowledges by it.
#[derive(Default)]
pub(crate) struct Delivered {
    kept: bool,
    to: Mutex<BTreeMap<Partition, u64>>,
}

impl Delivered {
    pub(crate) fn new(kept: bool) -> Delivered {
        Delivered { kept, ..Delivered::default() }
    }

    /// Whether Kafka has it; known only with that fault.
    pub(crate) fn has(&self, place: Position) -> bool {
        self.to.lock().get(&place.partition).is_some_and(|last| *last >= place.offset)
    }

    fn note(&self, record: &BorrowedMessage<'_>) {
        let frame = record.payload().filter(|_| self.kept).and_then(|bytes| Frame::parse_trusted(bytes).ok());
        if let Some(Position { partition, offset }) = frame.map(|frame| frame.position()) {
            self.to.lock().insert(partition, offset);
        }
    }
}
