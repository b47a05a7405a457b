//! The open segment of a partition, and the change to the next one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carelog_domain::kernel::Timestamp;
use carelog_domain::ports::Root;

use crate::disk::{Disk, DiskFile, OpenFor};
use crate::error::OpenError;
use crate::faults::Faults;
use crate::group::BatchSpan;
use crate::segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::segments::{Segment, Segments};
use crate::slot_map::SlotMap;

/// The length of the first segment file of a partition; each next one is twice as long, up to the limit.
pub(crate) const SEGMENT_BYTES_FIRST: u64 = 1024 * 1024;
/// How much is zero-filled at once.
const FILL_BYTES: usize = 1024 * 1024;

/// What all segments of a partition have in common.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) folder: PathBuf,
    pub(crate) partition: carelog_domain::kernel::Partition,
    pub(crate) partitions: u16,
    pub(crate) log_id: [u8; 16],
    pub(crate) map: SlotMap,
    pub(crate) segment_bytes_max: u64,
    pub(crate) faults: Faults,
}

impl Identity {
    pub(crate) fn path(&self, sequence: u32) -> PathBuf {
        self.folder.join(file_name(sequence))
    }
}

/// The name of a segment file.
pub(crate) fn file_name(sequence: u32) -> String {
    format!("{sequence:08}.segment")
}

/// The name of the file that becomes the next segment.
pub(crate) const SPARE_NAME: &str = "next.spare";

/// Writes to the last segment and begins the next.
pub(crate) struct Roller {
    disk: Arc<dyn Disk>,
    identity: Identity,
    segments: Arc<Segments>,
    segment: Arc<Segment>,
    sequence: u32,
    end: u64,
}

impl Roller {
    /// Goes on in the last segment, at byte `end`, after making what stands there durable.
    pub(crate) fn resume(
        disk: Arc<dyn Disk>,
        identity: Identity,
        segments: Arc<Segments>,
        sequence: u32,
        end: u64,
    ) -> Result<Roller, OpenError> {
        let segment = segments.last().expect("a partition that was recovered has a segment");
        // What was read may stand in the system's memory only; it is about to be reported as durable.
        segment.file.sync_data().map_err(OpenError::io("sync", &segment.path))?;
        Ok(Roller { disk, identity, segments, segment, sequence, end })
    }

    pub(super) fn faults(&self) -> Faults {
        self.identity.faults
    }

    pub(super) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// How many of the batches fit into one write of at most `bytes_max` here; a single one may be larger.
    pub(super) fn room_for(&self, batches: &[BatchSpan], bytes_max: usize) -> usize {
        let Some(first) = batches.first() else { return 0 };
        let room = self.segment.file_bytes - self.end;
        let fits = |index: usize, batch: &BatchSpan| {
            let bytes = (batch.end - first.start) as usize;
            bytes as u64 <= room && (index == 0 || bytes <= bytes_max)
        };
        batches.iter().enumerate().take_while(|(index, batch)| fits(*index, batch)).count()
    }

    /// Writes and syncs; returns where it stands.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<u64, OpenError> {
        let at = self.end;
        self.segment.file.write_all_at(bytes, at).map_err(OpenError::io("write to", &self.segment.path))?;
        if !self.identity.faults.skip_data_sync() {
            self.segment.file.sync_data().map_err(OpenError::io("sync", &self.segment.path))?;
        }
        self.end += bytes.len() as u64;
        Ok(at)
    }

    /// Begins a new segment with room for a batch of `needed` bytes.
    pub(crate) fn roll(&mut self, first_offset: u64, before: (Root, Timestamp), needed: u64) -> Result<(), OpenError> {
        let planned = planned_bytes(self.segment.file_bytes.saturating_mul(2), &self.identity, needed);
        let sequence = self.sequence + 1;
        self.segment = create(&*self.disk, &self.identity, sequence, first_offset, before, planned)?;
        self.segments.push(self.segment.clone());
        self.sequence = sequence;
        self.end = SEGMENT_HEADER_BYTES as u64;
        Ok(())
    }
}

fn planned_bytes(doubled: u64, identity: &Identity, needed: u64) -> u64 {
    let least = (SEGMENT_HEADER_BYTES as u64 + needed).next_multiple_of(4096);
    doubled.min(identity.segment_bytes_max).max(least)
}

/// The first segment of a new partition.
pub(crate) fn create_first(disk: &dyn Disk, identity: &Identity) -> Result<Arc<Segment>, OpenError> {
    let empty = crate::merkle::CompactRange::default().root();
    let bytes = planned_bytes(SEGMENT_BYTES_FIRST, identity, 0);
    create(disk, identity, 0, 0, (empty, Timestamp::from_micros(0)), bytes)
}

/// Makes a segment file: zeros and header under another name, synced, then its name, then the folder. So a file with
/// a segment's name always has a whole header and its full length.
fn create(
    disk: &dyn Disk,
    identity: &Identity,
    sequence: u32,
    first_offset: u64,
    (root_before, recorded_before): (Root, Timestamp),
    file_bytes: u64,
) -> Result<Arc<Segment>, OpenError> {
    let (spare, path) = (identity.folder.join(SPARE_NAME), identity.path(sequence));
    let file = disk.open(&spare, OpenFor::Creating).map_err(OpenError::io("create", &spare))?;
    zero_fill(&*file, 0, file_bytes).map_err(OpenError::io("zero-fill", &spare))?;
    let header = SegmentHeader {
        partition: identity.partition,
        partitions: identity.partitions,
        sequence,
        first_offset,
        file_bytes,
        log_id: identity.log_id,
        root_before,
        recorded_before,
        map: identity.map.clone(),
    };
    file.write_all_at(&header.encode(), 0).map_err(OpenError::io("write to", &spare))?;
    file.sync_data().map_err(OpenError::io("sync", &spare))?;
    disk.rename(&spare, &path).map_err(OpenError::io("rename", &spare))?;
    if !identity.faults.skip_folder_sync() {
        disk.sync_folder(&identity.folder).map_err(OpenError::io("sync", &identity.folder))?;
    }
    metrics::counter!("carelog_log_segments_total").increment(1);
    Ok(Arc::new(Segment::new(path, file, first_offset, file_bytes)))
}

fn zero_fill(file: &dyn DiskFile, from: u64, to: u64) -> std::io::Result<()> {
    let zeros = vec![0u8; FILL_BYTES.min((to - from) as usize)];
    let mut at = from;
    while at < to {
        let now = zeros.len().min((to - at) as usize);
        file.write_all_at(&zeros[..now], at)?;
        at += now as u64;
    }
    Ok(())
}

/// Lists the segment numbers in a partition's folder, in order.
pub(crate) fn sequences(disk: &dyn Disk, folder: &Path) -> Result<Vec<u32>, OpenError> {
    let names = disk.list(folder).map_err(OpenError::io("list", folder))?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| name.strip_suffix(".segment")?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}
