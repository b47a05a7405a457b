//! Which records of a partition count. A pure state machine over the order of the topic: it asks no clock and does not
//! know who reads, so every node comes to the same log. The table is in docs/decisions/0014-kafka-log.md.

use bytes::Bytes;
use carelog_domain::kernel::Partition;
use carelog_domain::ports::Root;
use carelog_schemas::frame::Frame;

use crate::faults::Faults;
use crate::record::{Ownership, Record};

/// How far a partition has been counted.
pub(crate) struct Counting {
    partition: Partition,
    partitions: u16,
    owner: Option<Ownership>,
    next: u64,
    /// The frames of a batch that is not whole yet.
    pending: Vec<Bytes>,
    faults: Faults,
}

/// What a record came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Counted {
    /// It completed this batch, which counts.
    Batch(Vec<Bytes>),
    /// It counts if the rest of its batch follows.
    Pending,
    /// A new epoch begins.
    Begun(Box<Ownership>),
    /// It counts for nobody.
    Ignored(Ignored),
    /// A later program wrote it: the partition cannot be followed any further. What it is.
    Later(String),
}

/// Why a record does not count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ignored {
    /// Not a record of ours.
    Foreign(String),
    /// Another claim of the epoch, or of a later one, was first.
    ClaimedBefore,
    /// Whoever claims has another log. In what.
    FalseClaim(String),
    /// Not of the epoch that stands.
    OtherEpoch,
    /// Not the next frame, or not of the batch that was begun.
    OutOfPlace,
}

impl Counting {
    /// Goes on from a place where no batch is incomplete.
    pub(crate) fn resume(partition: Partition, partitions: u16, owner: Option<Ownership>, next: u64) -> Counting {
        Counting { partition, partitions, owner, next, pending: vec![], faults: Faults::default() }
    }

    /// The same with what tests have it do wrong.
    pub(crate) fn with(self, faults: Faults) -> Counting {
        Counting { faults, ..self }
    }

    /// The epoch that stands; 0 before the first.
    pub(crate) fn epoch(&self) -> u64 {
        self.owner.as_ref().map_or(0, |owner| owner.epoch)
    }

    /// Who owns the partition by the log.
    pub(crate) fn owner(&self) -> Option<&Ownership> {
        self.owner.as_ref()
    }

    /// The offset of the next frame that counts.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// True when no batch is incomplete.
    pub(crate) fn is_between_batches(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes the next record of the topic. The root over the first frames is asked for where a claim says one.
    pub(crate) fn count<E>(
        &mut self,
        record: Record<'_>,
        root_at: impl FnOnce(u64) -> Result<Root, E>,
    ) -> Result<Counted, E> {
        Ok(match record {
            Record::Foreign(why) => Counted::Ignored(Ignored::Foreign(why)),
            Record::Later(what) => Counted::Later(what),
            Record::Ownership(ownership) => self.count_claim(ownership, root_at)?,
            Record::Event { epoch, .. } if !self.is_of_this_epoch(epoch) => Counted::Ignored(Ignored::OtherEpoch),
            Record::Event { frame, .. } => self.count_frame(frame),
        })
    }

    fn is_of_this_epoch(&self, epoch: u64) -> bool {
        epoch == self.epoch() || (self.faults.accept_old_epochs() && epoch < self.epoch())
    }

    fn count_claim<E>(
        &mut self,
        claim: Box<Ownership>,
        root_at: impl FnOnce(u64) -> Result<Root, E>,
    ) -> Result<Counted, E> {
        if claim.epoch <= self.epoch() {
            return Ok(Counted::Ignored(Ignored::ClaimedBefore));
        }
        if let Some(what) = self.what_is_false(&claim) {
            return Ok(Counted::Ignored(Ignored::FalseClaim(what)));
        }
        let root = root_at(claim.size)?;
        if claim.root != root.to_string() {
            let what = format!("node {} has root {} over {} frames, not {root}", claim.node, claim.root, claim.size);
            return Ok(Counted::Ignored(Ignored::FalseClaim(what)));
        }
        self.pending.clear();
        self.owner = Some((*claim).clone());
        Ok(Counted::Begun(claim))
    }

    fn what_is_false(&self, claim: &Ownership) -> Option<String> {
        let (epoch, next) = (self.epoch(), self.next);
        if claim.epoch > epoch + 1 {
            return Some(format!("epoch {} follows epoch {epoch}", claim.epoch));
        }
        if claim.size > next {
            return Some(format!("node {} had applied {} frames where the log has {next}", claim.node, claim.size));
        }
        if claim.partitions != self.partitions {
            return Some(format!("node {} knows {} partitions, not {}", claim.node, claim.partitions, self.partitions));
        }
        let before = self.owner.as_ref().filter(|before| before.lineage != claim.lineage)?;
        Some(format!("lineage {} follows lineage {}", claim.lineage, before.lineage))
    }

    fn count_frame(&mut self, bytes: &[u8]) -> Counted {
        let Ok(frame) = Frame::parse_trusted(bytes) else { return Counted::Ignored(Ignored::OutOfPlace) };
        if !self.is_next(&frame) {
            return Counted::Ignored(Ignored::OutOfPlace);
        }
        self.pending.push(Bytes::copy_from_slice(bytes));
        if self.pending.len() < usize::from(frame.batch_length()) {
            return Counted::Pending;
        }
        self.next += self.pending.len() as u64;
        Counted::Batch(std::mem::take(&mut self.pending))
    }

    fn is_next(&self, frame: &Frame<'_>) -> bool {
        let place = frame.position();
        let begun = self.pending.first().and_then(|first| Frame::parse_trusted(first).ok());
        let of_batch = |first: Frame<'_>| {
            (first.command(), first.batch_length(), first.slot_number())
                == (frame.command(), frame.batch_length(), frame.slot_number())
        };
        place.partition == self.partition
            && place.offset == self.next + self.pending.len() as u64
            && usize::from(frame.index()) == self.pending.len()
            && frame.index() < frame.batch_length()
            && begun.is_none_or(of_batch)
    }
}

#[cfg(test)]
mod tests;
