//! Picking a partition up after a stop: read what the index does not know yet, tell a torn end from damage.
//!
//! Every write begins where the last good batch ended and no writer leaves a run of zeros in it (see the frame). So if
//! the bytes after the last good batch are all zero, nothing was being written. If they are not, the batch there was
//! being written when the program or the machine stopped, *torn*, as long as some sector's part of it still reads as
//! the zero fill (its header's too), and nothing behind it was written after it had been synced. Anything else is
//! *damage*. Judging writes nothing: the next segment begins with the next batch, so whoever opens the log can first
//! compare it with the checkpoints that others know.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::kernel::Timestamp;
use carelog_schemas::frame::Frame;

use super::roll::{Identity, sequences};
use crate::batch_header::{BATCH_HEADER_BYTES, BatchHeader, MAGIC};
use crate::disk::{Disk, OpenFor};
use crate::error::{Damage, OpenError};
use crate::group::WRITE_BYTES_MAX;
use crate::segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::segments::{Place, Segment};

/// A sector: what a disk writes whole or not at all.
const SECTOR_BYTES: u64 = 512;
/// One write is at most this long: [`WRITE_BYTES_MAX`] or one batch.
const ONE_WRITE_BYTES_MAX: u64 = 9 * 1024 * 1024;
/// Beyond the last good batch, leftovers of one write can stand at most this far.
const LEFTOVER_BYTES_MAX: u64 = 2 * WRITE_BYTES_MAX as u64 + ONE_WRITE_BYTES_MAX;
const WINDOW_BYTES: u64 = 1024 * 1024;

/// Reads headers of all segments of a partition and checks that they belong together.
pub(crate) fn open_segments(disk: &dyn Disk, folder: &Path) -> Result<Vec<(SegmentHeader, Arc<Segment>)>, OpenError> {
    let mut opened: Vec<(SegmentHeader, Arc<Segment>)> = Vec::new();
    for (index, sequence) in sequences(disk, folder)?.into_iter().enumerate() {
        let path = folder.join(super::roll::file_name(sequence));
        let damaged = |byte, what: String| Damage { file: path.clone(), byte, what };
        if sequence as usize != index {
            return Err(damaged(0, format!("segment {index} before it is missing")).into());
        }
        let file = disk.open(&path, OpenFor::Existing).map_err(OpenError::io("open", &path))?;
        let length = file.len().map_err(OpenError::io("read", &path))?;
        if length < SEGMENT_HEADER_BYTES as u64 {
            return Err(damaged(length, "the file ends within its header".to_owned()).into());
        }
        let mut bytes = vec![0u8; SEGMENT_HEADER_BYTES];
        file.read_exact_at(&mut bytes, 0).map_err(OpenError::io("read", &path))?;
        let header = SegmentHeader::decode(&bytes).map_err(|what| damaged(0, what))?;
        if length < header.file_bytes {
            return Err(
                damaged(length, format!("the file should be {} bytes long and is cut off", header.file_bytes)).into()
            );
        }
        if header.sequence != sequence {
            return Err(damaged(16, format!("the header is that of segment {}", header.sequence)).into());
        }
        if let Some((before, _)) = opened.last()
            && (before.log_id != header.log_id || before.partition != header.partition)
        {
            return Err(damaged(40, "the segment belongs to another log".to_owned()).into());
        }
        let segment = Arc::new(Segment::new(path, file, header.first_offset, header.file_bytes));
        opened.push((header, segment));
    }
    Ok(opened)
}

/// True when nothing was written into a segment behind its header.
pub(crate) fn is_blank(segment: &Segment) -> Result<bool, OpenError> {
    let set = Window::new(segment).any_set(SEGMENT_HEADER_BYTES as u64, segment.file_bytes)?;
    Ok(!set)
}

/// Makes what was read between `from` and `end` of the last segment durable, by writing the last write in it again,
/// unchanged. It may stand in the system's memory only: after a sync that failed the pages count as clean, so that a
/// sync alone would do nothing and yet succeed. Earlier writes were synced before the last one began.
pub(crate) fn make_durable(segment: &Segment, from: u64, end: u64) -> Result<(), OpenError> {
    let mut at = from.max(end.saturating_sub(ONE_WRITE_BYTES_MAX));
    while at < end {
        let mut bytes = vec![0u8; (end - at).min(WINDOW_BYTES) as usize];
        segment.file.read_exact_at(&mut bytes, at).map_err(OpenError::io("read", &segment.path))?;
        segment.file.write_all_at(&bytes, at).map_err(OpenError::io("write to", &segment.path))?;
        at += bytes.len() as u64;
    }
    segment.file.sync_data().map_err(OpenError::io("sync", &segment.path))
}

/// Where reading begins: a place that is known to be good.
pub(crate) struct From {
    pub(crate) segment: usize,
    pub(crate) place: Place,
    pub(crate) recorded_at: Timestamp,
}

impl From {
    /// The beginning of the log.
    pub(crate) fn start() -> From {
        let place = Place { offset: 0, byte: SEGMENT_HEADER_BYTES as u64 };
        From { segment: 0, place, recorded_at: Timestamp::from_micros(0) }
    }
}

/// How a partition was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// The next offset.
    pub(crate) next_offset: u64,
    /// Recorded-at of the last frame.
    pub(crate) last_recorded_at: Timestamp,
    /// Where the next batch goes in the last segment.
    pub(crate) end: u64,
    /// True when an unfinished write stands there; the next batch begins a new segment instead.
    pub(crate) torn: bool,
}

/// Reads all good batches after `from` to the end of the log, showing each frame, and after each batch what was found
/// so far and in which segment.
pub(crate) fn scan(
    segments: &[Arc<Segment>],
    from: From,
    mut at_batch_end: impl FnMut(&Found, usize) -> Result<(), OpenError>,
    mut show: impl FnMut(&Frame<'_>) -> Result<(), OpenError>,
) -> Result<Found, OpenError> {
    let mut found =
        Found { next_offset: from.place.offset, last_recorded_at: from.recorded_at, end: from.place.byte, torn: false };
    for (index, segment) in segments.iter().enumerate().skip(from.segment) {
        let mut window = Window::new(segment);
        if index > from.segment {
            found.end = SEGMENT_HEADER_BYTES as u64;
        }
        let stop = loop {
            match window.batch(found.end, found.next_offset)? {
                Step::Batch(header, body) => {
                    let place = Place { offset: header.first_offset, byte: found.end };
                    match show_batch(&header, &body, found.last_recorded_at, &mut show)? {
                        Ok(recorded_at) => found.last_recorded_at = recorded_at,
                        Err(what) => break Stop::NotWhole { bytes: header.total_bytes(), what },
                    }
                    segment.note(place);
                    found.end += header.total_bytes();
                    found.next_offset += u64::from(header.frames);
                    at_batch_end(&found, index)?;
                }
                Step::Stop(stop) => break stop,
            }
        };
        let damaged = |what: String| Damage { file: segment.path.clone(), byte: found.end, what };
        match segments.get(index + 1) {
            Some(next) if next.first_offset == found.next_offset => {} // Whatever stands behind was cut before.
            Some(_) => return Err(damaged(stop.what()).into()),
            None => match judge_end(&mut window, &found, stop)? {
                Tail::Clean => {}
                Tail::Torn => found.torn = true,
                Tail::Damaged(what) => return Err(damaged(what).into()),
            },
        }
    }
    Ok(found)
}

/// Checks and shows the frames of a batch; the inner error says what is wrong with it.
fn show_batch(
    header: &BatchHeader,
    body: &Bytes,
    before: Timestamp,
    show: &mut impl FnMut(&Frame<'_>) -> Result<(), OpenError>,
) -> Result<Result<Timestamp, String>, OpenError> {
    let mut frames = Vec::with_capacity(usize::from(header.frames));
    let (mut at, mut last) = (0usize, before);
    for index in 0..header.frames {
        let Some(length) = body.get(at..at + 2) else { return Ok(Err("a batch ends within a frame".to_owned())) };
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let Some(bytes) = body.get(at + 2..at + 2 + length) else {
            return Ok(Err("a batch ends within a frame".to_owned()));
        };
        at += 2 + length;
        let offset = header.first_offset + u64::from(index);
        let frame = match Frame::parse(bytes) {
            Ok(frame) => frame,
            Err(error) => return Ok(Err(format!("frame {offset}: {error}"))),
        };
        let expected = (offset, index, header.frames);
        if (frame.position().offset, frame.index(), frame.batch_length()) != expected {
            return Ok(Err(format!("frame {offset} stands in another's place")));
        }
        last = frame.recorded_at();
        frames.push(frame);
    }
    if at != body.len() {
        return Ok(Err("a batch is longer than its frames".to_owned()));
    }
    for frame in &frames {
        show(frame)?;
    }
    Ok(Ok(last))
}

/// What stands after the last good batch of the log.
enum Tail {
    /// The zero fill.
    Clean,
    /// A write that was not finished.
    Torn,
    /// Something else; what it is.
    Damaged(String),
}

/// Judges what stands after the last good batch of the last segment.
fn judge_end(window: &mut Window<'_>, found: &Found, stop: Stop) -> Result<Tail, OpenError> {
    let reach = (found.end + LEFTOVER_BYTES_MAX).min(window.segment.file_bytes);
    let what = stop.what();
    let may_be_torn = match stop {
        Stop::Zeros if !window.any_set(found.end, reach)? => return Ok(Tail::Clean),
        Stop::Zeros => true, // The sector of the header was not written, or was lost.
        Stop::NotWhole { bytes, .. } => window.has_unwritten_sector(found.end, (found.end + bytes).min(reach))?,
        Stop::Misplaced(_) => false,
    };
    if !may_be_torn {
        return Ok(Tail::Damaged(format!("{what}, and it was written whole")));
    }
    Ok(match window.later_write(found, reach)? {
        Some(byte) => {
            Tail::Damaged(format!("{what}, and what stands at byte {byte} was written after it had been synced"))
        }
        None => Tail::Torn,
    })
}

enum Step {
    Batch(BatchHeader, Bytes),
    Stop(Stop),
}

/// Why no good batch stands at a place.
enum Stop {
    /// Zeros stand where its header would.
    Zeros,
    /// It is not whole; as far as can be read it has so many bytes.
    NotWhole { bytes: u64, what: String },
    /// A whole header that belongs elsewhere: no write that stops in the middle leaves that.
    Misplaced(String),
}

impl Stop {
    fn what(&self) -> String {
        match self {
            Stop::Zeros => "the batches end here".to_owned(),
            Stop::NotWhole { what, .. } | Stop::Misplaced(what) => what.clone(),
        }
    }
}

/// A segment read piece by piece.
struct Window<'a> {
    segment: &'a Segment,
    bytes: Bytes,
    at: u64,
}

impl<'a> Window<'a> {
    fn new(segment: &'a Segment) -> Window<'a> {
        Window { segment, bytes: Bytes::new(), at: 0 }
    }

    /// Bytes `from..to`, cut at the end of the file.
    fn get(&mut self, from: u64, to: u64) -> Result<Bytes, OpenError> {
        let to = to.min(self.segment.file_bytes).max(from);
        if from < self.at || to > self.at + self.bytes.len() as u64 {
            let end = to.max((from + WINDOW_BYTES).min(self.segment.file_bytes));
            let mut bytes = vec![0u8; (end - from) as usize];
            self.segment.file.read_exact_at(&mut bytes, from).map_err(OpenError::io("read", &self.segment.path))?;
            (self.bytes, self.at) = (Bytes::from(bytes), from);
        }
        Ok(self.bytes.slice((from - self.at) as usize..(to - self.at) as usize))
    }

    /// The batch at `at`, which must begin with frame `offset`.
    fn batch(&mut self, at: u64, offset: u64) -> Result<Step, OpenError> {
        let head = self.get(at, at + BATCH_HEADER_BYTES as u64)?;
        if head.iter().all(|byte| *byte == 0) {
            return Ok(Step::Stop(Stop::Zeros));
        }
        let Some(header) = BatchHeader::decode(&head) else {
            let what = "the header of a batch cannot be read".to_owned();
            return Ok(Step::Stop(Stop::NotWhole { bytes: BATCH_HEADER_BYTES as u64, what }));
        };
        if header.first_offset != offset || header.frames == 0 {
            let what = format!("a batch that begins with frame {} stands where {offset} should", header.first_offset);
            return Ok(Step::Stop(Stop::Misplaced(what)));
        }
        let body_at = at + BATCH_HEADER_BYTES as u64;
        let body = self.get(body_at, body_at + u64::from(header.body_bytes))?;
        Ok(match body.len() == header.body_bytes as usize {
            true => Step::Batch(header, body),
            false => Step::Stop(Stop::Misplaced("a batch is longer than its segment".to_owned())),
        })
    }

    fn any_set(&mut self, from: u64, to: u64) -> Result<bool, OpenError> {
        let mut at = from;
        while at < to {
            let piece = self.get(at, (at + WINDOW_BYTES).min(to))?;
            if piece.iter().any(|byte| *byte != 0) {
                return Ok(true);
            }
            at += piece.len() as u64;
        }
        Ok(false)
    }

    /// True when the part that some sector has in `from..to` reads as the zero fill.
    fn has_unwritten_sector(&mut self, from: u64, to: u64) -> Result<bool, OpenError> {
        let mut at = from;
        while at < to {
            let end = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(to);
            if self.get(at, end)?.iter().all(|byte| *byte == 0) {
                return Ok(true);
            }
            at = end;
        }
        Ok(false)
    }

    /// Where a whole batch header stands whose write began after the broken batch.
    fn later_write(&mut self, found: &Found, reach: u64) -> Result<Option<u64>, OpenError> {
        let mut at = found.end + 1;
        while at + BATCH_HEADER_BYTES as u64 <= reach {
            let piece = self.get(at, (at + WINDOW_BYTES).min(reach))?;
            for (index, _) in piece.windows(MAGIC.len()).enumerate().filter(|(_, four)| four == MAGIC) {
                let byte = at + index as u64;
                let header = BatchHeader::decode(&self.get(byte, byte + BATCH_HEADER_BYTES as u64)?);
                if header.is_some_and(|h| h.first_offset.saturating_sub(h.before_in_write.into()) > found.next_offset) {
                    return Ok(Some(byte));
                }
            }
            at += (piece.len() as u64).saturating_sub(MAGIC.len() as u64 - 1).max(1);
        }
        Ok(None)
    }
}

/// Checks that a partition's header agrees with what all the others say.
pub(crate) fn same_log(identity: &Identity, header: &SegmentHeader, segment: &Segment) -> Result<(), OpenError> {
    if header.partition == identity.partition
        && header.partitions == identity.partitions
        && header.log_id == identity.log_id
    {
        return Ok(());
    }
    let what = "the segment belongs to another log or another partition".to_owned();
    Err(Damage { file: segment.path.clone(), byte: 10, what }.into())
}
