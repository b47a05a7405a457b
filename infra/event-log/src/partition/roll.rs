//! The open segment of a partition, and the change to the next one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carelog_domain::kernel::Timestamp;
use carelog_domain::ports::Root;
use parking_lot::Mutex;

use super::blocks::{BLOCK_BYTES, End};
use super::recovery::Found;
use crate::disk::{Disk, DiskFile, OpenFor};
use crate::error::{Damage, OpenError};
use crate::faults::Faults;
use crate::group::BatchSpan;
use crate::segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::segments::{Segment, Segments};
use crate::slot_map::SlotMap;

/// The length of the first segment file of a partition; each next one is twice as long, up to the limit.
pub(crate) const SEGMENT_BYTES_FIRST: u64 = 1024 * 1024;
/// No segment is shorter: a header and some room.
const SEGMENT_BYTES_LEAST: u64 = 16 * 1024;
/// How much is zero-filled and synced at once.
const FILL_BYTES: usize = 4 * 1024 * 1024;

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

/// Writes to the last segment and begins the next.
pub(crate) struct Roller {
    disk: Arc<dyn Disk>,
    identity: Identity,
    segments: Arc<Segments>,
    segment: Arc<Segment>,
    sequence: u32,
    end: End,
    /// True when an unfinished write stands at the end, so that the next batch needs a new segment.
    torn: bool,
    /// True when something was written since the last sync.
    unsynced: bool,
    spare: Arc<Mutex<Option<Spare>>>,
    spare_asked: bool,
}

impl Roller {
    /// Goes on at the end that was found in the last segment.
    pub(crate) fn resume(
        disk: Arc<dyn Disk>,
        identity: Identity,
        segments: Arc<Segments>,
        found: &Found,
    ) -> Result<Roller, OpenError> {
        let segment = segments.last().expect("a partition that was recovered has a segment");
        let (sequence, spare) = (segments.all().len() as u32 - 1, Arc::default());
        let (end, torn) = (End::find(&segment, found.end)?, found.torn);
        Ok(Roller {
            disk,
            identity,
            segments,
            segment,
            sequence,
            end,
            torn,
            unsynced: false,
            spare,
            spare_asked: false,
        })
    }

    pub(super) fn faults(&self) -> Faults {
        self.identity.faults
    }

    pub(super) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// How many of the batches are written next here; 0 if the first needs a new segment.
    pub(super) fn room_for(&self, batches: &[BatchSpan]) -> usize {
        if self.torn { 0 } else { BatchSpan::next_piece(batches, self.segment.file_bytes - self.end.byte()) }
    }

    /// Writes; returns where it stands.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<u64, OpenError> {
        let at = self.end.byte();
        self.end.write(&self.segment, bytes)?;
        self.unsynced = true;
        Ok(at)
    }

    /// Makes all that was written durable.
    pub(super) fn sync(&mut self) -> Result<(), OpenError> {
        if self.unsynced && !self.identity.faults.skip_data_sync() {
            self.segment.file.sync_data().map_err(OpenError::io("sync", &self.segment.path))?;
        }
        self.unsynced = false;
        Ok(())
    }

    /// Begins a new segment with room for a batch of `needed` bytes: the spare if it is ready and large enough, else a
    /// small one made now, so that nobody waits long.
    pub(super) fn roll(&mut self, first_offset: u64, before: (Root, Timestamp), needed: u64) -> Result<(), OpenError> {
        self.sync()?; // The header of the next one says what stands here.
        let sequence = self.sequence + 1;
        let least = (SEGMENT_HEADER_BYTES as u64 + needed).next_multiple_of(BLOCK_BYTES as u64);
        let spare = self.spare.lock().take().filter(|spare| spare.sequence == sequence && spare.file_bytes >= least);
        let spare = match spare {
            Some(spare) => spare,
            None => {
                let bytes = SEGMENT_BYTES_FIRST.min(self.identity.segment_bytes_max).max(least);
                make_spare(&*self.disk, &self.identity, sequence, bytes, "new")?
            }
        };
        self.segment = name_spare(&*self.disk, &self.identity, spare, first_offset, before)?;
        self.segments.push(self.segment.clone());
        self.end = End::find(&self.segment, SEGMENT_HEADER_BYTES as u64)?;
        (self.sequence, self.torn, self.spare_asked) = (sequence, false, false);
        Ok(())
    }

    /// True once for each segment, when it is half full: time to make the next one.
    pub(super) fn wants_spare(&mut self) -> bool {
        !self.spare_asked && self.end.byte() > self.segment.file_bytes / 2 && {
            self.spare_asked = true;
            true
        }
    }

    /// What is needed to make the spare on another thread.
    pub(super) fn spare_maker(&self) -> SpareMaker {
        let (disk, identity, spare) = (self.disk.clone(), self.identity.clone(), self.spare.clone());
        SpareMaker { disk, identity, spare }
    }

    /// The number of the segment that the spare will be.
    pub(super) fn next_sequence(&self) -> u32 {
        self.sequence + 1
    }
}

/// A zero-filled file that waits to become a segment.
struct Spare {
    sequence: u32,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    file_bytes: u64,
}

/// Makes spares away from the writer.
pub(super) struct SpareMaker {
    disk: Arc<dyn Disk>,
    identity: Identity,
    spare: Arc<Mutex<Option<Spare>>>,
}

impl SpareMaker {
    /// Makes the file that becomes this segment, twice as long as the one before, up to the limit.
    pub(super) fn make(&self, sequence: u32) -> Result<(), OpenError> {
        let doubled = SEGMENT_BYTES_FIRST << sequence.min(12);
        let bytes = doubled.min(self.identity.segment_bytes_max).max(SEGMENT_BYTES_LEAST);
        let made = make_spare(&*self.disk, &self.identity, sequence, bytes, "spare")?;
        *self.spare.lock() = Some(made);
        Ok(())
    }
}

/// The first segment of a new partition.
pub(crate) fn create_first(disk: &dyn Disk, identity: &Identity) -> Result<Arc<Segment>, OpenError> {
    let empty = crate::merkle::CompactRange::default().root();
    let bytes = SEGMENT_BYTES_FIRST.min(identity.segment_bytes_max).max(SEGMENT_BYTES_LEAST);
    let spare = make_spare(disk, identity, 0, bytes, "new")?;
    name_spare(disk, identity, spare, 0, (empty, Timestamp::from_micros(0)))
}

/// A file of zeros, synced piece by piece so that the syncs of others do not wait for all of it.
fn make_spare(
    disk: &dyn Disk,
    identity: &Identity,
    sequence: u32,
    file_bytes: u64,
    ending: &str,
) -> Result<Spare, OpenError> {
    let path = identity.folder.join(format!("{sequence:08}.{ending}"));
    let file = disk.open(&path, OpenFor::Creating).map_err(OpenError::io("create", &path))?;
    let zeros = vec![0u8; FILL_BYTES.min(file_bytes as usize)];
    let mut at = 0;
    while at < file_bytes {
        let now = zeros.len().min((file_bytes - at) as usize);
        file.write_all_at(&zeros[..now], at).map_err(OpenError::io("zero-fill", &path))?;
        file.sync_data().map_err(OpenError::io("sync", &path))?;
        at += now as u64;
    }
    Ok(Spare { sequence, path, file, file_bytes })
}

/// Makes a spare a segment: the header first, then its name, then the folder. So a file with a segment's name always
/// has a whole header and its full length. A file that has the name already holds what this log does not know of.
fn name_spare(
    disk: &dyn Disk,
    identity: &Identity,
    spare: Spare,
    first_offset: u64,
    (root_before, recorded_before): (Root, Timestamp),
) -> Result<Arc<Segment>, OpenError> {
    let Spare { sequence, path: spare, file, file_bytes } = spare;
    let path = identity.path(sequence);
    if sequences(disk, &identity.folder)?.contains(&sequence) {
        let what = "a segment stands where the next one would go".to_owned();
        return Err(Damage { file: path, byte: 0, what }.into());
    }
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
    let mut blocks = header.encode();
    blocks.resize(blocks.len().next_multiple_of(BLOCK_BYTES), 0);
    file.write_all_at(&blocks, 0).map_err(OpenError::io("write to", &spare))?;
    file.sync_data().map_err(OpenError::io("sync", &spare))?;
    disk.rename(&spare, &path).map_err(OpenError::io("rename", &spare))?;
    if !identity.faults.skip_folder_sync() {
        disk.sync_folder(&identity.folder).map_err(OpenError::io("sync", &identity.folder))?;
    }
    metrics::counter!("carelog_log_segments_total").increment(1);
    Ok(Arc::new(Segment::new(path, file, first_offset, file_bytes)))
}

/// Removes files that were going to be segments and never got their name.
pub(crate) fn remove_spares(disk: &dyn Disk, folder: &Path) -> Result<(), OpenError> {
    let names = disk.list(folder).map_err(OpenError::io("list", folder))?;
    for name in names.iter().filter(|name| name.ends_with(".spare") || name.ends_with(".new")) {
        let path = folder.join(name);
        disk.remove(&path).map_err(OpenError::io("remove", &path))?;
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
