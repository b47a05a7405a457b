//! Changing what is stored of a partition's index: a table more, or neighbours merged into one. What is not named by
//! the manifest does not count, so a stop in the middle leaves the index as it was.

use std::ops::Range;
use std::sync::Arc;

use carelog_domain::kernel::Timestamp;

use super::key::Hasher;
use super::manifest::{Manifest, kept_entry, places_entry};
use super::memory::MemoryIndex;
use super::merge;
use super::store::{IndexStore, StoreError};
use super::table::{Table, prefix};
use crate::merkle::{Hash, KEPT_EVERY};
use crate::segments::{Place, Segment};

/// The log at the end of what a table covers: all that a start needs to go on from there.
pub(crate) struct End<'a> {
    /// The peaks of the compact range.
    pub(crate) peaks: Vec<Hash>,
    /// The subtree roots that were not stored yet, or more.
    pub(crate) kept: Vec<Hash>,
    pub(crate) recorded_at: Timestamp,
    /// All segments, for the places of their batches.
    pub(crate) segments: &'a [Arc<Segment>],
    /// Where the next batch stands.
    pub(crate) place: (usize, u64),
}

pub(crate) struct Upkeep {
    store: Arc<dyn IndexStore>,
    partition: u16,
    hasher: Hasher,
    pub(crate) manifest: Manifest,
    /// Merged tables that a reader may still hold.
    retired: Vec<Arc<Table>>,
}

impl Upkeep {
    pub(crate) fn new(store: Arc<dyn IndexStore>, partition: u16, hasher: Hasher, manifest: Manifest) -> Upkeep {
        Upkeep { store, partition, hasher, manifest, retired: Vec::new() }
    }

    pub(crate) fn partition(&self) -> u16 {
        self.partition
    }

    /// The first subtree root that is not stored yet.
    pub(crate) fn first_kept(&self) -> u64 {
        self.manifest.end / KEPT_EVERY
    }

    /// Stores what was indexed in memory as a table.
    pub(crate) fn add_table(&mut self, memory: &MemoryIndex, end: &End<'_>) -> Result<Table, StoreError> {
        debug_assert_eq!(memory.first_offset, self.manifest.end, "tables leave no gap");
        let started = std::time::Instant::now();
        let table = merge::from_memory(&*self.store, self.partition, self.manifest.next_table, memory, self.hasher)?;
        let mut next = self.manifest.clone();
        let mut entries = Vec::new();
        let kept = (memory.next_offset / KEPT_EVERY - self.first_kept()) as usize;
        if kept > 0 {
            let roots = end.kept.get(..kept).ok_or_else(|| StoreError::broken("the tree is behind its index"))?;
            entries.push(kept_entry(self.partition, self.first_kept(), roots));
        }
        for (sequence, segment) in end.segments.iter().enumerate().skip(next.segment) {
            let places: Vec<Place> = segment.places_between(next.end, memory.next_offset);
            entries.extend(places_entry(self.partition, sequence as u32, &places));
        }
        self.store.put(entries)?;
        next.next_table += 1;
        next.tables.push(table.info);
        next.recorded_at_micros = end.recorded_at.micros();
        (next.end, next.peaks, (next.segment, next.byte)) = (memory.next_offset, end.peaks.clone(), end.place);
        next.store(&*self.store, self.partition)?;
        self.manifest = next;
        metrics::histogram!("carelog_log_index_table_seconds").record(started.elapsed().as_secs_f64());
        Ok(table)
    }

    /// Merges neighbours of a level that has enough; says which tables the new one replaces.
    pub(crate) fn merge(&mut self, tables: &[Arc<Table>]) -> Result<Option<(Range<usize>, Table)>, StoreError> {
        let Some(due) = merge::due(tables) else { return Ok(None) };
        let replaced = due;
        let merged = merge::merged(&*self.store, self.partition, self.manifest.next_table, &tables[replaced.clone()])?;
        let mut next = self.manifest.clone();
        next.next_table += 1;
        next.retired.extend(tables[replaced.clone()].iter().map(|table| table.info.id));
        next.tables.splice(replaced.clone(), [merged.info]);
        next.store(&*self.store, self.partition)?;
        self.manifest = next;
        self.retired.extend(tables[replaced.clone()].iter().cloned());
        metrics::counter!("carelog_log_index_merges_total").increment(1);
        Ok(Some((replaced, merged)))
    }

    /// Removes the blocks of merged tables that nobody reads any more.
    pub(crate) fn drop_retired(&mut self) -> Result<(), StoreError> {
        let retired = std::mem::take(&mut self.retired);
        let (held, free): (Vec<_>, Vec<_>) = retired.into_iter().partition(|table| Arc::strong_count(table) > 1);
        self.retired = held;
        for table in free {
            self.store.remove_prefix(&prefix(self.partition, table.info.id))?;
            self.manifest.retired.retain(|id| *id != table.info.id);
        }
        Ok(())
    }
}
