//! The log of everything that happened. See docs/ARCHITECTURE.md, "The log".

use std::borrow::Cow;

use bytes::Bytes;

use super::{BoxFuture, BoxStream, Failure, Fingerprint};
use crate::kernel::actor::RecordedActor;
use crate::kernel::{
    CommandId, Context, EventId, HospitalId, Partition, Position, Revision, Slot, StreamName, Tag, Timestamp, Version,
};

/// An append-only log in partitions. All methods may be called from many tasks at once.
pub trait EventLog: Send + Sync {
    /// Takes a batch in, whole or not at all. When it returns the batch is *accepted*: its order is fixed, positions
    /// are given and everything appended later is checked against it. It is *durable* only once
    /// [`Accepted::durable`] has completed; nothing may be acknowledged before.
    ///
    /// The same command id again returns what it did the first time, with `repeated` set.
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Accepted, AppendError>>;

    /// What the command did, if it was ever accepted in this slot.
    fn find_command(&self, slot: Slot, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>>;

    /// What the command did, in whichever slot; for look-ups by people and for keys reused across slots.
    fn find_command_anywhere(&self, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>>;

    /// The accepted events of a stream after `after` (exclusive), oldest first, at most `limit`.
    fn read_stream(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>>;

    /// The last accepted version of a stream, [`Version::NONE`] if it has no event.
    fn stream_version(&self, stream: &StreamName) -> BoxFuture<'_, Result<Version, Failure>>;

    /// Accepted events of a slot with this tag, oldest or newest first, at most `limit`.
    fn read_tag(
        &self,
        slot: Slot,
        tag: &Tag,
        direction: Direction,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>>;

    /// Durable events of a partition from `from` (inclusive) that match, at most `limit` of them. Backward reads begin
    /// at `from` and go towards 0. Also returns the offset at which to go on, or `None` at the end.
    fn read(
        &self,
        partition: Partition,
        from: u64,
        direction: Direction,
        filter: &EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<ReadChunk, Failure>>;

    /// Durable events of a partition from `from` on, in chunks: first what is there, then what comes, without a gap or
    /// a repeat, until dropped.
    fn subscribe(&self, partition: Partition, from: u64) -> BoxStream<'_, Result<Vec<Stored>, Failure>>;

    /// The durable end of each partition, by partition.
    fn head(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>>;

    /// The Merkle root over the first `size` frames of a partition, for checkpoints; `size` is at most its head's.
    fn root_at(&self, partition: Partition, size: u64) -> BoxFuture<'_, Result<Root, Failure>>;

    /// Completes when all that was durable anywhere for this slot when it was called has been seen here, and whoever
    /// answers from here may still speak for it. An answer that wrote nothing (a rejection, a strong read) waits for
    /// this before it is told, so that nobody answers from the past.
    fn confirm(&self, slot: Slot) -> BoxFuture<'_, Result<(), Failure>>;

    /// Completes when all that was durable anywhere for this partition when it was called has been seen here, whoever
    /// owns it. For reads of what others write: what is then found is no older than the question.
    fn catch_up(&self, partition: Partition) -> BoxFuture<'_, Result<(), Failure>>;

    /// Who may append to a partition now. Where that is this process, whatever is read of it is fit to decide on, and
    /// what is decided carries the term ([`Batch::term`]).
    fn owner(&self, partition: Partition) -> Owner;

    /// Which partition holds a slot.
    fn partition_of(&self, slot: Slot) -> Partition;

    /// How many partitions there are.
    fn partitions(&self) -> u16;
}

/// Some events, and the offset at which to go on (`None` at the end).
pub type ReadChunk = (Vec<Stored>, Option<u64>);

/// For how long what was accepted stands: as long as one process owns a partition, its term goes on. When it ends, what
/// was accepted in it and is not durable by then may never be. Terms of a partition only grow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Term(pub u64);

/// Who may append to a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Owner {
    /// This process, in this term.
    Here(Term),
    /// Another one.
    Elsewhere(Node),
    /// Nobody is known to: it is being taken over, or this process has lost touch. Worth asking again.
    Nobody,
}

/// A process of the platform, as the others know it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// `host:port` at which the others reach it.
    pub address: String,
}

/// What one command appends: events of one or more streams of one slot, all or none.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The slot all streams and tags belong to.
    pub slot: Slot,
    /// The command, remembered for ever.
    pub command: CommandId,
    /// A keyed hash of the command's canonical body: the same id with another body is refused.
    pub fingerprint: Fingerprint,
    /// The events, in order; never empty (a success without events is remembered by a small event of its own).
    pub events: Vec<ToAppend>,
    /// For each stream written or relied on, the version it must be at.
    pub expected: Vec<(StreamName, Expected)>,
    /// Tags that must not have been used since.
    pub conditions: Vec<Condition>,
    /// The term it was decided in, read before any state that it rests on: in a later one those states may never have
    /// been. `None` for what rests on nothing that is not durable.
    pub term: Option<Term>,
    /// Who caused it.
    pub actor: RecordedActor,
    /// The first command of the chain of causes.
    pub correlation: CommandId,
    /// The event that caused the command, if one did.
    pub causation: Option<EventId>,
    /// Recorded-at is later than this (the recorded-at of the cause).
    pub recorded_after: Option<Timestamp>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

/// One event of a batch. Its id, version, position and recorded-at are given by the log.
#[derive(Clone, Debug)]
pub struct ToAppend {
    /// The event's id.
    pub id: EventId,
    /// Its stream.
    pub stream: StreamName,
    /// Its type's name.
    pub event_type: Cow<'static, str>,
    /// The shape of `data`.
    pub revision: Revision,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// True when an import had to assume that time.
    pub occurred_assumed: bool,
    /// The hospital it happened at.
    pub hospital: Option<HospitalId>,
    /// By what it is found again.
    pub tags: Vec<Tag>,
    /// JSON, personal values sealed.
    pub data: Bytes,
}

/// The version a stream must be at for a batch to be accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// Anything.
    Any,
    /// Exactly this version ([`Version::NONE`]: no event yet).
    Exactly(Version),
}

/// No event of the batch's slot has `tag` at an offset after `after` (`None`: no event has it at all).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// The tag.
    pub tag: Tag,
    /// The last offset known to whoever decided.
    pub after: Option<u64>,
}

/// What an append came to.
pub struct Accepted {
    /// True when the command had been accepted before and nothing was appended now.
    pub repeated: bool,
    /// The events as they are in the log, in batch order.
    pub events: Vec<Context>,
    /// The fingerprint it was accepted with.
    pub fingerprint: Fingerprint,
    /// Completes when all of it is durable; fails when that can no longer be.
    pub durable: BoxFuture<'static, Result<(), Failure>>,
}

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A stream is not at the version the decision was made on.
    #[error("stream {stream} is at version {found}, not {expected}")]
    StreamMoved {
        /// The stream.
        stream: StreamName,
        /// The version the batch expected.
        expected: Version,
        /// The version it is at.
        found: Version,
    },
    /// A tag has been used since the decision was made.
    #[error("tag {tag} was used at {found}")]
    TagUsed {
        /// The tag.
        tag: Tag,
        /// Where.
        found: Position,
    },
    /// The term the decision was made in is over: what it rests on may never have been.
    #[error("the term {decided:?} in which it was decided is over")]
    TermOver {
        /// The batch's.
        decided: Term,
    },
    /// The command id was used with another body.
    #[error("command {command} was accepted before with another body")]
    FingerprintDiffers {
        /// The command.
        command: CommandId,
    },
    /// An event is larger than a frame may be.
    #[error("an event of {bytes} bytes exceeds the {bytes_max} bytes of a frame; keep large data in a blob")]
    TooLarge {
        /// Size of the frame.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The log could not.
    #[error("the log could not append")]
    Failed(#[source] Failure),
}

/// An event as stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// All but the data.
    pub context: Context,
    /// The event type's name.
    pub event_type: String,
    /// JSON, personal values sealed.
    pub data: Bytes,
}

/// Which events a read wants; empty lists mean all. Different fields must all match.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventFilter {
    /// Stream categories.
    pub categories: Vec<String>,
    /// Event types.
    pub types: Vec<String>,
    /// Tags; an event matches that has any of them.
    pub tags: Vec<Tag>,
}

/// Which way to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// The durable end of a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// The partition.
    pub partition: Partition,
    /// How many frames are durable; the next offset.
    pub size: u64,
    /// The Merkle root over them.
    pub root: Root,
    /// Recorded-at of the last of them.
    pub recorded_at: Option<Timestamp>,
}

/// Where the durable part of each partition ended at some moment. What was accepted beyond it may yet never be, and nobody may be
/// told of it. The ends are asked for before events are read: afterwards others may be durable in the places of those.
pub struct DurableEnds(Vec<Head>);

impl DurableEnds {
    /// The ends once all is seen here that was durable anywhere for this partition: what is told by them is no older than the
    /// question.
    pub async fn caught_up(log: &dyn EventLog, partition: Partition) -> Result<DurableEnds, Failure> {
        log.catch_up(partition).await?;
        log.head().await.map(DurableEnds)
    }

    /// True when what stands there is durable.
    pub fn include(&self, position: Position) -> bool {
        self.0.iter().any(|head| head.partition == position.partition && position.offset < head.size)
    }

    /// These events without those that are only accepted.
    pub fn only(&self, mut events: Vec<Stored>) -> Vec<Stored> {
        events.retain(|stored| self.include(stored.context.position));
        events
    }
}

/// An RFC 6962 Merkle tree hash (SHA-256).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Root(pub [u8; 32]);

impl std::fmt::Display for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Root({self})")
    }
}
