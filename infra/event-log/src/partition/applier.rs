//! Puts in what stands in the log that is the truth: the same for whoever accepted it, for a standby, and for a node
//! that rebuilds. Everything here needs `&mut`, so one thread does it, in the order of the truth.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::kernel::{Partition as Number, Timestamp};
use carelog_domain::ports::{Failure, Head, Root};
use carelog_schemas::frame::{Frame, FrameError};

use super::segment_writer::{SegmentWriter, WriteError};
use super::{Durable, Partition, State};
use crate::error::chain;
use crate::group::{Gathering, Group, Unsynced};
use crate::index::memory::MemoryIndex;

/// The one that moves a partition on.
pub struct Applier {
    partition: Arc<Partition>,
    segments: SegmentWriter,
    unsynced: Unsynced,
}

/// Why batches could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A frame that cannot be read; whoever applies has read it before.
    #[error("a frame that should be applied cannot be read")]
    Unreadable(#[source] FrameError),
    /// It does not follow what was applied, or is not what was accepted here.
    #[error("frame {found} should be applied, but {expected} is next, or another batch was accepted there")]
    OutOfPlace {
        /// Its offset.
        found: u64,
        /// The next one.
        expected: u64,
    },
    /// The local disk failed. The partition takes no more.
    #[error("the local disk failed: {0}; mend it and start the program again")]
    Disk(String),
}

impl Applier {
    pub(super) fn new(partition: Arc<Partition>, segments: SegmentWriter) -> Applier {
        Applier { partition, segments, unsynced: Unsynced::default() }
    }

    /// The partition.
    pub fn partition(&self) -> Number {
        self.partition.number
    }

    /// The offset of the frame that is applied next.
    pub fn end(&self) -> u64 {
        self.partition.durable_end()
    }

    /// What is applied, with its root.
    pub fn head(&self) -> Result<Head, Failure> {
        self.partition.head()
    }

    /// The root over the first `size` frames.
    pub fn root_at(&self, size: u64) -> Result<Root, Failure> {
        self.partition.root_at(size)
    }

    /// The bytes of an applied frame.
    pub fn frame(&self, offset: u64) -> Result<Bytes, Failure> {
        self.partition.accepted_frame(offset)
    }

    /// From now on batches are accepted, in this epoch.
    pub fn begin_epoch(&mut self, epoch: u64) {
        let mut state = self.partition.state.lock();
        (state.epoch, state.refused) = (epoch, None);
    }

    /// True when nothing accepted waits to be applied.
    pub fn is_settled(&self) -> bool {
        self.partition.state.lock().next_offset == self.end()
    }

    /// Accepts no more, forgets what was accepted and not applied, and tells those who wait that it is not known. A
    /// part of it may still come to stand in the truth; then it is applied like anybody's.
    pub fn end_epoch(&mut self, why: &str) {
        let waiting = {
            let mut state = self.partition.state.lock();
            state.refused = Some(why.into());
            let waiting = self.partition.not_durable(&state);
            self.partition.retract(&mut state);
            waiting
        };
        self.partition.work.notify_one();
        let unknown: Arc<str> = Arc::from(format!("{why}; ask again with the same key"));
        waiting.iter().for_each(|done| done.complete(Err(unknown.clone())));
    }

    /// True when these batches are what was accepted here for their places, or nothing was.
    pub fn agrees_with_accepted(&self, batches: &[Vec<Bytes>]) -> bool {
        let state = self.partition.state.lock();
        let first = self.partition.durable_end();
        if state.next_offset == first {
            return true;
        }
        let accepted = |offset: u64| super::reader::recent_group(&state, offset)?.frame(offset);
        batches.iter().flatten().zip(first..).all(|(frame, offset)| accepted(offset).as_ref() == Some(frame))
    }

    /// Applies whole batches that follow what was applied.
    pub fn apply(&mut self, batches: &[Vec<Bytes>]) -> Result<(), ApplyError> {
        let first = self.end();
        if !self.agrees_with_accepted(batches) {
            return Err(ApplyError::OutOfPlace { found: first, expected: first });
        }
        self.look_after_index()?;
        let group = self.gather(first, batches)?;
        self.take_in(&group)?;
        self.put(&group).map_err(|error| self.failed(&error))?;
        self.applied(&group);
        Ok(())
    }

    /// Fails, and everything after it, where the index could not be written for too long: nothing more may be appended here,
    /// and what follows would fill the memory.
    pub fn look_after_index(&self) -> Result<(), ApplyError> {
        match self.partition.backlog.too_many_for_a_follower() {
            Some(waiting) => Err(self.failed(&WriteError::Index(waiting))),
            None => Ok(()),
        }
    }

    fn failed(&self, error: &WriteError) -> ApplyError {
        self.partition.poison(error);
        ApplyError::Disk(chain(error))
    }

    /// Makes all that was applied durable here.
    pub fn sync(&mut self) -> Result<(), ApplyError> {
        self.unsynced = Unsynced::default();
        self.segments.sync().map_err(|error| ApplyError::Disk(chain(&error)))
    }

    /// The batches as they will stand in the segment.
    fn gather(&mut self, first: u64, batches: &[Vec<Bytes>]) -> Result<Arc<Group>, ApplyError> {
        let mut gathering = Gathering::after(self.unsynced, first, Timestamp::from_micros(0));
        let mut expected = first;
        for batch in batches {
            for bytes in batch {
                let frame = Frame::parse_trusted(bytes).map_err(ApplyError::Unreadable)?;
                let found = frame.position().offset;
                if found != expected {
                    return Err(ApplyError::OutOfPlace { found, expected });
                }
                expected += 1;
                gathering.last_recorded_at = frame.recorded_at();
            }
            let copy = |index: u16, out: &mut Vec<u8>| {
                let bytes = &batch[usize::from(index)];
                out.extend_from_slice(bytes);
                Ok::<usize, Infallible>(bytes.len())
            };
            let _ = gathering.add(batch.len() as u16, copy);
        }
        self.unsynced = gathering.unsynced();
        Ok(Arc::new(gathering.complete(0)))
    }

    /// Indexes what was not accepted here, and keeps it in memory for those who follow.
    fn take_in(&self, group: &Arc<Group>) -> Result<(), ApplyError> {
        let mut state = self.partition.state.lock();
        if state.next_offset > group.first_offset {
            return Ok(()); // Accepted here: indexed and kept when it was.
        }
        for offset in group.first_offset..group.end() {
            let bytes = group.frame(offset).expect("a group has all its frames");
            let frame = Frame::parse_trusted(&bytes).map_err(ApplyError::Unreadable)?;
            state.index.add_frame(&frame);
            state.versions.moved(frame.stream(), frame.version());
        }
        (state.next_offset, state.last_recorded_at) = (group.end(), group.last_recorded_at);
        state.gathering = Gathering::starting_at(state.next_offset, state.last_recorded_at);
        self.partition.freeze_if_full(&mut state);
        self.partition.keep_recent(&mut state, group.clone());
        Ok(())
    }

    fn put(&mut self, group: &Group) -> Result<(), WriteError> {
        self.segments.put(group)?;
        if self.segments.index_is_due(group.end()) {
            self.segments.sync()?; // Or a crash would leave an index that knows more than the log.
            self.unsynced = Unsynced::default();
        }
        Ok(())
    }

    fn applied(&self, group: &Group) {
        let (end, recorded_at) = (group.end(), group.last_recorded_at);
        let done = {
            // Under the lock: whoever keeps a new group lets go of durable ones, and these are still to be told of.
            let mut state = self.partition.state.lock();
            self.partition.durable.send_replace(Durable { end, recorded_at, closed: false });
            let newly = |of: &&Arc<Group>| of.end() > group.first_offset && of.end() <= end;
            let done: Vec<_> = state.recent.iter().filter(newly).map(|of| (of.done.clone(), of.bytes.len())).collect();
            let bytes = done.iter().map(|(_, bytes)| bytes).sum();
            state.under_way_bytes = state.under_way_bytes.saturating_sub(bytes);
            if std::mem::take(&mut state.writer_waits) {
                self.partition.work.notify_one();
            }
            done
        };
        done.iter().for_each(|(done, _)| done.complete(Ok(())));
        if self.segments.index_is_due(end) {
            self.segments.ask_for_index();
        }
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        if let Err(error) = self.sync() {
            tracing::warn!(%error, "the local log could not be synced; what is missing is read again");
        }
        self.partition.durable.send_modify(|durable| durable.closed = true);
    }
}

impl Partition {
    /// Takes order and index back to what is applied.
    fn retract(&self, state: &mut State) {
        let Durable { end, recorded_at, .. } = *self.durable.borrow();
        state.recent.retain(|group| group.end() <= end);
        state.recent_bytes = state.recent.iter().map(|group| group.bytes.len()).sum();
        // Those that are applied whole may be on their way into a table.
        while let Some(frozen) = state.frozen.pop_back_if(|frozen| frozen.next_offset > end) {
            state.index = Arc::unwrap_or_clone(frozen);
        }
        if state.index.first_offset > end {
            state.index = MemoryIndex::starting_at(end);
        }
        state.index.truncate(end);
        state.versions.clear();
        let frozen_end = state.frozen.front().map_or(u64::MAX, |frozen| frozen.next_offset);
        self.frozen_end.store(frozen_end, std::sync::atomic::Ordering::Release);
        self.backlog.set_waiting(self.number.0, &state.frozen);
        (state.next_offset, state.last_recorded_at, state.under_way_bytes) = (end, recorded_at, 0);
        state.gathering = Gathering::starting_at(end, recorded_at);
        state.retractions += 1;
    }
}
