//! Writing to the end of a segment in whole blocks of the file system.
//!
//! A segment was filled with zeros long before it is written to, and by then the system may have let go of its pages. Whoever
//! writes a part of such a block waits until the system has read the rest of it from the disk; whoever writes all of it does
//! not.

use crate::error::OpenError;
use crate::segments::Segment;

/// What file systems read and write at least, nearly everywhere; where it is more, a write may wait as described.
pub(super) const BLOCK_BYTES: usize = 4096;
/// So much is written at once.
const PIECE_BYTES: usize = 16 * BLOCK_BYTES;

/// The end of a segment.
pub(super) struct End {
    /// Where the block begins that the end is in.
    block: u64,
    /// What stands in that block up to the end; has room for a piece.
    filled: Vec<u8>,
}

impl End {
    /// The end at this byte of the segment.
    pub(super) fn find(segment: &Segment, end: u64) -> Result<End, OpenError> {
        let block = end - end % BLOCK_BYTES as u64;
        let mut filled = Vec::with_capacity(PIECE_BYTES);
        filled.resize((end - block) as usize, 0);
        segment.file.read_exact_at(&mut filled, block).map_err(OpenError::io("read", &segment.path))?;
        Ok(End { block, filled })
    }

    /// The byte of the segment that is written next.
    pub(super) fn byte(&self) -> u64 {
        self.block + self.filled.len() as u64
    }

    /// Writes behind what stands there, which is written once more, unchanged, as are the zeros up to the next block.
    pub(super) fn write(&mut self, segment: &Segment, bytes: &[u8]) -> Result<(), OpenError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PIECE_BYTES - self.filled.len()));
            self.filled.extend_from_slice(now);
            self.write_filled(segment)?;
            rest = later;
        }
        Ok(())
    }

    fn write_filled(&mut self, segment: &Segment) -> Result<(), OpenError> {
        let blocks = &mut self.filled;
        let (end, room) = (blocks.len(), (segment.file_bytes - self.block) as usize);
        blocks.resize(end.next_multiple_of(BLOCK_BYTES).min(room), 0);
        segment.file.write_all_at(blocks, self.block).map_err(OpenError::io("write to", &segment.path))?;
        let last = end - end % BLOCK_BYTES;
        blocks.copy_within(last..end, 0);
        blocks.truncate(end - last);
        self.block += last as u64;
        Ok(())
    }
}
