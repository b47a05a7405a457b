//! Sending records with the node's idempotent producers. Producers of which one failed to deliver anything are thrown away
//! with all they hold, and the failure is told once, to the reader. Ones that fail at once (a right was taken away) are
//! followed by the next after a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use carelog_domain::kernel::{Partition, Position};
use carelog_event_log::Outbox;
use carelog_schemas::frame::Frame;
use parking_lot::RwLock;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use crate::options::Options;
use crate::pace::{FEW, Pace};
use crate::producers::{Delivered, Lane, Producers, Sendable};
use crate::reader::Happened;
use crate::record::{Ownership, event_headers, ownership_headers};
use crate::under_way::UNDER_WAY_MAX;

/// Producers are made no sooner than this after those before them.
const MADE_EVERY: Duration = Duration::from_secs(1);

/// Sends records; the producers behind it change when one has failed.
pub(crate) struct Sending {
    options: Options,
    happened: mpsc::Sender<Happened>,
    now: RwLock<Generation>,
    delivered: Arc<Delivered>,
}

struct Generation {
    number: u64,
    /// None between the end of some and the beginning of the next.
    producers: Option<Arc<Producers>>,
    /// When the last were made, or were to be.
    made: Instant,
}

impl Sending {
    pub(crate) fn new(options: Options, happened: mpsc::Sender<Happened>) -> Result<Sending, KafkaError> {
        let delivered = Arc::new(Delivered::new(options.faults.acknowledge_at_delivery()));
        let producers = Some(Arc::new(Producers::make(0, &options, &happened, &delivered)?));
        let first = Generation { number: 0, producers, made: Instant::now() };
        Ok(Sending { options, happened, now: RwLock::new(first), delivered })
    }

    /// Whether Kafka has it; known only with the fault that acknowledges by it.
    pub(crate) fn is_delivered(&self, place: Position) -> bool {
        self.delivered.has(place)
    }

    /// Which producers are in use; a doubt of an earlier one is none any more.
    pub(crate) fn generation(&self) -> u64 {
        self.now.read().number
    }

    /// Why a producer in use will never send anything again, if that is so. No callback tells: with nothing under way
    /// that could fail to be delivered, it would be waited for in vain.
    pub(crate) fn failed_for_good(&self) -> Option<String> {
        let now = self.now.read().producers.clone()?;
        now.failed_for_good()
    }

    /// Throws the producers away with all they hold.
    pub(crate) fn throw_away(&self) {
        let mut now = self.now.write();
        now.number += 1;
        if let Some(old) = now.producers.take() {
            old.purge();
            // Their last handle waits for their threads.
            std::thread::spawn(move || drop(old));
        }
    }

    /// Begins with new producers, if there are none and it is time for them.
    pub(crate) fn renew(&self) {
        let is_due = {
            let now = self.now.read();
            now.producers.is_none() && now.made.elapsed() >= MADE_EVERY
        };
        if !is_due {
            return;
        }
        let mut now = self.now.write();
        now.made = Instant::now();
        match Producers::make(now.number, &self.options, &self.happened, &self.delivered) {
            Ok(next) => now.producers = Some(Arc::new(next)),
            Err(error) => tracing::error!(%error, "no new producers could be made; trying again"),
        }
    }

    /// Sends a claim.
    pub(crate) fn claim(&self, partition: Partition, claim: &Ownership) -> Result<(), KafkaError> {
        let bytes = claim.to_bytes();
        let record = self.record(partition, None, &bytes, &ownership_headers(claim.epoch));
        self.send(Lane::Prompt, partition, record, || true)
    }

    /// A frame as it is sent.
    fn event<'a>(&'a self, partition: Partition, epoch: u64, bytes: &'a [u8]) -> Sendable<'a> {
        let frame = Frame::parse_trusted(bytes).expect("a frame was encoded when its batch was accepted");
        self.record(partition, Some(frame.stream()), bytes, &event_headers(&frame, epoch))
    }

    fn record<'a>(
        &'a self,
        partition: Partition,
        key: Option<&'a str>,
        value: &'a [u8],
        headers: &[(&str, String)],
    ) -> Sendable<'a> {
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
        lane: Lane,
        partition: Partition,
        mut record: Sendable<'_>,
        wanted: impl Fn() -> bool,
    ) -> Result<(), KafkaError> {
        let now = self.now.read().producers.clone();
        let now = now.ok_or(KafkaError::MessageProduction(RDKafkaErrorCode::BrokerDestroy))?;
        while wanted() {
            match now.send(lane, partition, record)? {
                None => return Ok(()),
                Some(back) => record = back,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Waits until no more than so many records of the partition are under way, while the same producers are in use and the
    /// partition is owned.
    fn wait_until_under_way(&self, most: usize, partition: Partition, owned: &AtomicU64) {
        let (generation, under_way) = {
            let now = self.now.read();
            // Not the producers themselves: whoever has their last handle waits for their threads.
            (now.number, now.producers.as_ref().map(|producers| producers.under_way.clone()))
        };
        let wanted = || owned.load(Ordering::Acquire) != 0 && self.generation() == generation;
        if let Some(under_way) = under_way {
            under_way.wait_until(most, partition, wanted);
        }
    }

    /// Sends what a partition accepts in its epoch, until its log closes.
    pub(crate) fn ship(&self, partition: Partition, outbox: &Outbox, owned: &AtomicU64) {
        let (mut pace, mut lane) = (Pace::new(), Lane::Prompt);
        loop {
            self.wait_until_under_way(UNDER_WAY_MAX, partition, owned);
            pace.pause();
            let Some(shipment) = outbox.take() else { return };
            let wanted = || owned.load(Ordering::Acquire) == shipment.epoch();
            let frames: Vec<Bytes> = shipment.frames().collect();
            // All are made before the first is sent, so that they come one right behind the other and go together.
            let records: Vec<_> = frames.iter().map(|bytes| self.event(partition, shipment.epoch(), bytes)).collect();
            let next = if records.len() < FEW { Lane::Prompt } else { Lane::Gathering };
            if std::mem::replace(&mut lane, next) != next {
                self.wait_until_under_way(0, partition, owned);
            }
            pace.sending(records.len());
            for record in records {
                let generation = self.generation();
                if let Err(error) = self.send(lane, partition, record, wanted) {
                    let why = format!("a record could not be sent: {error}");
                    let _ = self.happened.send(Happened::Doubt { generation, why }); // The reader ends last.
                    break;
                }
            }
        }
    }
}
