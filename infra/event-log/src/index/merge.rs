//! Making tables: from the index in memory, and from smaller tables.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use super::block::Entry;
use super::key::{Hasher, Kind};
use super::memory::MemoryIndex;
use super::store::{IndexStore, StoreError};
use super::table::{Cursor, Table, TableInfo, TableWriter};

/// This many tables of a level become one of the next.
pub(crate) const TABLES_PER_LEVEL: usize = 4;

/// Writes what was indexed in memory as a table of level 0.
pub(crate) fn from_memory(
    store: &Arc<dyn IndexStore>,
    partition: u16,
    id: u64,
    memory: &MemoryIndex,
    hasher: Hasher,
) -> Result<Table, StoreError> {
    let info = TableInfo { id, level: 0, first_offset: memory.first_offset, end_offset: memory.next_offset };
    let lists = Kind::ALL.map(|kind| {
        let mut entries = memory.entries(kind, hasher);
        entries.sort_unstable();
        (kind, entries)
    });
    let keys = lists.iter().map(|(_, entries)| entries.chunk_by(|a, b| a.hash == b.hash).count()).sum();
    let mut writer = TableWriter::new(store.clone(), partition, info, keys);
    for (kind, entries) in lists {
        for entry in entries {
            writer.push(kind, entry)?;
        }
    }
    writer.finish()
}

/// Which tables are to be merged next: enough neighbours of one level. Tables are in order of their offsets, levels
/// never rise.
pub(crate) fn due(tables: &[Arc<Table>]) -> Option<Range<usize>> {
    let mut end = tables.len();
    for same in tables.chunk_by(|a, b| a.info.level == b.info.level).rev() {
        let start = end - same.len();
        if same.len() >= TABLES_PER_LEVEL {
            return Some(start..start + TABLES_PER_LEVEL);
        }
        end = start;
    }
    None
}

/// So many entries are merged in one step: some milliseconds.
const STEP_ENTRIES: usize = 32 * 1024;

/// Neighbouring tables that are being written as one, step by step.
pub(crate) struct Merging {
    store: Arc<dyn IndexStore>,
    tables: Vec<Arc<Table>>,
    writer: TableWriter,
    /// Kinds that are still to come.
    kinds: std::array::IntoIter<Kind, 3>,
    kind: Kind,
    cursors: Vec<Cursor>,
    /// The next entry of each cursor.
    heads: BinaryHeap<Reverse<(Entry, usize)>>,
}

impl Merging {
    pub(crate) fn new(
        store: Arc<dyn IndexStore>,
        partition: u16,
        id: u64,
        tables: &[Arc<Table>],
    ) -> Result<Merging, StoreError> {
        let (Some(first), Some(last)) = (tables.first(), tables.last()) else {
            return Err(StoreError::broken("nothing to merge"));
        };
        let info = TableInfo {
            id,
            level: first.info.level + 1,
            first_offset: first.info.first_offset,
            end_offset: last.info.end_offset,
        };
        let keys = tables.iter().map(|table| table.keys_at_most()).sum();
        let writer = TableWriter::new(store.clone(), partition, info, keys);
        let (kinds, kind, tables) = (Kind::ALL.into_iter(), Kind::Stream, tables.to_vec());
        Ok(Merging { store, tables, writer, kinds, kind, cursors: vec![], heads: BinaryHeap::new() })
    }

    /// Goes on for a while; true when all entries are written.
    pub(crate) fn step(&mut self) -> Result<bool, StoreError> {
        for _ in 0..STEP_ENTRIES {
            let Some(Reverse((entry, number))) = self.heads.pop() else {
                if self.next_kind()? { continue } else { return Ok(true) }
            };
            self.writer.push(self.kind, entry)?;
            let next = self.cursors[number].next(&*self.store)?;
            self.heads.extend(next.map(|entry| Reverse((entry, number))));
        }
        Ok(false)
    }

    fn next_kind(&mut self) -> Result<bool, StoreError> {
        let Some(kind) = self.kinds.next() else { return Ok(false) };
        self.kind = kind;
        self.cursors = self.tables.iter().map(|table| Cursor::new(table.clone(), kind)).collect();
        for (number, cursor) in self.cursors.iter_mut().enumerate() {
            self.heads.extend(cursor.next(&*self.store)?.map(|entry| Reverse((entry, number))));
        }
        Ok(true)
    }

    /// Stores what is left; which tables it was made of, and the table.
    pub(crate) fn finish(self) -> Result<(Vec<Arc<Table>>, Table), StoreError> {
        Ok((self.tables, self.writer.finish()?))
    }
}
