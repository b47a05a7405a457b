//! The batches that gathered while the disk was busy, encoded as they will stand in the segment. A group is written and
//! synced in one *write*, or in several if it is large; each header says what of its own write stands before it.

use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::kernel::Timestamp;

use crate::batch_header::{BATCH_HEADER_BYTES, BatchHeader};
use crate::done::Done;

/// The most that is written and synced at once, unless one batch is larger. Recovery looks this far for leftovers.
pub(crate) const WRITE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A group that is still gathering. Lives under the partition's lock.
pub(crate) struct Gathering {
    pub(crate) bytes: Vec<u8>,
    pub(crate) first_offset: u64,
    frames: Vec<(u32, u32)>,
    batches: Vec<BatchSpan>,
    /// Where in `bytes` the newest write begins, and with which of `frames`.
    write: (usize, usize),
    /// What that write held before this group, if it began in an earlier one.
    before: Unsynced,
    pub(crate) done: Arc<Done>,
    pub(crate) last_recorded_at: Timestamp,
}

/// How much was written since the last sync, where not every group is synced.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Unsynced {
    bytes: usize,
    frames: u32,
}

/// Where a batch stands in its group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchSpan {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) first_offset: u64,
    /// Where in the group the write begins that it belongs to.
    write_start: u32,
    /// True when it is the first of its write.
    pub(crate) begins_write: bool,
}

impl BatchSpan {
    /// How many of these batches are written next where there is so much room: those that fit of the first one's write.
    /// Two writes never become one, for recovery takes the second as proof that the first was synced.
    pub(crate) fn next_piece(batches: &[BatchSpan], room: u64) -> usize {
        let Some(first) = batches.first() else { return 0 };
        let fits =
            |batch: &&BatchSpan| batch.write_start == first.write_start && u64::from(batch.end - first.start) <= room;
        batches.iter().take_while(fits).count()
    }
}

/// A group that is complete.
pub(crate) struct Group {
    pub(crate) bytes: Bytes,
    pub(crate) first_offset: u64,
    frames: Vec<(u32, u32)>,
    pub(crate) batches: Vec<BatchSpan>,
    pub(crate) done: Arc<Done>,
    pub(crate) last_recorded_at: Timestamp,
    /// In which epoch its batches were accepted; 0 where there are none.
    pub(crate) epoch: u64,
}

impl Gathering {
    pub(crate) fn starting_at(first_offset: u64, last_recorded_at: Timestamp) -> Gathering {
        Gathering::after(Unsynced::default(), first_offset, last_recorded_at)
    }

    /// A group that goes on with the write before it.
    pub(crate) fn after(before: Unsynced, first_offset: u64, last_recorded_at: Timestamp) -> Gathering {
        Gathering {
            bytes: Vec::new(),
            first_offset,
            frames: Vec::new(),
            batches: Vec::new(),
            write: (0, 0),
            before,
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
        if self.before.bytes + end - self.write.0 > WRITE_BYTES_MAX {
            (self.write, self.before) = ((start, known), Unsynced::default());
        }
        let (write_start, write_first) = self.write;
        let before_in_write = self.before.frames + (known - write_first) as u32;
        let header = BatchHeader {
            body_bytes: (end - start - BATCH_HEADER_BYTES) as u32,
            frames,
            first_offset,
            before_in_write,
        };
        self.bytes[start..start + BATCH_HEADER_BYTES].copy_from_slice(&header.encode());
        let (write_start, begins_write) = (write_start as u32, before_in_write == 0);
        self.batches.push(BatchSpan { start: start as u32, end: end as u32, first_offset, write_start, begins_write });
        Ok(first_offset)
    }

    /// What the newest write holds, as far as it has come.
    pub(crate) fn unsynced(&self) -> Unsynced {
        let frames = (self.frames.len() - self.write.1) as u32;
        Unsynced { bytes: self.before.bytes + self.bytes.len() - self.write.0, frames: self.before.frames + frames }
    }

    /// Bytes of a frame that is here.
    pub(crate) fn frame(&self, offset: u64) -> Option<&[u8]> {
        let (start, end) = *self.frames.get(offset.checked_sub(self.first_offset)? as usize)?;
        Some(&self.bytes[start as usize..end as usize])
    }

    pub(crate) fn complete(self, epoch: u64) -> Group {
        Group {
            bytes: Bytes::from(self.bytes),
            first_offset: self.first_offset,
            frames: self.frames,
            batches: self.batches,
            done: self.done,
            last_recorded_at: self.last_recorded_at,
            epoch,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_group_is_cut_into_writes_and_each_header_counts_within_its_own() {
        let mut gathering = Gathering::starting_at(70, Timestamp::from_micros(0));
        let mut add = |frames: u16, bytes: usize| {
            let frame = |_: u16, out: &mut Vec<u8>| {
                out.resize(out.len() + bytes, b'x');
                Ok::<usize, ()>(bytes)
            };
            gathering.add(frames, frame).expect("it is encoded");
        };
        // Of about 1.5, 1.5, 1.5, 5, 0.1 and 4 MiB: a write ends before 4 MiB, unless one batch is larger.
        for frames in [26, 26, 26, 90, 2, 66] {
            add(frames, 60_000);
        }
        let group = gathering.complete(0);
        let header = |batch: &BatchSpan| BatchHeader::decode(&group.bytes[batch.start as usize..]).expect("a header");
        let before: Vec<u32> = group.batches.iter().map(|batch| header(batch).before_in_write).collect();
        assert_eq!(before, [0, 26, 0, 0, 0, 2]);
        let pieces = |room: u64| {
            let (mut rest, mut pieces) = (group.batches.as_slice(), Vec::new());
            while let count @ 1.. = BatchSpan::next_piece(rest, room) {
                pieces.push(count);
                rest = &rest[count..];
            }
            pieces
        };
        assert_eq!(pieces(u64::MAX), [2, 1, 1, 2]);
        assert_eq!(pieces(6_000_000), [2, 1, 1, 2], "after a new segment too");
        assert_eq!(pieces(2_000_000), [1, 1, 1], "the fourth needs a new segment");
    }
}
