//! The thread that works behind a partition: turns what was indexed in memory into tables, prepares the next segment,
//! and merges tables step by step while there is nothing else to do. Appending waits for it only when it is far behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use carelog_domain::ports::Failure;

use super::Partition;
use super::roll::SpareMaker;
use crate::error::chain;
use crate::index::memory::MemoryIndex;
use crate::index::set::TableSet;
use crate::index::table::Table;
use crate::index::upkeep::{End, Merge, Upkeep};
use crate::merkle::KEPT_EVERY;

/// What the keeper is asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Job {
    /// What was indexed in memory is durable and can become a table.
    Index,
    /// The file that will be this segment can be made.
    Spare(u32),
}

/// After the index could not be written, the keeper waits this long before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Keeper {
    partition: Arc<Partition>,
    spares: SpareMaker,
    upkeep: Upkeep,
    after: After,
}

/// What the keeper does when no job waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum After {
    /// Waits for the next job.
    Idle,
    /// Goes on merging.
    Merging,
    /// Tries again what failed, at this moment; until then the index is left alone.
    Failed(Instant),
}

impl Keeper {
    pub(super) fn new(partition: Arc<Partition>, upkeep: Upkeep, spares: SpareMaker) -> Keeper {
        Keeper { partition, spares, upkeep, after: After::Idle }
    }

    /// Works until the writer is gone.
    pub(super) fn run(mut self, jobs: Receiver<Job>) {
        while let Ok(job) = self.next_job(&jobs) {
            if self.partition.is_closing() {
                self.after = After::Idle; // Nothing of this is needed for what was accepted to be durable.
                continue;
            }
            match job {
                Job::Spare(sequence) => self.make_spare(sequence),
                Job::Index if matches!(self.after, After::Failed(at) if at > Instant::now()) => {}
                Job::Index => self.index(),
            }
        }
    }

    /// The next job; an error when no more will come.
    fn next_job(&self, jobs: &Receiver<Job>) -> Result<Job, RecvTimeoutError> {
        let wait = match self.after {
            After::Idle => return jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            After::Merging => Duration::ZERO,
            After::Failed(at) => at.saturating_duration_since(Instant::now()),
        };
        match jobs.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => Ok(Job::Index),
            received => received,
        }
    }

    fn make_spare(&self, sequence: u32) {
        if let Err(error) = self.spares.make(sequence) {
            let partition = self.partition.number.0;
            tracing::error!(partition, error = %chain(&error), "the next segment could not be prepared");
        }
    }

    fn index(&mut self) {
        let worked = self.write_tables().and_then(|()| self.merge_tables());
        self.partition.backlog.set_failing(worked.is_err());
        self.after = match worked {
            Ok(true) => After::Merging,
            Ok(false) => After::Idle,
            Err(error) => {
                let partition = self.partition.number.0;
                tracing::error!(partition, error = %chain(&error), "the index could not be written");
                metrics::counter!("carelog_log_index_failures_total").increment(1);
                After::Failed(Instant::now() + RETRY_AFTER)
            }
        };
    }

    /// Makes tables of all that is durable and full.
    fn write_tables(&mut self) -> Result<(), Failure> {
        while let Some(frozen) = self.partition.oldest_frozen().filter(|_| !self.partition.is_closing()) {
            self.write_table(&frozen)?;
        }
        Ok(())
    }

    fn write_table(&mut self, frozen: &MemoryIndex) -> Result<(), Failure> {
        let end = frozen.next_offset;
        let range = self.partition.range_over(end)?;
        let end = End {
            peaks: range.peaks().to_vec(),
            kept: self.partition.kept_roots(self.upkeep.first_kept(), end / KEPT_EVERY),
            recorded_at: self.partition.stored(end - 1)?.context.recorded_at,
            segments: &self.partition.segments.all(),
            place: self.partition.segments.place_after(end)?,
        };
        let table = Arc::new(self.upkeep.add_table(frozen, &end)?);
        self.partition.publish(|tables| tables.push(table), true);
        Ok(())
    }

    /// Merges for a while; true if there is more to do.
    fn merge_tables(&mut self) -> Result<bool, Failure> {
        let set = self.partition.tables();
        match self.upkeep.merge(&set.tables)? {
            Merge::Nothing => {
                drop(set);
                self.upkeep.drop_retired()?;
                return Ok(false);
            }
            Merge::Going => {}
            Merge::Done(replaced, merged) => {
                let change = |tables: &mut Vec<_>| drop(tables.splice(replaced, [Arc::new(merged)]));
                self.partition.publish(change, false);
            }
        }
        Ok(true)
    }
}

impl Partition {
    fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    fn tables(&self) -> Arc<TableSet> {
        self.state.lock().tables.clone()
    }

    fn oldest_frozen(&self) -> Option<Arc<MemoryIndex>> {
        let durable = self.durable_end();
        self.state.lock().frozen.front().filter(|frozen| frozen.next_offset <= durable).cloned()
    }

    /// Puts another set of tables in place; with `indexed` the oldest index in memory is no longer needed.
    fn publish(&self, change: impl FnOnce(&mut Vec<Arc<Table>>), indexed: bool) {
        let mut state = self.state.lock();
        let mut tables = state.tables.tables.clone();
        change(&mut tables);
        state.tables = Arc::new(state.tables.with(tables));
        if indexed {
            state.frozen.pop_front();
            self.backlog.set_waiting(self.number.0, &state.frozen);
        }
        let next = state.frozen.front().map_or(u64::MAX, |frozen| frozen.next_offset);
        self.frozen_end.store(next, Ordering::Release);
    }
}
