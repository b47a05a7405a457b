//! The one thread that reads the topic. All partitions are followed here, and whatever happens elsewhere comes here, so
//! that epochs begin and end between records and nowhere else.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use crate::client;
use crate::ends::Held;
use crate::error::Stopped;
use crate::follower::{Follower, Node};
use crate::lost::Lost;
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

/// How long a new place may take to be taken.
const SEEK_MAX: Duration = Duration::from_secs(1);

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
    /// Where something was to be read that Kafka does not have.
    lost: Lost,
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
        Ok(Reader {
            node,
            consumer,
            followers,
            happened,
            points,
            point_at: Instant::now(),
            closing: None,
            pulse,
            lost: Lost::default(),
        })
    }

    /// Reads until the log is closed.
    pub(crate) fn run(mut self) {
        loop {
            self.pulse.beat();
            self.take_records();
            self.find_the_lost();
            self.followers.iter_mut().for_each(Follower::apply);
            self.hear();
            self.node.sending.renew();
            for follower in &mut self.followers {
                follower.watch_index();
                follower.watch_read_back();
                follower.step();
            }
            if self.followers.iter().any(Follower::is_without_disk) {
                self.pulse.is_unfit();
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
            match polled {
                Ok(message) => take(&mut self.followers, &message),
                Err(KafkaError::PartitionEOF(_)) => {}
                Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
                )) => self.lost.somewhere(0..self.node.options.partitions),
                Err(error) => tracing::warn!(%error, "the topic cannot be read now"),
            }
            wait = Duration::ZERO;
        }
    }

    /// A partition that does not hold what is to be read next stops; one that does is read on from there, since nothing
    /// of it comes any more after its place could not be read.
    fn find_the_lost(&mut self) {
        let ends = &self.node.ends;
        for (partition, held) in self.lost.answers(|partition| ends.ask(Partition(partition))) {
            let Some(follower) = self.followers.get_mut(usize::from(partition)) else { continue };
            let read_to = follower.read_to();
            if !(held.begin..=held.end).contains(&read_to) {
                let Held { begin, end } = held;
                let what = format!("offset {read_to} of the topic is to be read, but Kafka holds {begin} to {end}");
                follower.stop(Stopped::Missing { at: follower.next_place(), what });
                continue;
            }
            let (topic, place) = (&self.node.options.topic, Offset::Offset(read_to));
            if let Err(error) = self.consumer.seek(topic, i32::from(partition), place, SEEK_MAX) {
                tracing::warn!(partition, %error, "reading cannot go on there yet");
                self.lost.somewhere(std::iter::once(partition));
            }
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

fn take(followers: &mut [Follower], message: &BorrowedMessage<'_>) {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let record = Record::read(headers.map(|header| (header.key, header.value)), message.payload());
    if let Some(follower) = followers.get_mut(message.partition() as usize) {
        follower.take(message.offset(), record);
    }
}
