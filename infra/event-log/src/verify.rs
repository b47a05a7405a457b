//! Reading the whole log again, from the disk alone, for `carelog log verify`: every checksum, every place, the
//! versions of every stream and the root of everything.

use std::collections::HashMap;
use std::sync::Arc;

use carelog_domain::kernel::{Partition as Number, Timestamp};
use carelog_domain::ports::{Failure, Root};
use carelog_schemas::frame::Frame;

use crate::error::lasting;
use crate::log::LocalLog;
use crate::merkle::{CompactRange, leaf_hash};
use crate::partition::Partition;
use crate::segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::segments::Segment;

/// A partition that was read whole and found right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The partition.
    pub partition: Number,
    /// How many frames it has.
    pub size: u64,
    /// The Merkle root over them, computed from the bytes on the disk.
    pub root: Root,
    /// How many streams they belong to.
    pub streams: usize,
    /// Bytes of the frames.
    pub frame_bytes: u64,
}

/// How far a verification is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The partition being read.
    pub partition: Number,
    /// Frames read of it.
    pub read: u64,
    /// Frames it has.
    pub size: u64,
}

/// Progress is shown every so many frames.
const SHOW_EVERY: u64 = 4096;

impl LocalLog {
    /// Reads everything that is durable now and compares it with what the log says of itself. Takes as long as reading
    /// all segments does; call it away from the runtime's threads.
    pub fn verify(&self, mut progress: impl FnMut(Progress)) -> Result<Vec<Verified>, Failure> {
        self.all().iter().map(|partition| verify(partition, &mut progress)).collect()
    }
}

fn verify(partition: &Arc<Partition>, progress: &mut impl FnMut(Progress)) -> Result<Verified, Failure> {
    let head = partition.head()?;
    let (number, size) = (head.partition, head.size);
    let mut segments = partition.segments.all().into_iter().peekable();
    let mut range = CompactRange::default();
    let mut versions: HashMap<String, u64> = HashMap::new();
    let (mut last, mut frame_bytes) = (Timestamp::from_micros(i64::MIN), 0);
    let mut reader = partition.segments.reader(0, size)?;
    while let Some((offset, bytes)) = reader.next()? {
        while let Some(segment) = segments.next_if(|segment| segment.first_offset <= offset) {
            check_segment(&segment, offset, &range)?;
        }
        let wrong = |what: &str| lasting(format!("frame {number}:{offset} {what}"));
        let frame = Frame::parse(&bytes).map_err(|error| wrong("is damaged").caused_by(error))?;
        if frame.position().offset != offset || frame.position().partition != number {
            return Err(wrong(&format!("says it is {}", frame.position())));
        }
        if frame.recorded_at() <= last {
            return Err(wrong("was recorded before the one before it"));
        }
        last = frame.recorded_at();
        let version = versions.entry(frame.stream().to_owned()).or_default();
        *version += 1;
        if frame.version().0 != *version {
            return Err(wrong(&format!("has version {} of {}, not {version}", frame.version(), frame.stream())));
        }
        range.push(leaf_hash(&bytes));
        frame_bytes += bytes.len() as u64;
        if (offset + 1) % SHOW_EVERY == 0 {
            progress(Progress { partition: number, read: offset + 1, size });
        }
    }
    let root = range.root();
    if range.size() != size || root != head.root {
        return Err(lasting(format!("partition {number} has root {root} on the disk, the log says {}", head.root)));
    }
    progress(Progress { partition: number, read: size, size });
    Ok(Verified { partition: number, size, root, streams: versions.len(), frame_bytes })
}

/// A segment's header speaks of all frames before it.
fn check_segment(segment: &Segment, offset: u64, range: &CompactRange) -> Result<(), Failure> {
    let wrong = |what: String| lasting(format!("{}: {what}", segment.path.display()));
    let mut bytes = vec![0; SEGMENT_HEADER_BYTES];
    let read = segment.file.read_exact_at(&mut bytes, 0);
    read.map_err(|error| wrong("the header cannot be read".to_owned()).caused_by(error))?;
    let header = SegmentHeader::decode(&bytes).map_err(wrong)?;
    if header.first_offset != offset {
        return Err(wrong(format!("begins at {}, not {offset}", header.first_offset)));
    }
    match header.root_before == range.root() {
        true => Ok(()),
        false => {
            Err(wrong(format!("has seen root {} before it, the frames give {}", header.root_before, range.root())))
        }
    }
}
