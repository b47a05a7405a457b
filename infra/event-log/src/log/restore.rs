//! Bringing a partition back: what the index holds of it, checked against the log, then the tail that it does not.

use std::sync::Arc;

use carelog_domain::kernel::{Partition as Number, Position, Timestamp};
use carelog_domain::ports::Root;

use crate::error::OpenError;
use crate::index::key::Hasher;
use crate::index::manifest::{self, Manifest};
use crate::index::memory::MemoryIndex;
use crate::index::set::TableSet;
use crate::index::store::{IndexStore, StoreError};
use crate::index::table::Table;
use crate::index::upkeep::{End, Merge, Upkeep};
use crate::merkle::{CompactRange, KEPT_EVERY, Tree, leaf_hash};
use crate::partition::recovery::{self, Found, From};
use crate::segment_header::SEGMENT_HEADER_BYTES;
use crate::segments::{Place, Segment, Segments};

/// A partition's memory after a start; all that was found is durable.
pub(super) struct Restored {
    pub(super) found: Found,
    pub(super) index: MemoryIndex,
    pub(super) tree: Tree,
    pub(super) tables: TableSet,
    pub(super) upkeep: Upkeep,
}

/// What a partition is restored from.
pub(super) struct Source<'a> {
    pub(super) number: Number,
    pub(super) log_id: [u8; 16],
    pub(super) segments: &'a [Arc<Segment>],
    pub(super) store: Arc<dyn IndexStore>,
    pub(super) hasher: Hasher,
    pub(super) memory_index_events_max: usize,
}

impl Source<'_> {
    /// Restores from the index if it fits the log, else by reading all of the log.
    pub(super) fn restore(&self) -> Result<Restored, OpenError> {
        let stored = self.stored_index().unwrap_or_else(|error| {
            tracing::warn!(partition = self.number.0, error = %crate::error::chain(&error), "building the index anew");
            None
        });
        match stored {
            Some((manifest, tables, Some(tree))) => self.scan(manifest, tables, tree),
            Some((manifest, _, None)) => self.rebuild(Some(&manifest)),
            None => self.rebuild(None),
        }
    }

    /// The index and the tree at its end; without the tree if the log does not end up in it.
    fn stored_index(&self) -> Result<Option<(Manifest, Vec<Arc<Table>>, Option<Tree>)>, StoreError> {
        let (store, number) = (&*self.store, self.number.0);
        let Some(mut manifest) = Manifest::load(store, number, self.log_id, self.hasher.bits())? else {
            return Ok(None);
        };
        manifest.sweep(store, number)?;
        let open = |info| Table::open(store, number, info).map(Arc::new);
        let tables = manifest.tables.iter().copied().map(open).collect::<Result<Vec<_>, _>>()?;
        let tree = self.stored_tree(&manifest)?;
        Ok(Some((manifest, tables, tree)))
    }

    /// The tree at the end of the index, its last leaves read from the log; `None` if they are not there or others.
    fn stored_tree(&self, manifest: &Manifest) -> Result<Option<Tree>, StoreError> {
        let kept = manifest::load_kept(&*self.store, self.number.0, manifest.end / KEPT_EVERY)?;
        let segments = Arc::new(Segments::default());
        for (sequence, segment) in self.segments.iter().enumerate() {
            let below = manifest.end;
            segment.restore(manifest::load_places(&*self.store, self.number.0, sequence as u32, below)?);
            segments.push(segment.clone());
        }
        let first = kept.len() as u64 * KEPT_EVERY;
        let mut leaves = Vec::new();
        let Ok(mut reader) = segments.reader(first, manifest.end) else { return Ok(None) };
        while let Ok(Some((_, frame))) = reader.next() {
            leaves.push(leaf_hash(&frame));
        }
        let tree = Tree::restore(kept, leaves);
        Ok((tree.end().peaks() == manifest.peaks && tree.size() == manifest.end).then_some(tree))
    }

    /// Reads the whole log. An index that knows more, or another history, is right to stop the start.
    fn rebuild(&self, known: Option<&Manifest>) -> Result<Restored, OpenError> {
        self.segments.iter().for_each(|segment| segment.restore(vec![]));
        if let Some(known) = known {
            self.check_against(known)?;
            self.segments.iter().for_each(|segment| segment.restore(vec![]));
        }
        manifest::clear(&*self.store, self.number.0).map_err(|error| self.index_error(error))?;
        self.scan(Manifest::empty(self.log_id, self.hasher.bits()), vec![], Tree::default())
    }

    fn check_against(&self, known: &Manifest) -> Result<(), OpenError> {
        let mut range = CompactRange::default();
        let mut at_end: Option<Root> = None;
        let nothing = |_: &Found, _: usize| Ok(());
        let found = recovery::scan(self.segments, From::start(), nothing, |frame| {
            range.push(leaf_hash(frame.bytes()));
            if range.size() == known.end {
                at_end = Some(range.root());
            }
            Ok(())
        })?;
        let root = CompactRange::from_parts(known.end, known.peaks.clone()).map(|range| range.root());
        match root {
            Some(root) if at_end != Some(root) => Err(OpenError::BehindCheckpoint {
                position: Position { partition: self.number, offset: found.next_offset },
                known_by: "the index".to_owned(),
                size: known.end,
                root,
                found: at_end,
            }),
            _ => Ok(()), // The log is what the index saw; the index itself is not whole.
        }
    }

    /// Reads what is not in the tables, making tables of it as it goes, so that memory is bounded. What is in a table
    /// is durable before it, or a crash would leave an index that knows more than the log.
    fn scan(&self, manifest: Manifest, tables: Vec<Arc<Table>>, tree: Tree) -> Result<Restored, OpenError> {
        let from = From {
            segment: manifest.segment,
            place: Place { offset: manifest.end, byte: manifest.byte },
            recorded_at: Timestamp::from_micros(manifest.recorded_at_micros),
        };
        let last = self.segments.len() - 1;
        let durable = if from.segment == last { from.place.byte } else { SEGMENT_HEADER_BYTES as u64 };
        let index = MemoryIndex::starting_at(manifest.end);
        let upkeep = Upkeep::new(self.store.clone(), self.number.0, self.hasher, manifest);
        // Two closures share what is being built: one sees frames, the other the ends of batches.
        let building = std::cell::RefCell::new(Building { index, tree, tables, upkeep, durable });
        let at_batch_end = |found: &Found, segment: usize| {
            let mut building = building.borrow_mut();
            if building.index.events() < self.memory_index_events_max {
                return Ok(());
            }
            if segment == last {
                building.make_durable(&self.segments[last], found)?;
            }
            building.make_table(found, (segment, found.end), self.segments).map_err(|e| self.index_error(e))
        };
        let found = recovery::scan(self.segments, from, at_batch_end, |frame| {
            let mut building = building.borrow_mut();
            building.index.add_frame(frame);
            building.tree.push(leaf_hash(frame.bytes()));
            Ok(())
        })?;
        let mut building = building.into_inner();
        building.make_durable(&self.segments[last], &found)?;
        let Building { index, tree, tables, upkeep, .. } = building;
        let tables = TableSet { store: self.store.clone(), hasher: self.hasher, tables };
        Ok(Restored { found, index, tree, tables, upkeep })
    }

    fn index_error(&self, error: StoreError) -> OpenError {
        OpenError::Index { path: "index".into(), source: Box::new(error) }
    }
}

struct Building {
    index: MemoryIndex,
    tree: Tree,
    tables: Vec<Arc<Table>>,
    upkeep: Upkeep,
    /// Everything before this byte of the last segment is durable.
    durable: u64,
}

impl Building {
    fn make_durable(&mut self, last: &Segment, found: &Found) -> Result<(), OpenError> {
        recovery::make_durable(last, self.durable, found.end)?;
        self.durable = found.end;
        Ok(())
    }

    fn make_table(&mut self, found: &Found, place: (usize, u64), segments: &[Arc<Segment>]) -> Result<(), StoreError> {
        let end = End {
            peaks: self.tree.end().peaks().to_vec(),
            kept: self.tree.kept_from(self.upkeep.first_kept()).to_vec(),
            recorded_at: found.last_recorded_at,
            segments,
            place,
        };
        let table = self.upkeep.add_table(&self.index, &end)?;
        self.tables.push(Arc::new(table));
        self.index = MemoryIndex::starting_at(found.next_offset);
        loop {
            match self.upkeep.merge(&self.tables)? {
                Merge::Nothing => break,
                Merge::Going => {}
                Merge::Done(replaced, merged) => drop(self.tables.splice(replaced, [Arc::new(merged)])),
            }
        }
        self.upkeep.drop_retired()?;
        tracing::info!(partition = self.upkeep.partition(), events = found.next_offset, "building the index");
        Ok(())
    }
}
