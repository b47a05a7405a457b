//! The segment files of one partition, in order, and where in them an offset stands.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::ports::Failure;
use parking_lot::RwLock;

use crate::batch_header::{BATCH_HEADER_BYTES, BatchHeader};
use crate::disk::DiskFile;
use crate::error::lasting;
use crate::segment_header::SEGMENT_HEADER_BYTES;

/// Remember a place about every so many bytes; between them a reader walks from batch to batch.
const PLACE_EVERY_BYTES: u64 = 16 * 1024;
/// How much is read at once when walking.
const WINDOW_BYTES_MAX: usize = 64 * 1024;
/// What a look-up reads first: with places this far apart the frame is mostly in it.
const WINDOW_BYTES_MIN: usize = PLACE_EVERY_BYTES as usize;

/// A batch's place in a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// The offset of its first frame.
    pub(crate) offset: u64,
    /// Where its header stands.
    pub(crate) byte: u64,
}

/// One segment file that is open.
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) first_offset: u64,
    pub(crate) file_bytes: u64,
    places: RwLock<Vec<Place>>,
}

impl Segment {
    pub(crate) fn new(path: PathBuf, file: Arc<dyn DiskFile>, first_offset: u64, file_bytes: u64) -> Segment {
        Segment { path, file, first_offset, file_bytes, places: RwLock::default() }
    }

    /// Remembers where a batch stands, if the last place remembered is far enough away. In order.
    pub(crate) fn note(&self, place: Place) -> bool {
        let mut places = self.places.write();
        let due = places.last().is_none_or(|last| place.byte >= last.byte + PLACE_EVERY_BYTES);
        if due {
            places.push(place);
        }
        due
    }

    /// The places remembered of batches that begin from `from` to `to`, exclusive.
    pub(crate) fn places_between(&self, from: u64, to: u64) -> Vec<Place> {
        self.places.read().iter().filter(|place| (from..to).contains(&place.offset)).copied().collect()
    }

    /// Remembers places that were stored; only before anything was noted.
    pub(crate) fn restore(&self, places: Vec<Place>) {
        *self.places.write() = places;
    }

    /// The nearest place known at or before `offset`.
    fn place_before(&self, offset: u64) -> Place {
        let places = self.places.read();
        let after = places.partition_point(|place| place.offset <= offset);
        match after {
            0 => Place { offset: self.first_offset, byte: SEGMENT_HEADER_BYTES as u64 },
            _ => places[after - 1],
        }
    }
}

/// All segments of a partition.
#[derive(Default)]
pub(crate) struct Segments(RwLock<Vec<Arc<Segment>>>);

impl Segments {
    pub(crate) fn push(&self, segment: Arc<Segment>) {
        self.0.write().push(segment);
    }

    pub(crate) fn all(&self) -> Vec<Arc<Segment>> {
        self.0.read().clone()
    }

    pub(crate) fn last(&self) -> Option<Arc<Segment>> {
        self.0.read().last().cloned()
    }

    /// The segment that holds `offset` (the last that begins at or before it).
    fn holding(&self, offset: u64) -> Option<Arc<Segment>> {
        let segments = self.0.read();
        let after = segments.partition_point(|segment| segment.first_offset <= offset);
        after.checked_sub(1).map(|at| segments[at].clone())
    }

    /// Where the batch that begins at `offset` stands or will stand: the number of the segment of the batch before it,
    /// and the byte after that.
    pub(crate) fn place_after(self: &Arc<Self>, offset: u64) -> Result<(usize, u64), Failure> {
        let Some(last) = offset.checked_sub(1) else { return Ok((0, SEGMENT_HEADER_BYTES as u64)) };
        let mut reader = self.reader(last, offset)?;
        reader.next()?;
        let walk = reader.at.as_ref().filter(|_| reader.pending.left == 0);
        let walk = walk.ok_or_else(|| lasting(format!("no batch begins at {offset}")))?;
        let number = self.0.read().iter().position(|segment| Arc::ptr_eq(segment, &walk.segment));
        Ok((number.ok_or_else(|| lasting("a segment is gone"))?, walk.byte))
    }

    /// A reader that stands before the frame at `offset`; only frames below `end` are read.
    pub(crate) fn reader(self: &Arc<Self>, offset: u64, end: u64) -> Result<FrameReader, Failure> {
        let mut reader =
            FrameReader { segments: self.clone(), at: None, next: offset, end, pending: Pending::default() };
        reader.seek(offset)?;
        Ok(reader)
    }
}

/// Reads frames in order, from segment to segment.
pub(crate) struct FrameReader {
    segments: Arc<Segments>,
    at: Option<Walk>,
    next: u64,
    end: u64,
    pending: Pending,
}

/// Frames of the batch under the reader that were not taken yet.
#[derive(Default)]
struct Pending {
    body: Bytes,
    at: usize,
    left: u16,
}

/// A place in a segment, with a window of its bytes.
struct Walk {
    segment: Arc<Segment>,
    byte: u64,
    window: Bytes,
    window_at: u64,
    /// Bytes that the next window has: few where one frame is looked up, more the longer the walk goes on.
    ahead: usize,
}

impl FrameReader {
    /// The next frame with its offset, `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Bytes)>, Failure> {
        loop {
            if self.next >= self.end {
                return Ok(None);
            }
            if self.pending.left == 0 {
                self.next_batch()?;
                continue;
            }
            let offset = self.next;
            let frame = self.pending.take().ok_or_else(|| self.broken("a frame is longer than its batch"))?;
            self.next += 1;
            return Ok(Some((offset, frame)));
        }
    }

    fn seek(&mut self, offset: u64) -> Result<(), Failure> {
        if offset >= self.end {
            return Ok(());
        }
        let segment = self.segments.holding(offset).ok_or_else(|| lasting(format!("no segment holds {offset}")))?;
        let place = segment.place_before(offset);
        self.at = Some(Walk::begin(segment, place.byte, WINDOW_BYTES_MIN));
        self.next = place.offset;
        while self.next < offset {
            self.next_batch()?;
            while self.pending.left > 0 && self.next < offset {
                self.pending.take().ok_or_else(|| self.broken("a frame is longer than its batch"))?;
                self.next += 1;
            }
        }
        Ok(())
    }

    fn next_batch(&mut self) -> Result<(), Failure> {
        let holding =
            self.segments.holding(self.next).ok_or_else(|| lasting(format!("no segment holds {}", self.next)))?;
        let walk = match self.at.take() {
            Some(walk) if Arc::ptr_eq(&walk.segment, &holding) => walk,
            _ => Walk::begin(holding, SEGMENT_HEADER_BYTES as u64, WINDOW_BYTES_MAX),
        };
        let walk = self.at.insert(walk);
        let header = walk.bytes(BATCH_HEADER_BYTES)?.and_then(|bytes| BatchHeader::decode(&bytes));
        let header = header.filter(|header| header.first_offset == self.next && header.frames > 0);
        let Some(header) = header else { return Err(self.broken("a batch is no longer as it was written")) };
        walk.byte += BATCH_HEADER_BYTES as u64;
        let body = walk.bytes(header.body_bytes as usize)?;
        let Some(body) = body else { return Err(self.broken("a batch is longer than its segment")) };
        walk.byte += u64::from(header.body_bytes);
        self.pending = Pending { body, at: 0, left: header.frames };
        Ok(())
    }

    fn broken(&self, what: &str) -> Failure {
        match &self.at {
            Some(walk) => lasting(format!(
                "{what}, in {} near byte {}; run `carelog log verify`",
                walk.segment.path.display(),
                walk.byte
            )),
            None => lasting(what),
        }
    }
}

impl Pending {
    fn take(&mut self) -> Option<Bytes> {
        let length = u16::from_le_bytes(self.body.get(self.at..self.at + 2)?.try_into().ok()?);
        let frame_at = self.at + 2;
        let end = frame_at + usize::from(length);
        if end > self.body.len() {
            return None;
        }
        self.at = end;
        self.left -= 1;
        Some(self.body.slice(frame_at..end))
    }
}

impl Walk {
    fn begin(segment: Arc<Segment>, byte: u64, ahead: usize) -> Walk {
        Walk { segment, byte, window: Bytes::new(), window_at: 0, ahead }
    }

    /// The next `count` bytes, `None` if the file ends before.
    fn bytes(&mut self, count: usize) -> Result<Option<Bytes>, Failure> {
        let from = self.byte.wrapping_sub(self.window_at) as usize;
        if self.byte >= self.window_at && from + count <= self.window.len() {
            return Ok(Some(self.window.slice(from..from + count)));
        }
        if self.byte + count as u64 > self.segment.file_bytes {
            return Ok(None);
        }
        let wanted = (count.max(self.ahead) as u64).min(self.segment.file_bytes - self.byte) as usize;
        let mut window = vec![0u8; wanted];
        self.segment.file.read_exact_at(&mut window, self.byte).map_err(|error| {
            lasting(format!("cannot read {} at byte {}", self.segment.path.display(), self.byte)).caused_by(error)
        })?;
        self.window = Bytes::from(window);
        self.window_at = self.byte;
        self.ahead = (self.ahead * 2).min(WINDOW_BYTES_MAX);
        Ok(Some(self.window.slice(..count)))
    }
}
