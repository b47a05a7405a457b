//! The batches that are written and synced together, encoded as they will stand in the segment.

use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::kernel::Timestamp;

use crate::batch_header::{BATCH_HEADER_BYTES, BatchHeader};
use crate::done::Done;

/// A group that is still gathering. Lives under the partition's lock.
pub(crate) struct Gathering {
    pub(crate) bytes: Vec<u8>,
    pub(crate) first_offset: u64,
    frames: Vec<(u32, u32)>,
    batches: Vec<BatchSpan>,
    pub(crate) done: Arc<Done>,
    pub(crate) last_recorded_at: Timestamp,
}

/// Where a batch stands in its group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchSpan {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) first_offset: u64,
}

/// A group that is complete.
pub(crate) struct Group {
    pub(crate) bytes: Bytes,
    pub(crate) first_offset: u64,
    frames: Vec<(u32, u32)>,
    pub(crate) batches: Vec<BatchSpan>,
    pub(crate) done: Arc<Done>,
    pub(crate) last_recorded_at: Timestamp,
}

impl Gathering {
    pub(crate) fn starting_at(first_offset: u64, last_recorded_at: Timestamp) -> Gathering {
        Gathering {
            bytes: Vec::new(),
            first_offset,
            frames: Vec::new(),
            batches: Vec::new(),
            done: Arc::default(),
            last_recorded_at,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    fn next_offset(&self) -> u64 {
        self.first_offset + self.frames.len() as u64
    }

    /// Adds a batch: `encode` writes the given frame and returns its length. On an error nothing is added.
    pub(crate) fn add<E>(
        &mut self,
        frames: u16,
        mut encode: impl FnMut(u16, &mut Vec<u8>) -> Result<usize, E>,
    ) -> Result<u64, E> {
        let (start, known) = (self.bytes.len(), self.frames.len());
        let first_offset = self.next_offset();
        self.bytes.extend_from_slice(&[0; BATCH_HEADER_BYTES]);
        for index in 0..frames {
            let length_at = self.bytes.len();
            self.bytes.extend_from_slice(&[0; 2]);
            match encode(index, &mut self.bytes) {
                Ok(length) => {
                    let length = u16::try_from(length).expect("a frame is at most 65,535 bytes");
                    self.bytes[length_at..length_at + 2].copy_from_slice(&length.to_le_bytes());
                    self.frames.push((length_at as u32 + 2, self.bytes.len() as u32));
                }
                Err(error) => {
                    self.bytes.truncate(start);
                    self.frames.truncate(known);
                    return Err(error);
                }
            }
        }
        let end = self.bytes.len();
        let header = BatchHeader {
            body_bytes: (end - start - BATCH_HEADER_BYTES) as u32,
            frames,
            first_offset,
            before_in_write: known as u32,
        };
        self.bytes[start..start + BATCH_HEADER_BYTES].copy_from_slice(&header.encode());
        self.batches.push(BatchSpan { start: start as u32, end: end as u32, first_offset });
        Ok(first_offset)
    }

    /// Bytes of a frame that is here.
    pub(crate) fn frame(&self, offset: u64) -> Option<&[u8]> {
        let (start, end) = *self.frames.get(offset.checked_sub(self.first_offset)? as usize)?;
        Some(&self.bytes[start as usize..end as usize])
    }

    pub(crate) fn complete(self) -> Group {
        Group {
            bytes: Bytes::from(self.bytes),
            first_offset: self.first_offset,
            frames: self.frames,
            batches: self.batches,
            done: self.done,
            last_recorded_at: self.last_recorded_at,
        }
    }
}

impl Group {
    /// The offset after its last frame.
    pub(crate) fn end(&self) -> u64 {
        self.first_offset + self.frames.len() as u64
    }

    /// Bytes of a frame that is here.
    pub(crate) fn frame(&self, offset: u64) -> Option<Bytes> {
        let (start, end) = *self.frames.get(offset.checked_sub(self.first_offset)? as usize)?;
        Some(self.bytes.slice(start as usize..end as usize))
    }
}
