//! Making tables: from the index in memory, and from smaller tables.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use super::block::Entry;
use super::key::{Hasher, Kind};
use super::memory::MemoryIndex;
use super::store::{IndexStore, StoreError};
use super::table::{Table, TableInfo, TableWriter};

/// This many tables of a level become one of the next.
pub(crate) const TABLES_PER_LEVEL: usize = 4;

/// Writes what was indexed in memory as a table of level 0.
pub(crate) fn from_memory(
    store: &dyn IndexStore,
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
    let mut writer = TableWriter::new(store, partition, info, keys);
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

/// Writes neighbouring tables as one.
pub(crate) fn merged(
    store: &dyn IndexStore,
    partition: u16,
    id: u64,
    tables: &[Arc<Table>],
) -> Result<Table, StoreError> {
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
    let mut writer = TableWriter::new(store, partition, info, keys);
    for kind in Kind::ALL {
        let mut sources: Vec<_> = tables.iter().map(|table| table.entries(store, kind)).collect();
        let mut heap = BinaryHeap::new();
        for (number, source) in sources.iter_mut().enumerate() {
            heap.extend(source.next().transpose()?.map(|entry| Reverse((entry, number))));
        }
        while let Some(Reverse((entry, number))) = heap.pop() {
            let entry: Entry = entry;
            writer.push(kind, entry)?;
            heap.extend(sources[number].next().transpose()?.map(|entry| Reverse((entry, number))));
        }
    }
    writer.finish()
}
