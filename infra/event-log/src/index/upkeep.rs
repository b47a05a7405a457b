//! Changing what is stored of a partition's index: a table more, or neighbours merged into one. What is not named by
//! the manifest does not count, so a stop in the middle leaves the index as it was.

use std::ops::Range;
use std::sync::Arc;

use carelog_domain::kernel::Timestamp;

use super::key::Hasher;
use super::manifest::{Manifest, kept_entry, places_entry};
use super::memory::MemoryIndex;
use super::merge::{self, Merging};
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
    /// Which tables are being merged, and how far that is.
    merging: Option<(Range<usize>, u64, Merging)>,
}

/// How far merging got.
pub(crate) enum Merge {
    /// There is nothing to merge.
    Nothing,
    /// There is more to do.
    Going,
    /// A table takes the place of these.
    Done(Range<usize>, Table),
}

impl Upkeep {
    pub(crate) fn new(store: Arc<dyn IndexStore>, partition: u16, hasher: Hasher, manifest: Manifest) -> Upkeep {
        Upkeep { store, partition, hasher, manifest, retired: Vec::new(), merging: None }
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
        let table = merge::from_memory(&self.store, self.partition, self.manifest.next_table, memory, self.hasher)?;
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

    /// Merges neighbours of a level that has enough, one step at a time. Between steps tables may be added behind them.
    pub(crate) fn merge(&mut self, tables: &[Arc<Table>]) -> Result<Merge, StoreError> {
        let (replaced, id, mut merging) = match self.merging.take() {
            Some(begun) => begun,
            None => match merge::due(tables) {
                Some(due) => self.begin_merge(tables, due)?,
                None => return Ok(Merge::Nothing),
            },
        };
        if !merging.step()? {
            self.merging = Some((replaced, id, merging));
            return Ok(Merge::Going);
        }
        let (old, merged) = merging.finish()?;
        let mut next = self.manifest.clone();
        next.retired.retain(|retired| *retired != id);
        next.retired.extend(old.iter().map(|table| table.info.id));
        next.tables.splice(replaced.clone(), [merged.info]);
        next.store(&*self.store, self.partition)?;
        self.manifest = next;
        self.retired.extend(old);
        metrics::counter!("carelog_log_index_merges_total").increment(1);
        Ok(Merge::Done(replaced, merged))
    }

    /// Takes an id for the merged table. Until it is whole it counts as retired, so that a start sweeps what is there.
    fn begin_merge(
        &mut self,
        tables: &[Arc<Table>],
        due: Range<usize>,
    ) -> Result<(Range<usize>, u64, Merging), StoreError> {
        let mut next = self.manifest.clone();
        let id = next.next_table;
        next.next_table += 1;
        next.retired.push(id);
        next.store(&*self.store, self.partition)?;
        self.manifest = next;
        let merging = Merging::new(self.store.clone(), self.partition, id, &tables[due.clone()])?;
        Ok((due, id, merging))
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

#[cfg(test)]
mod tests {
    use carelog_domain::kernel::Version;

    use super::super::key::Kind;
    use super::super::store::MemoryStore;
    use super::*;

    const EVENTS: u64 = 7_000;

    fn upkeep(store: &MemoryStore, manifest: Manifest) -> Upkeep {
        Upkeep::new(Arc::new(store.clone()), 0, Hasher::keeping(64), manifest)
    }

    /// Adds a table of so many events that four of them are not merged in one step.
    fn add(upkeep: &mut Upkeep, tables: &mut Vec<Arc<Table>>) {
        let first = upkeep.manifest.end;
        let mut memory = MemoryIndex::starting_at(first);
        for offset in first..first + EVENTS {
            let tags = [format!("a:{offset}"), format!("b:{}", offset % 90)];
            let stream = format!("thing:{offset}");
            memory.add((offset, 3), (&stream, Version(1)), tags.iter().map(String::as_str), None);
        }
        let kept = vec![[7; 32]; 1_000];
        let place = (0, 0);
        let end = End { peaks: vec![], kept, recorded_at: Timestamp::from_micros(1), segments: &[], place };
        tables.push(Arc::new(upkeep.add_table(&memory, &end).expect("it is stored")));
    }

    fn ids(store: &MemoryStore) -> Vec<u64> {
        let keys = store.with_prefix(b"t").expect("it reads");
        let id = |key: &[u8]| u64::from_be_bytes(key[3..11].try_into().expect("8 bytes"));
        let mut ids: Vec<u64> = keys.iter().map(|(key, _)| id(key)).collect();
        ids.dedup();
        ids
    }

    #[test]
    fn tables_are_added_between_the_steps_of_a_merge_and_nothing_half_merged_outlives_a_start() {
        let (store, mut tables) = (MemoryStore::default(), Vec::new());
        let mut upkeep = upkeep(&store, Manifest::empty([1; 16], 64));
        (0..4).for_each(|_| add(&mut upkeep, &mut tables));
        assert!(matches!(upkeep.merge(&tables).expect("a step"), Merge::Going));
        add(&mut upkeep, &mut tables);
        assert!(matches!(upkeep.merge(&tables).expect("a step"), Merge::Going));
        let stopped = MemoryStore::default();
        stopped.put(store.with_prefix(b"").expect("it reads")).expect("a copy");
        let (replaced, merged) = loop {
            match upkeep.merge(&tables).expect("a step") {
                Merge::Done(replaced, merged) => break (replaced, Arc::new(merged)),
                Merge::Going => {}
                Merge::Nothing => panic!("it had begun"),
            }
        };
        tables.splice(replaced, [merged]);
        assert!(matches!(upkeep.merge(&tables).expect("a step"), Merge::Nothing));
        upkeep.drop_retired().expect("the merged ones go");
        let hasher = Hasher::keeping(64);
        for offset in (0..5 * EVENTS).step_by(997) {
            let hash = hasher.stream(&format!("thing:{offset}"));
            let found: Vec<u64> = tables
                .iter()
                .flat_map(|table| table.find(&store, Kind::Stream, hash).expect("it reads"))
                .map(|e| e.offset)
                .collect();
            assert_eq!(found, [offset]);
        }
        let many =
            tables.iter().map(|table| table.find(&store, Kind::Tag, hasher.tag(3, "b:5")).expect("it reads").len());
        assert_eq!(many.sum::<usize>(), (0..5 * EVENTS).filter(|offset| offset % 90 == 5).count());
        assert_eq!(ids(&store), [5, 6], "the merged one and the one that came meanwhile");
        assert!(upkeep.manifest.retired.is_empty());

        assert!(ids(&stopped).contains(&5), "the merge had stored something when it stopped");
        let mut manifest = Manifest::load(&stopped, 0, [1; 16], 64).expect("it reads").expect("it is there");
        manifest.sweep(&stopped, 0).expect("it is swept");
        assert_eq!(ids(&stopped), [1, 2, 3, 4, 6]);
        assert!(manifest.retired.is_empty(), "what was swept is not swept again at every start");
    }
}
