//! The header before the frames of a batch in a segment (format).
//!
//! ```text
//!  0 4   magic "CLB1"          8 u16 number of frames     20 u32 frames of the same write that stand before it
//!  4 u32 bytes after the header  10 u16 zero              24 u32 CRC32C of bytes 0..24
//!                             12 u64 offset of the first
//! then each frame after its length as u16
//! ```
//!
//! The batches of one write are synced together; by the number at byte 20 recovery knows that a broken batch was, or
//! was not, durable before the intact one behind it was written.

pub(crate) const BATCH_HEADER_BYTES: usize = 28;
pub(crate) const MAGIC: &[u8; 4] = b"CLB1";

/// What a batch header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BatchHeader {
    /// Bytes of all frames with their lengths.
    pub(crate) body_bytes: u32,
    /// How many frames.
    pub(crate) frames: u16,
    /// The offset of the first.
    pub(crate) first_offset: u64,
    /// How many frames stand before it in the same write.
    pub(crate) before_in_write: u32,
}

impl BatchHeader {
    pub(crate) fn encode(&self) -> [u8; BATCH_HEADER_BYTES] {
        let mut bytes = [0u8; BATCH_HEADER_BYTES];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..8].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.frames.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.first_offset.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.before_in_write.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..24]);
        bytes[24..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header at the start of `bytes`, if one stands there whole.
    pub(crate) fn decode(bytes: &[u8]) -> Option<BatchHeader> {
        let bytes: &[u8; BATCH_HEADER_BYTES] = bytes.get(..BATCH_HEADER_BYTES)?.try_into().ok()?;
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if &bytes[..4] != MAGIC || u32_at(24) != crc32c::crc32c(&bytes[..24]) || bytes[10..12] != [0, 0] {
            return None;
        }
        let mut first_offset = [0u8; 8];
        first_offset.copy_from_slice(&bytes[12..20]);
        Some(BatchHeader {
            body_bytes: u32_at(4),
            frames: u16::from_le_bytes([bytes[8], bytes[9]]),
            first_offset: u64::from_le_bytes(first_offset),
            before_in_write: u32_at(20),
        })
    }

    /// Bytes of header and frames.
    pub(crate) fn total_bytes(&self) -> u64 {
        BATCH_HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }
}
