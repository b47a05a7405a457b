//! A block of an index table: entries sorted by hash, then offset.
//!
//! ```text
//! u32 CRC32C of what follows, then for each entry, as LEB128 numbers:
//!   hash minus the one before | offset minus the table's first | version (streams only)
//! ```

use super::key::Kind;
use super::store::StoreError;

/// A block is closed when it has about this many bytes.
pub(crate) const BLOCK_BYTES: usize = 16 * 1024;

/// One entry of a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Entry {
    pub(crate) hash: u64,
    pub(crate) offset: u64,
    /// Of the stream; 0 for other kinds.
    pub(crate) version: u64,
}

/// Gathers entries into a block.
pub(crate) struct BlockWriter {
    kind: Kind,
    table_first: u64,
    bytes: Vec<u8>,
    first: Option<Entry>,
    last_hash: u64,
}

impl BlockWriter {
    pub(crate) fn new(kind: Kind, table_first: u64) -> BlockWriter {
        BlockWriter { kind, table_first, bytes: vec![0; 4], first: None, last_hash: 0 }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.first.get_or_insert(entry);
        number(entry.hash - self.last_hash, &mut self.bytes);
        number(entry.offset - self.table_first, &mut self.bytes);
        if self.kind == Kind::Stream {
            number(entry.version, &mut self.bytes);
        }
        self.last_hash = entry.hash;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_BYTES
    }

    /// The block with its first entry; the writer is empty again. `None` if nothing was pushed.
    pub(crate) fn take(&mut self) -> Option<(Entry, Vec<u8>)> {
        let first = self.first.take()?;
        let mut bytes = std::mem::replace(&mut self.bytes, vec![0; 4]);
        self.last_hash = 0;
        let checksum = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        Some((first, bytes))
    }
}

/// The entries of a block.
pub(crate) fn read(kind: Kind, table_first: u64, bytes: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let broken = || StoreError::broken("a block of the index is not as it was written");
    let (checksum, mut rest) = bytes.split_at_checked(4).ok_or_else(broken)?;
    if checksum != crc32c::crc32c(rest).to_le_bytes() {
        return Err(broken());
    }
    let mut entries = Vec::with_capacity(rest.len() / 8);
    let mut hash = 0u64;
    while !rest.is_empty() {
        hash += take_number(&mut rest).ok_or_else(broken)?;
        let offset = table_first + take_number(&mut rest).ok_or_else(broken)?;
        let version = if kind == Kind::Stream { take_number(&mut rest).ok_or_else(broken)? } else { 0 };
        entries.push(Entry { hash, offset, version });
    }
    Ok(entries)
}

fn number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_of_a_block_as_they_went_in_and_a_changed_byte_is_noticed() {
        let entries: Vec<Entry> =
            (0..1_000u64).map(|n| Entry { hash: n.pow(6) << 3, offset: 70 + n * 3, version: n % 7 }).collect();
        let mut writer = BlockWriter::new(Kind::Stream, 70);
        entries.iter().for_each(|entry| writer.push(*entry));
        let (first, bytes) = writer.take().expect("entries were pushed");
        assert_eq!(first, entries[0]);
        assert_eq!(read(Kind::Stream, 70, &bytes).expect("a whole block"), entries);
        let mut changed = bytes;
        changed[700] ^= 1;
        assert!(read(Kind::Stream, 70, &changed).is_err());
    }
}
