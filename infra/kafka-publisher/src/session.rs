//! One partition of the log while it is published here: a transactional producer and the marks it has committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Failure, Publication, PublishError, TopicMark, TopicRecord};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, PurgeConfig, ThreadedProducer};
use rdkafka::util::Timeout;

use crate::error::{is_fencing, of_transaction, passing};
use crate::faults::Step;
use crate::options::Options;
use crate::{client, marks};

/// The producer tells of a failed record when the transaction is to be committed.
type Sender = ThreadedProducer<DefaultProducerContext>;

/// Publishes a partition.
pub(crate) struct Session {
    options: Arc<Options>,
    partition: Partition,
    producer: Sender,
    /// Only where a test plants that fault: a producer that knows no transaction.
    outside: Option<Sender>,
    marks: BTreeMap<String, TopicMark>,
}

impl Session {
    /// Fences whoever published the partition before, then reads what they committed.
    pub(crate) fn take_over(options: Arc<Options>, partition: Partition) -> Result<Session, Failure> {
        let failed = |error: KafkaError| passing("the partition could not be taken over").caused_by(error);
        let producer: Sender = client::sending(&options, partition).create().map_err(failed)?;
        producer.init_transactions(options.limits.take_over).map_err(failed)?;
        let outside = options.faults.outside_transaction().then(|| client::idempotent(&options).create());
        let outside = outside.transpose().map_err(failed)?;
        let marks = marks::read(&options, partition)?;
        Ok(Session { options, partition, producer, outside, marks })
    }

    pub(crate) fn marks(&self) -> Vec<TopicMark> {
        self.marks.values().cloned().collect()
    }

    /// All or nothing. After an error the session is over, except where the publication did not fit.
    pub(crate) fn publish(&mut self, publication: Publication) -> Result<(), PublishError> {
        for (topic, expected) in &publication.expected {
            let found = self.marks.get(topic).map_or(0, |mark| mark.next);
            if found != *expected {
                return Err(PublishError::Moved { topic: topic.clone(), expected: *expected, found });
            }
        }
        let committed = self.transact(&publication);
        if committed.is_err() {
            // What is in flight must not be waited for; the transaction is undone by the next one to take over.
            self.producer.purge(PurgeConfig::default().queue().inflight());
        }
        committed?;
        for mark in publication.reached {
            self.marks.insert(mark.topic.clone(), mark);
        }
        Ok(())
    }

    fn transact(&self, publication: &Publication) -> Result<(), PublishError> {
        let partition = self.partition;
        let in_the_way = |doing: &'static str| move |error| of_transaction(partition, doing, error);
        self.producer.begin_transaction().map_err(in_the_way("beginning a transaction"))?;
        self.step(Step::Begun)?;
        self.send_all(&publication.records)?;
        self.step(Step::Sent)?;
        for mark in &publication.reached {
            self.send_mark(mark)?;
        }
        self.step(Step::Marked)?;
        self.commit()?;
        self.step(Step::Committed)
    }

    fn send_all(&self, records: &[TopicRecord]) -> Result<(), PublishError> {
        let producer = self.outside.as_ref().unwrap_or(&self.producer);
        let (first, rest) = records.split_at(records.len() / 2);
        first.iter().try_for_each(|record| self.send(producer, record))?;
        self.step(Step::HalfSent)?;
        rest.iter().try_for_each(|record| self.send(producer, record))
    }

    fn send(&self, producer: &Sender, record: &TopicRecord) -> Result<(), PublishError> {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        let add =
            |headers: OwnedHeaders, (key, text): &(String, String)| headers.insert(Header { key, value: Some(text) });
        let topic = self.options.topic(record.topic);
        let message = BaseRecord::<str, [u8]>::to(&topic)
            .key(&record.key)
            .payload(&record.value)
            .timestamp(record.at.micros() / 1_000)
            .headers(record.headers.iter().fold(headers, add));
        self.queue(producer, message)
    }

    fn send_mark(&self, mark: &TopicMark) -> Result<(), PublishError> {
        let (topic, value) = (self.options.marks_topic(), marks::to_bytes(mark));
        let message = BaseRecord::<str, [u8]>::to(&topic).key(&mark.topic).payload(&value);
        self.queue(&self.producer, message.partition(i32::from(self.partition.0)))
    }

    /// Hands a record to the producer, waiting while it is full.
    fn queue<'a>(&self, producer: &Sender, mut message: BaseRecord<'a, str, [u8]>) -> Result<(), PublishError> {
        let until = Instant::now() + self.options.limits.transaction;
        loop {
            match producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) if Instant::now() < until => {
                    message = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(self.in_the_way("sending a record", error)),
            }
        }
    }

    /// Done, or undone, or nobody knows: then whoever takes over next finds out.
    fn commit(&self) -> Result<(), PublishError> {
        let until = Instant::now() + self.options.limits.transaction;
        loop {
            match self.producer.commit_transaction(Timeout::After(self.options.limits.transaction)) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < until => {}
                Err(error) => {
                    if matches!(&error, KafkaError::Transaction(error) if error.txn_requires_abort()) {
                        // Readers need not wait for the timeout; where it does not work, they do.
                        let _ = self.producer.abort_transaction(self.options.limits.answer);
                    }
                    return Err(self.in_the_way("committing a transaction", error));
                }
            }
        }
    }

    /// The end of a step, and of everything where a test has it end here: what was sent is on the brokers by then.
    fn step(&self, step: Step) -> Result<(), PublishError> {
        if !self.options.faults.die_after(step) {
            return Ok(());
        }
        for producer in self.outside.iter().chain([&self.producer]) {
            let flushed = producer.flush(self.options.limits.answer);
            flushed.map_err(|error| self.in_the_way("sending records", error))?;
        }
        Err(PublishError::Failed(passing("the publisher is dead")))
    }

    fn in_the_way(&self, doing: &'static str, error: KafkaError) -> PublishError {
        match self.producer.client().fatal_error() {
            Some((code, _)) if is_fencing(code) => PublishError::Superseded { partition: self.partition },
            _ => of_transaction(self.partition, doing, error),
        }
    }
}
