//! Filling a topic from a local log that knows more: for an operator who has understood that Kafka lost records, or who
//! moves to another cluster. What Kafka has must be the beginning of the local log; the rest is appended as any owner
//! would, in an epoch of its own, and read back.

use std::fs;
use std::time::{Duration, Instant};

use bytes::Bytes;
use carelog_domain::kernel::{Partition, Position};
use carelog_event_log::{Applier, Following, LocalLog};
use carelog_schemas::frame::Frame;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::client;
use crate::counting::{Counted, Counting};
use crate::error::{OpenError, Stopped};
use crate::follower::described;
use crate::options::Options;
use crate::points::{self, Points};
use crate::producers::LINGER;
use crate::record::{Ownership, Record, event_headers, ownership_headers};
use crate::topic;

/// What was done to a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refilled {
    /// The partition.
    pub partition: Partition,
    /// How many frames Kafka had.
    pub before: u64,
    /// How many it has now: those of the local log.
    pub after: u64,
}

/// Fills the topic up to the end of the local log; `say` is told the partition, how far it is and how far it goes. No node
/// may run meanwhile: one that takes a partition over ends this with an error, and nothing of it counts.
///
/// # Errors
/// When the topic or the local log cannot be used, Kafka holds something else than the local log or more of it, or what
/// was sent does not count. Running it again goes on where it stopped.
pub fn refill(options: &Options, mut say: impl FnMut(Partition, u64, u64)) -> Result<Vec<Refilled>, OpenError> {
    let home = topic::check(options)?;
    let local = carelog_event_log::Options { partitions: options.partitions, ..options.local.clone() };
    let (log, following) = LocalLog::follow(local).map_err(|error| OpenError::Local(Box::new(error)))?;
    let points = Points::of_any_home(&options.local.folder, home);
    let mut refilled = Vec::new();
    for Following { applier, .. } in following {
        let lineage = points.lineage(applier.partition());
        let mut filling = Filling::new(options, &applier).map_err(unreachable(options))?;
        filling.read_to_end()?;
        let before = filling.counting.next();
        if before < applier.end() {
            filling.fill(lineage, &mut say)?;
        }
        refilled.push(Refilled { partition: applier.partition(), before, after: applier.end() });
    }
    log.close();
    // They speak of places in the topic as it was.
    match fs::remove_file(options.local.folder.join(points::FILE)) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            let path = options.local.folder.join(points::FILE);
            Err(OpenError::Io { doing: "remove", path, source })
        }
        _ => Ok(refilled),
    }
}

struct Filling<'a> {
    options: &'a Options,
    applier: &'a Applier,
    consumer: BaseConsumer,
    counting: Counting,
    /// The Kafka offset that is read next.
    read_to: i64,
}

impl<'a> Filling<'a> {
    fn new(options: &'a Options, applier: &'a Applier) -> Result<Filling<'a>, KafkaError> {
        let consumer: BaseConsumer = client::reading(options).create()?;
        let partition = applier.partition();
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(&options.topic, i32::from(partition.0), Offset::Beginning)?;
        consumer.assign(&place)?;
        let counting = Counting::resume(partition, options.partitions, None, 0);
        Ok(Filling { options, applier, consumer, counting, read_to: 0 })
    }

    /// Reads all that Kafka has now, and compares it with the local log.
    fn read_to_end(&mut self) -> Result<(), OpenError> {
        let (topic, limit) = (&self.options.topic, self.options.limits.start);
        let partition = i32::from(self.applier.partition().0);
        let ends = self.consumer.fetch_watermarks(topic, partition, limit).map_err(unreachable(self.options))?;
        let mut heard = Instant::now();
        while self.read_to < ends.1 {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                    let record = Record::read(headers.map(|header| (header.key, header.value)), message.payload());
                    self.read_to = message.offset() + 1;
                    let applier = self.applier;
                    let counted = self.counting.count(record, |size| applier.root_at(size));
                    let at = self.next_place();
                    match counted {
                        Ok(Counted::Batch(frames)) => self.compare(&frames)?,
                        Ok(Counted::Later(what)) => return Err(OpenError::Stopped(Stopped::Later { at, what })),
                        Ok(_) => {}
                        Err(failure) => {
                            return Err(OpenError::Stopped(Stopped::Local { at, what: failure.to_string() }));
                        }
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => return Err(unreachable(self.options)(error)),
                None if heard.elapsed() > limit => {
                    return Err(unreachable(self.options)(KafkaError::OffsetFetch(
                        RDKafkaErrorCode::OperationTimedOut,
                    )));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn compare(&self, frames: &[Bytes]) -> Result<(), OpenError> {
        let first = self.counting.next() - frames.len() as u64;
        for (offset, kafka) in (first..).zip(frames) {
            let at = Position { partition: self.applier.partition(), offset };
            let local = match offset < self.applier.end() {
                true => self
                    .applier
                    .frame(offset)
                    .map_err(|failure| OpenError::Stopped(Stopped::Local { at, what: failure.to_string() }))?,
                false => Bytes::new(),
            };
            if local != *kafka {
                let (local, kafka) = (described(&local), described(kafka));
                return Err(OpenError::Stopped(Stopped::Differs { at, local, kafka }));
            }
        }
        Ok(())
    }

    /// Appends what is missing, in an epoch of its own, and reads it back.
    fn fill(
        &mut self,
        lineage: Option<uuid::Uuid>,
        say: &mut impl FnMut(Partition, u64, u64),
    ) -> Result<(), OpenError> {
        let (partition, first, end) = (self.applier.partition(), self.counting.next(), self.applier.end());
        let failed = |failure: carelog_domain::ports::Failure| {
            let at = Position { partition, offset: first };
            OpenError::Stopped(Stopped::Local { at, what: failure.to_string() })
        };
        let producer: BaseProducer =
            client::sending(self.options, LINGER).create().map_err(unreachable(self.options))?;
        let epoch = self.counting.epoch() + 1;
        let lineage = self.counting.owner().map(|owner| owner.lineage).or(lineage).unwrap_or_else(uuid::Uuid::now_v7);
        let node = (self.options.node.as_str(), self.options.address.as_str());
        let at = (first, self.applier.root_at(first).map_err(failed)?);
        let claim = Ownership::claim(epoch, node, lineage, self.options.partitions, at);
        self.send(&producer, None, &claim.to_bytes(), &ownership_headers(epoch))?;
        for offset in first..end {
            let bytes = self.applier.frame(offset).map_err(failed)?;
            let frame = Frame::parse_trusted(&bytes).expect("the local log has checked its frames");
            self.send(&producer, Some(frame.stream()), &bytes, &event_headers(&frame, epoch))?;
            if offset % 1_000 == 0 {
                say(partition, offset, end);
            }
        }
        producer.flush(self.options.limits.delivery * 2).map_err(unreachable(self.options))?;
        self.read_to_end()?;
        say(partition, self.counting.next(), end);
        if self.counting.next() != end || self.counting.owner().map(|owner| owner.claim) != Some(claim.claim) {
            let what = "what was sent from the local log does not count: another node wrote meanwhile; stop all of them \
                        and run it again";
            return Err(OpenError::Stopped(Stopped::Missing { at: self.next_place(), what: what.to_owned() }));
        }
        Ok(())
    }

    fn send(
        &self,
        producer: &BaseProducer,
        key: Option<&str>,
        value: &[u8],
        headers: &[(&str, String)],
    ) -> Result<(), OpenError> {
        let all = OwnedHeaders::new_with_capacity(headers.len());
        let all = headers.iter().fold(all, |all, (key, text)| all.insert(Header { key, value: Some(text) }));
        let mut record = BaseRecord::<str, [u8]>::to(&self.options.topic);
        record = record.partition(i32::from(self.applier.partition().0)).payload(value).headers(all);
        record = match key {
            Some(key) => record.key(key),
            None => record,
        };
        loop {
            match producer.send(record) {
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => record = back,
                sent => {
                    producer.poll(Duration::ZERO);
                    return sent.map_err(|(error, _)| unreachable(self.options)(error));
                }
            }
            producer.poll(Duration::from_millis(10));
        }
    }

    fn next_place(&self) -> Position {
        Position { partition: self.applier.partition(), offset: self.counting.next() }
    }
}

fn unreachable(options: &Options) -> impl Fn(KafkaError) -> OpenError {
    let bootstrap = options.bootstrap.clone();
    move |source| OpenError::Unreachable { bootstrap: bootstrap.clone(), what: "the records of the log", source }
}
