//! The thread that works behind a partition: turns what was indexed in memory into tables and merges them. Appending
//! never waits for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use carelog_domain::ports::Failure;

use super::Partition;
use super::roll::SpareMaker;
use crate::error::chain;
use crate::index::memory::MemoryIndex;
use crate::index::set::TableSet;
use crate::index::table::Table;
use crate::index::upkeep::{End, Upkeep};
use crate::merkle::KEPT_EVERY;

/// What the keeper is asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Job {
    /// What was indexed in memory is durable and can become a table.
    Index,
    /// The file that will be this segment can be made.
    Spare(u32),
}

pub(super) struct Keeper {
    partition: Arc<Partition>,
    spares: SpareMaker,
    upkeep: Upkeep,
}

impl Keeper {
    pub(super) fn new(partition: Arc<Partition>, upkeep: Upkeep, spares: SpareMaker) -> Keeper {
        Keeper { partition, spares, upkeep }
    }

    /// Works until the writer is gone.
    pub(super) fn run(mut self, jobs: Receiver<Job>) {
        let partition = self.partition.number.0;
        while let Ok(job) = jobs.recv() {
            if self.partition.is_closing() {
                continue; // Nothing of this is needed for what was accepted to be durable.
            }
            match job {
                Job::Index => {
                    if let Err(error) = self.index() {
                        tracing::error!(partition, error = %chain(&error), "the index could not be written");
                        metrics::counter!("carelog_log_index_failures_total").increment(1);
                    }
                }
                Job::Spare(sequence) => {
                    if let Err(error) = self.spares.make(sequence) {
                        tracing::error!(partition, error = %chain(&error), "the next segment could not be prepared");
                    }
                }
            }
        }
    }

    fn index(&mut self) -> Result<(), Failure> {
        while let Some(frozen) = self.partition.oldest_frozen() {
            self.write_table(&frozen)?;
            while !self.partition.is_closing() && self.merge_tables()? {}
        }
        Ok(self.upkeep.drop_retired()?)
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

    fn merge_tables(&mut self) -> Result<bool, Failure> {
        let set = self.partition.tables();
        let Some((replaced, merged)) = self.upkeep.merge(&set.tables)? else { return Ok(false) };
        self.partition.publish(
            |tables| {
                tables.splice(replaced, [Arc::new(merged)]);
            },
            false,
        );
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
        }
        let next = state.frozen.front().map_or(u64::MAX, |frozen| frozen.next_offset);
        self.frozen_end.store(next, Ordering::Release);
    }
}
