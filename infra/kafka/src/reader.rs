//! The one thread that reads the topic. All partitions are followed here, and whatever happens elsewhere comes here, so
//! that epochs begin and end between records and nowhere else.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use crate::client;
use crate::error::Stopped;
use crate::follower::{Follower, Node};
use crate::points::Points;
use crate::pulse::Pulse;
use crate::record::Record;

/// How long nothing is looked at while no record comes.
const IDLE: Duration = Duration::from_millis(10);
/// So many records are taken before what counts is applied.
const TAKEN_MAX: usize = 512;
/// A point for the next start is noted this often.
const POINT_EVERY: Duration = Duration::from_secs(5);
/// What was accepted has this long to be read back when the log closes.
const CLOSING_MAX: Duration = Duration::from_secs(10);

/// What the reader is told.
pub(crate) enum Happened {
    /// A producer failed.
    Doubt { generation: u64, why: String },
    /// These partitions are this node's to own, and no others.
    Assigned(Vec<u16>),
    /// The topic still is the one that this node began with.
    SameTopic,
    /// The topic of this name is another one now: no record that comes or goes is of this log.
    MadeAnew { was: String, is: String },
    /// Nothing more is accepted: finish and end.
    Close,
}

pub(crate) struct Reader {
    node: Arc<Node>,
    consumer: BaseConsumer,
    followers: Vec<Follower>,
    happened: mpsc::Receiver<Happened>,
    points: Points,
    point_at: Instant,
    closing: Option<Instant>,
    pulse: Pulse,
}

impl Reader {
    pub(crate) fn new(
        node: Arc<Node>,
        followers: Vec<Follower>,
        happened: mpsc::Receiver<Happened>,
        points: Points,
        pulse: Pulse,
    ) -> Result<Reader, KafkaError> {
        let consumer: BaseConsumer = client::reading(&node.options).create()?;
        let mut places = TopicPartitionList::new();
        for follower in &followers {
            let partition = i32::from(follower.number().0);
            places.add_partition_offset(&node.options.topic, partition, Offset::Offset(follower.read_to()))?;
        }
        consumer.assign(&places)?;
        Ok(Reader { node, consumer, followers, happened, points, point_at: Instant::now(), closing: None, pulse })
    }

    /// Reads until the log is closed.
    pub(crate) fn run(mut self) {
        loop {
            self.pulse.beat();
            self.take_records();
            self.followers.iter_mut().for_each(Follower::apply);
            self.hear();
            self.node.sending.renew();
            for follower in &mut self.followers {
                follower.watch_read_back();
                follower.step();
            }
            if self.point_at.elapsed() > POINT_EVERY {
                self.note_points();
            }
            if self.closing.is_some_and(|since| self.is_settled() || since.elapsed() > CLOSING_MAX) {
                break;
            }
        }
        self.followers.iter_mut().for_each(|follower| follower.end_epoch("the log is closing"));
        self.note_points();
    }

    fn take_records(&mut self) {
        let mut wait = IDLE;
        for _ in 0..TAKEN_MAX {
            let Some(polled) = self.consumer.poll(wait) else { return };
            take(&mut self.followers, &self.consumer, &self.node, polled);
            wait = Duration::ZERO;
        }
    }

    fn hear(&mut self) {
        for happened in self.happened.try_iter() {
            match happened {
                Happened::Doubt { generation, why } if generation == self.node.sending.generation() => {
                    doubt(&self.node, &mut self.followers, &why);
                }
                Happened::Doubt { .. } => {} // Of a producer that was thrown away.
                Happened::Assigned(partitions) => {
                    let assigned = |follower: &Follower| partitions.contains(&follower.number().0);
                    self.followers.iter_mut().for_each(|follower| follower.assign(assigned(follower)));
                }
                Happened::SameTopic => self.followers.iter_mut().for_each(Follower::is_in_the_same_topic),
                Happened::MadeAnew { was, is } => {
                    for follower in self.followers.iter_mut().filter(|follower| !follower.is_stopped()) {
                        follower.stop(Stopped::MadeAnew {
                            at: follower.first_unsure_place(),
                            was: was.clone(),
                            is: is.clone(),
                        });
                    }
                    self.node.sending.throw_away(); // What is on its way would go into the new one.
                }
                Happened::Close => self.closing = Some(Instant::now()),
            }
        }
        if let Some(why) = self.node.sending.failed_for_good() {
            doubt(&self.node, &mut self.followers, &why);
        }
    }

    fn is_settled(&self) -> bool {
        self.followers.iter().all(Follower::is_settled)
    }

    fn note_points(&mut self) {
        self.point_at = Instant::now();
        for point in self.followers.iter().filter_map(Follower::point) {
            self.points.add(point);
        }
        if let Err(error) = self.points.save() {
            tracing::warn!(%error, "where reading can go on was not noted; the next start reads more");
        }
    }
}

/// Whatever the producer held may be lost: nobody counts on it any more.
fn doubt(node: &Node, followers: &mut [Follower], why: &str) {
    tracing::warn!(why, "the producer is thrown away; another takes its place");
    followers.iter_mut().for_each(|follower| follower.doubt(why));
    node.sending.throw_away();
}

fn take(followers: &mut [Follower], consumer: &BaseConsumer, node: &Node, polled: KafkaResult<BorrowedMessage<'_>>) {
    match polled {
        Ok(message) => {
            let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
            let record = Record::read(headers.map(|header| (header.key, header.value)), message.payload());
            if let Some(follower) = followers.get_mut(message.partition() as usize) {
                follower.take(message.offset(), record);
            }
        }
        Err(KafkaError::PartitionEOF(_)) => {}
        Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)) => {
            find_the_lost(followers, consumer, node)
        }
        Err(error) => tracing::warn!(%error, "the topic cannot be read now"),
    }
}

/// A place to be read is gone; the error does not say where.
fn find_the_lost(followers: &mut [Follower], consumer: &BaseConsumer, node: &Node) {
    for follower in followers {
        let (partition, limit) = (i32::from(follower.number().0), node.options.limits.barrier);
        let Ok((low, high)) = consumer.fetch_watermarks(&node.options.topic, partition, limit) else { continue };
        let read_to = follower.read_to();
        if !(low..=high).contains(&read_to) {
            let what = format!("offset {read_to} of the topic is to be read, but Kafka holds {low} to {high}");
            follower.stop(Stopped::Missing { at: follower.next_place(), what });
        }
    }
}
