//! A partition as this node follows it: every record that counts goes into the local log here, whoever wrote it, and
//! epochs of this node begin and end here, in the order of the records.

mod taking_over;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use carelog_domain::kernel::{Partition, Position};
use carelog_event_log::Applier;
use carelog_schemas::frame::Frame;
use tokio::sync::watch;

use crate::counting::{Counted, Counting, Ignored};
use crate::ends::Ends;
use crate::error::Stopped;
use crate::options::Options;
use crate::points::Point;
use crate::record::{Ownership, Record};
use crate::sending::Sending;
use crate::standing::{Role, Standing};
use taking_over::TakingOver;

/// What all partitions of a node share.
pub(crate) struct Node {
    pub(crate) options: Options,
    pub(crate) sending: Sending,
    pub(crate) ends: Ends,
}

pub(crate) struct Follower {
    node: Arc<Node>,
    number: Partition,
    applier: Applier,
    counting: Counting,
    /// The Kafka offset that is read next.
    read_to: i64,
    /// Where Kafka ended when this node started.
    end_at_start: i64,
    /// Whole batches that count and were not applied yet.
    whole: Vec<Vec<Bytes>>,
    standing: Arc<watch::Sender<Standing>>,
    /// The epoch in which this node owns the partition, 0 if it does not.
    owned: Arc<AtomicU64>,
    assigned: bool,
    taking: TakingOver,
    /// How far the log was, and since when, while something accepted waits to be read back.
    waiting: Option<(u64, Instant)>,
    /// How far the log was at the last two looks at the topic that found it the same, the older one first.
    looked: (u64, u64),
}

/// What others see of a partition while the reader follows it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) standing: Arc<watch::Sender<Standing>>,
    pub(crate) owned: Arc<AtomicU64>,
}

impl Follower {
    /// Goes on at a point of the local log, or at the beginning of the topic.
    pub(crate) fn new(node: Arc<Node>, applier: Applier, point: Option<Point>, end_at_start: i64) -> (Follower, Seen) {
        let number = applier.partition();
        let (owner, next, read_to) = point.map_or((None, 0, 0), |point| (point.owner, point.size, point.read_to));
        let standing = Standing { role: Role::CatchingUp, read_to, owner: owner.clone().map(Arc::new) };
        let seen = Seen { standing: Arc::new(watch::Sender::new(standing)), owned: Arc::default() };
        let counting = Counting::resume(number, node.options.partitions, owner, next).with(node.options.faults);
        let (standing, owned) = (seen.standing.clone(), seen.owned.clone());
        let (whole, taking, assigned, waiting) = (vec![], TakingOver::Idle, false, None);
        let follower = Follower {
            node,
            number,
            applier,
            counting,
            read_to,
            end_at_start,
            whole,
            standing,
            owned,
            assigned,
            taking,
            waiting,
            looked: (next, next),
        };
        (follower, seen)
    }

    /// The partition.
    pub(crate) fn number(&self) -> Partition {
        self.number
    }

    /// The Kafka offset that is read next.
    pub(crate) fn read_to(&self) -> i64 {
        self.read_to
    }

    /// Takes the next record of the topic.
    pub(crate) fn take(&mut self, kafka_offset: i64, record: Record<'_>) {
        if self.is_stopped() || kafka_offset < self.read_to {
            return;
        }
        let claim = match &record {
            Record::Ownership(ownership) => Some(ownership.claim),
            _ => None,
        };
        if claim.is_some() {
            self.apply(); // A claim speaks of everything before it.
            if self.is_stopped() {
                return;
            }
        }
        let applier = &self.applier;
        let counted = self.counting.count(record, |size| applier.root_at(size));
        self.read_to = kafka_offset + 1;
        match counted {
            Ok(Counted::Batch(frames)) => self.whole.push(frames),
            Ok(Counted::Pending) => {}
            Ok(Counted::Begun(ownership)) => self.begun(&ownership),
            Ok(Counted::Ignored(why)) => self.ignored(why, claim.is_some_and(|claim| self.taking.is(claim))),
            Ok(Counted::Later(what)) => self.stop(Stopped::Later { at: self.next_place(), what }),
            Err(failure) => self.stop(Stopped::Local { at: self.next_place(), what: failure.to_string() }),
        }
    }

    /// Applies all that was taken and counts, and says how far this node has come.
    pub(crate) fn apply(&mut self) {
        let batches = std::mem::take(&mut self.whole);
        let applied = if batches.is_empty() { Ok(()) } else { self.apply_batches(&batches) };
        match applied {
            Ok(()) => self.came_this_far(),
            Err(stopped) => self.stop(stopped),
        }
    }

    fn apply_batches(&mut self, batches: &[Vec<Bytes>]) -> Result<(), Stopped> {
        let frames: usize = batches.iter().map(Vec::len).sum();
        let mut first = self.counting.next() - frames as u64;
        let mut known = 0;
        while known < batches.len() && first < self.applier.end() {
            self.compare(first, &batches[known])?;
            first += batches[known].len() as u64;
            known += 1;
        }
        let new = &batches[known..];
        if new.is_empty() {
            return Ok(());
        }
        if !self.applier.agrees_with_accepted(new) {
            self.end_epoch("Kafka holds another batch where one was accepted here");
        }
        let at = self.next_place();
        self.applier.apply(new).map_err(|error| Stopped::Local { at, what: error.to_string() })
    }

    /// What the local log already had must be what Kafka holds.
    fn compare(&self, first: u64, batch: &[Bytes]) -> Result<(), Stopped> {
        for (offset, kafka) in (first..).zip(batch) {
            let at = Position { partition: self.number, offset };
            let local = match offset < self.applier.end() {
                true => {
                    self.applier.frame(offset).map_err(|failure| Stopped::Local { at, what: failure.to_string() })?
                }
                false => Bytes::new(), // It ends within a batch: nobody writes that.
            };
            if local != *kafka {
                return Err(Stopped::Differs { at, local: described(&local), kafka: described(kafka) });
            }
        }
        Ok(())
    }

    /// Something the log knows of does not count. What this node wrote in its own epoch must.
    fn ignored(&mut self, why: Ignored, own_claim: bool) {
        let reason = match &why {
            Ignored::Foreign(_) => "foreign",
            Ignored::ClaimedBefore => "claimed_before",
            Ignored::FalseClaim(_) => "false_claim",
            Ignored::OtherEpoch => "other_epoch",
            Ignored::OutOfPlace => "out_of_place",
        };
        metrics::counter!("carelog_kafka_ignored_total", "reason" => reason).increment(1);
        match why {
            Ignored::FalseClaim(what) if own_claim => self.stop(Stopped::Missing { at: self.next_place(), what }),
            Ignored::ClaimedBefore if own_claim => self.claim_lost(),
            Ignored::OutOfPlace => self.end_epoch("a record of this node does not follow the one before it in Kafka"),
            Ignored::Foreign(what) | Ignored::FalseClaim(what) => {
                tracing::warn!(
                    partition = self.number.0,
                    kafka_offset = self.read_to - 1,
                    what,
                    "a record was left out"
                );
            }
            Ignored::ClaimedBefore | Ignored::OtherEpoch => {}
        }
    }

    /// Ends this node's epoch, if it has one: what is under way is answered "not known".
    pub(crate) fn end_epoch(&mut self, why: &str) {
        let epoch = self.owned.swap(0, Ordering::AcqRel);
        if epoch == 0 {
            return;
        }
        tracing::warn!(partition = self.number.0, epoch, why, "the epoch of this node ended");
        metrics::counter!("carelog_kafka_epochs_ended_total").increment(1);
        // Whoever is told that it ended, and looks, sees that it did.
        self.be(Role::Following);
        self.applier.end_epoch(why);
    }

    /// What this node sent may not arrive: neither its epoch nor its claim stands any longer.
    pub(crate) fn doubt(&mut self, why: &str) {
        self.end_epoch(why);
        self.claim_lost();
    }

    /// Delivered is not enough: what does not come back may never count.
    pub(crate) fn watch_read_back(&mut self) {
        let end = self.applier.end();
        let waits = self.standing.borrow().owning().is_some() && !self.applier.is_settled();
        self.waiting = match self.waiting.filter(|(at, _)| waits && *at == end) {
            Some((_, since)) if since.elapsed() > self.node.options.limits.read_back => {
                self.doubt("what was sent to Kafka is not read back");
                None
            }
            Some(waiting) => Some(waiting),
            None => waits.then(|| (end, Instant::now())),
        };
    }

    /// An owner to whom nothing is written any more, because its index is full and cannot be written, is none.
    pub(crate) fn watch_index(&mut self) {
        if !self.is_stopped()
            && let Err(error) = self.applier.look_after_index()
        {
            self.stop(Stopped::Local { at: self.next_place(), what: error.to_string() });
        }
    }

    /// Follows no further; nothing that is known is changed.
    pub(crate) fn stop(&mut self, why: Stopped) {
        self.end_epoch("the partition stopped");
        tracing::error!(partition = self.number.0, %why, "the partition stopped");
        self.be(Role::Stopped(Arc::new(why)));
    }

    /// True when all that was accepted here is applied.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_stopped() || self.applier.is_settled()
    }

    /// Where reading can go on after a start, if that is a place between batches.
    pub(crate) fn point(&self) -> Option<Point> {
        let size = self.counting.next();
        if !self.counting.is_between_batches() || !self.whole.is_empty() || self.is_stopped() {
            return None;
        }
        let root = self.applier.root_at(size).ok()?.to_string();
        let (read_to, owner) = (self.read_to, self.counting.owner().cloned());
        Some(Point { partition: self.number.0, size, root, read_to, owner, topic_id: None })
    }

    fn came_this_far(&mut self) {
        let (read_to, caught_up) = (self.read_to, self.read_to >= self.end_at_start);
        if self.standing.borrow().role == Role::CatchingUp && caught_up {
            let (local, at) = (self.applier.end(), self.next_place());
            match local > at.offset {
                true => return self.stop(Stopped::Longer { at, local }),
                false => self.be(Role::Following),
            }
        }
        self.standing.send_if_modified(|standing| std::mem::replace(&mut standing.read_to, read_to) != read_to);
    }

    fn be(&self, role: Role) {
        let (read_to, owner) = (self.read_to, self.counting.owner().cloned().map(Arc::new));
        self.standing.send_replace(Standing { role, read_to, owner });
    }

    /// True when it stopped for a reason that other nodes do not have.
    pub(crate) fn is_without_disk(&self) -> bool {
        self.standing.borrow().stopped().is_some_and(Stopped::is_of_this_node)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.standing.borrow().stopped().is_some()
    }

    /// The place of the next frame that counts.
    pub(crate) fn next_place(&self) -> Position {
        Position { partition: self.number, offset: self.counting.next() }
    }

    /// The topic was looked at, and is still the one that this node began with.
    pub(crate) fn is_in_the_same_topic(&mut self) {
        self.looked = (self.looked.1, self.counting.next());
    }

    /// What was read before the older look was of the topic for sure: it was there at the newer one.
    pub(crate) fn first_unsure_place(&self) -> Position {
        Position { partition: self.number, offset: self.looked.0 }
    }

    fn own_claim(&self) -> Result<Ownership, carelog_domain::ports::Failure> {
        let (options, owner) = (&self.node.options, self.counting.owner());
        let lineage = owner.map_or_else(uuid::Uuid::now_v7, |owner| owner.lineage);
        let head = self.applier.head()?;
        let node = (options.node.as_str(), options.address.as_str());
        let epoch = self.counting.epoch() + 1;
        Ok(Ownership::claim(epoch, node, lineage, options.partitions, (head.size, head.root)))
    }
}

pub(crate) fn described(frame: &[u8]) -> String {
    match Frame::parse(frame) {
        Ok(frame) => format!("{} of {} (command {})", frame.event_type(), frame.stream(), frame.command()),
        Err(_) if frame.is_empty() => "nothing".to_owned(),
        Err(error) => format!("{} bytes that are no frame ({error})", frame.len()),
    }
}
