//! One table: immutable, sorted, in blocks, with a filter and the first entry of every block in memory.

use std::sync::Arc;

use super::block::{self, BlockWriter, Entry};
use super::filter::Filter;
use super::key::Kind;
use super::store::{IndexStore, StoreError};

/// What the manifest says of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct TableInfo {
    pub(crate) id: u64,
    pub(crate) level: u32,
    /// It covers the events from here ...
    pub(crate) first_offset: u64,
    /// ... up to here, exclusive.
    pub(crate) end_offset: u64,
}

/// Where a block begins.
type Fence = (u64, u64);

pub(crate) struct Table {
    pub(crate) info: TableInfo,
    partition: u16,
    filter: Filter,
    fences: [Vec<Fence>; 3],
}

/// Filters are stored in pieces of this many bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// The keys of all that belongs to a table begin with this.
pub(crate) fn prefix(partition: u16, table: u64) -> Vec<u8> {
    let mut key = vec![b't'];
    key.extend_from_slice(&partition.to_be_bytes());
    key.extend_from_slice(&table.to_be_bytes());
    key
}

fn block_key(partition: u16, table: u64, kind: Kind, fence: Fence) -> Vec<u8> {
    let mut key = prefix(partition, table);
    key.extend_from_slice(&[b'b', kind as u8]);
    key.extend_from_slice(&fence.0.to_be_bytes());
    key.extend_from_slice(&fence.1.to_be_bytes());
    key
}

fn part_key(partition: u16, table: u64, part: u8, number: u32) -> Vec<u8> {
    let mut key = prefix(partition, table);
    key.push(part);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

impl Table {
    /// Opens a stored table: its filter and fences are read into memory.
    pub(crate) fn open(store: &dyn IndexStore, partition: u16, info: TableInfo) -> Result<Table, StoreError> {
        let part = |part: u8| {
            let mut key = prefix(partition, info.id);
            key.push(part);
            let pieces = store.with_prefix(&key)?;
            Ok::<Vec<u8>, StoreError>(pieces.into_iter().flat_map(|(_, piece)| piece).collect())
        };
        let broken = || StoreError::broken(format!("table {} of the index is not whole", info.id));
        let filter = Filter::from_bytes(&part(b'f')?).ok_or_else(broken)?;
        let mut fences: [Vec<Fence>; 3] = Default::default();
        for (kind, list) in fences.iter_mut().enumerate() {
            let bytes = store.get(&part_key(partition, info.id, b'n', kind as u32))?.ok_or_else(broken)?;
            let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap_or_default());
            *list = bytes.chunks_exact(16).map(|pair| (number(&pair[..8]), number(&pair[8..]))).collect();
        }
        Ok(Table { info, partition, filter, fences })
    }

    /// Entries with this hash, oldest first.
    pub(crate) fn find(&self, store: &dyn IndexStore, kind: Kind, hash: u64) -> Result<Vec<Entry>, StoreError> {
        if !self.filter.may_have(kind, hash) {
            return Ok(vec![]);
        }
        let fences = &self.fences[kind as usize];
        // The hash may begin in the block before the first that begins with it.
        let first = fences.partition_point(|fence| fence.0 < hash).saturating_sub(1);
        let mut found = Vec::new();
        for fence in fences[first..].iter().take_while(|fence| fence.0 <= hash) {
            let entries = self.block(store, kind, *fence)?;
            found.extend(entries.into_iter().filter(|entry| entry.hash == hash));
        }
        Ok(found)
    }

    fn block(&self, store: &dyn IndexStore, kind: Kind, fence: Fence) -> Result<Vec<Entry>, StoreError> {
        let bytes = store.get(&block_key(self.partition, self.info.id, kind, fence))?;
        let missing = || StoreError::broken(format!("a block of table {} of the index is missing", self.info.id));
        block::read(kind, self.info.first_offset, &bytes.ok_or_else(missing)?)
    }

    /// How many different keys there are, or a few more: what its filter was made for.
    pub(crate) fn keys_at_most(&self) -> usize {
        self.filter.keys_at_most()
    }
}

/// Reads the entries of a kind, in order, block by block.
pub(crate) struct Cursor {
    table: Arc<Table>,
    kind: Kind,
    next_block: usize,
    entries: std::vec::IntoIter<Entry>,
}

impl Cursor {
    pub(crate) fn new(table: Arc<Table>, kind: Kind) -> Cursor {
        Cursor { table, kind, next_block: 0, entries: Vec::new().into_iter() }
    }

    pub(crate) fn next(&mut self, store: &dyn IndexStore) -> Result<Option<Entry>, StoreError> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Ok(Some(entry));
            }
            let Some(fence) = self.table.fences[self.kind as usize].get(self.next_block) else { return Ok(None) };
            self.entries = self.table.block(store, self.kind, *fence)?.into_iter();
            self.next_block += 1;
        }
    }
}

/// Writes a table: entries come in order, kind by kind.
pub(crate) struct TableWriter {
    store: Arc<dyn IndexStore>,
    partition: u16,
    info: TableInfo,
    filter: Filter,
    fences: [Vec<Fence>; 3],
    kind: Kind,
    block: BlockWriter,
    last_hash: Option<u64>,
    ready: Vec<(Vec<u8>, Vec<u8>)>,
}

/// So many blocks are handed to the store at once.
const BLOCKS_AT_ONCE: usize = 32;

impl TableWriter {
    /// A writer with room in its filter for so many keys.
    pub(crate) fn new(store: Arc<dyn IndexStore>, partition: u16, info: TableInfo, keys: usize) -> TableWriter {
        TableWriter {
            store,
            partition,
            info,
            filter: Filter::for_keys(keys),
            fences: Default::default(),
            kind: Kind::Stream,
            block: BlockWriter::new(Kind::Stream, info.first_offset),
            last_hash: None,
            ready: Vec::new(),
        }
    }

    /// Adds an entry; kinds and hashes must not go back.
    pub(crate) fn push(&mut self, kind: Kind, entry: Entry) -> Result<(), StoreError> {
        if kind != self.kind {
            self.end_block()?;
            (self.kind, self.last_hash) = (kind, None);
            self.block = BlockWriter::new(kind, self.info.first_offset);
        }
        if self.last_hash != Some(entry.hash) {
            self.filter.add(kind, entry.hash);
            self.last_hash = Some(entry.hash);
        }
        self.block.push(entry);
        if self.block.is_full() { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), StoreError> {
        let Some((first, bytes)) = self.block.take() else { return Ok(()) };
        let fence = (first.hash, first.offset);
        self.fences[self.kind as usize].push(fence);
        self.ready.push((block_key(self.partition, self.info.id, self.kind, fence), bytes));
        match self.ready.len() >= BLOCKS_AT_ONCE {
            true => self.store.put(std::mem::take(&mut self.ready)),
            false => Ok(()),
        }
    }

    /// Stores what is left; the table counts once the manifest names it.
    pub(crate) fn finish(mut self) -> Result<Table, StoreError> {
        self.end_block()?;
        for (number, piece) in self.filter.to_bytes().chunks(PIECE_BYTES).enumerate() {
            self.ready.push((part_key(self.partition, self.info.id, b'f', number as u32), piece.to_vec()));
        }
        for (kind, fences) in self.fences.iter().enumerate() {
            let bytes = fences.iter().flat_map(|(hash, offset)| [hash.to_be_bytes(), offset.to_be_bytes()]).flatten();
            self.ready.push((part_key(self.partition, self.info.id, b'n', kind as u32), bytes.collect()));
        }
        self.store.put(self.ready)?;
        Ok(Table { info: self.info, partition: self.partition, filter: self.filter, fences: self.fences })
    }
}
