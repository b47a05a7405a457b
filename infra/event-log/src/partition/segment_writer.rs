//! Puts groups into the segments of a partition, going on to the next one where one is full.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use carelog_domain::ports::Failure;

use super::Partition;
use super::keeper::Job;
use super::roll::Roller;
use crate::error::OpenError;
use crate::group::{BatchSpan, Group};
use crate::segments::Place;

/// When written bytes are made durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Syncing {
    /// With every group: this file is the truth.
    EveryGroup,
    /// When the next write begins, a write growing over many groups: the truth is elsewhere, and what a crash takes is
    /// asked for again. Headers count within the write, so recovery judges the end as it always does.
    EveryWrite,
}

pub(super) struct SegmentWriter {
    partition: Arc<Partition>,
    roller: Roller,
    jobs: Sender<Job>,
    syncing: Syncing,
}

/// Why a group could not be put into the segments.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("the group could not be written")]
    Writing(#[from] OpenError),
    #[error("what stands before the next segment could not be read")]
    Reading(#[source] Failure),
    #[error("the index cannot be written, and {0} full indexes wait in memory")]
    Index(usize),
}

impl SegmentWriter {
    pub(super) fn new(partition: Arc<Partition>, roller: Roller, jobs: Sender<Job>, syncing: Syncing) -> SegmentWriter {
        SegmentWriter { partition, roller, jobs, syncing }
    }

    pub(super) fn faults(&self) -> crate::faults::Faults {
        self.roller.faults()
    }

    /// Writes all batches of a group.
    pub(super) fn put(&mut self, group: &Group) -> Result<(), WriteError> {
        let mut rest = group.batches.as_slice();
        while let Some(first) = rest.first() {
            let count = self.roller.room_for(rest);
            if count == 0 {
                let before = self.partition.before(first.first_offset).map_err(WriteError::Reading)?;
                let needed = u64::from(first.end - first.start);
                self.roller.roll(first.first_offset, before, needed)?;
                continue;
            }
            let (now, later) = rest.split_at(count);
            self.write(group, now)?;
            rest = later;
        }
        metrics::counter!("carelog_log_events_total").increment(group.end() - group.first_offset);
        metrics::counter!("carelog_log_bytes_total").increment(group.bytes.len() as u64);
        Ok(())
    }

    /// Makes all that was put durable.
    pub(super) fn sync(&mut self) -> Result<(), WriteError> {
        Ok(self.roller.sync()?)
    }

    /// True when an index in memory is full and all of it stands in the segments.
    pub(super) fn index_is_due(&self, end: u64) -> bool {
        self.partition.frozen_end.load(Ordering::Acquire) <= end
    }

    /// Has the keeper make tables of what is durable. Once is enough, but asking again costs it nothing. It ends after
    /// whoever holds this, never before.
    pub(super) fn ask_for_index(&self) {
        let _ = self.jobs.send(Job::Index);
    }

    fn write(&mut self, group: &Group, batches: &[BatchSpan]) -> Result<(), WriteError> {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else { return Ok(()) };
        if first.begins_write {
            self.roller.sync()?; // A new write is proof that the one before is durable.
        }
        let bytes = &group.bytes[first.start as usize..last.end as usize];
        let at = self.roller.write(bytes)?;
        if self.syncing == Syncing::EveryGroup {
            self.roller.sync()?;
        }
        if self.roller.wants_spare() {
            let _ = self.jobs.send(Job::Spare(self.roller.next_sequence())); // The keeper outlives this thread.
        }
        let segment = self.roller.segment();
        for batch in batches {
            segment.note(Place { offset: batch.first_offset, byte: at + u64::from(batch.start - first.start) });
        }
        Ok(())
    }
}
