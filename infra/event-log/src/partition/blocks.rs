//! Writing to the end of a segment in whole blocks of the file system.
//!
//! A segment was filled with zeros long before it is written to, and by then the system may have let go of its pages. Whoever
//! writes a part of such a block waits until the system has read the rest of it from the disk; whoever writes all of it does
//! not.

use crate::error::OpenError;
use crate::segments::Segment;

/// What file systems read and write at least, nearly everywhere; where it is more, a write may wait as described.
pub(super) const BLOCK_BYTES: u64 = 4096;

/// The end of a segment.
pub(super) struct End {
    /// Where the block begins that the end is in.
    block: u64,
    /// What stands in that block up to the end.
    filled: Vec<u8>,
}

impl End {
    /// The end at this byte of the segment.
    pub(super) fn find(segment: &Segment, end: u64) -> Result<End, OpenError> {
        let block = end - end % BLOCK_BYTES;
        let mut filled = vec![0u8; (end - block) as usize];
        segment.file.read_exact_at(&mut filled, block).map_err(OpenError::io("read", &segment.path))?;
        Ok(End { block, filled })
    }

    /// The byte of the segment that is written next.
    pub(super) fn byte(&self) -> u64 {
        self.block + self.filled.len() as u64
    }

    /// Writes behind what stands there, which is written once more, unchanged, as are the zeros up to the next block.
    pub(super) fn write(&mut self, segment: &Segment, bytes: &[u8]) -> Result<(), OpenError> {
        let mut blocks = std::mem::take(&mut self.filled);
        blocks.extend_from_slice(bytes);
        let end = blocks.len();
        let room = segment.file_bytes - self.block;
        blocks.resize((end as u64).next_multiple_of(BLOCK_BYTES).min(room) as usize, 0);
        segment.file.write_all_at(&blocks, self.block).map_err(OpenError::io("write to", &segment.path))?;
        let next = end - end % BLOCK_BYTES as usize;
        self.filled.extend_from_slice(&blocks[next..end]);
        self.block += next as u64;
        Ok(())
    }
}
