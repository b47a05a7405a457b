//! The header of a segment file (format).
//!
//! ```text
//!  0 8   magic "CARESEG\n"      20 u32 version of the slot map    56 32 Merkle root over all frames before
//!  8 u16 format, 1             24 u64 offset of the first frame  88 i64 recorded-at of the frame before, us
//! 10 u16 partition             32 u64 length of the file         96 u32 CRC32C of bytes 0..96 and 512..8704
//! 12 u16 number of partitions  40 16  id of the log             512 4096 x u16 slot map: the partition of each slot
//! 16 u32 sequence number
//! ```
//!
//! The file is as long as its header says from the moment it has its name; what is not yet written reads as zero.

use carelog_domain::kernel::{Partition, Slot, Timestamp};
use carelog_domain::ports::Root;

use crate::slot_map::SlotMap;

pub(crate) const SEGMENT_HEADER_BYTES: usize = 512 + Slot::COUNT as usize * 2;
const MAGIC: &[u8; 8] = b"CARESEG\n";
const FORMAT: u16 = 1;

/// What a segment says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SegmentHeader {
    pub(crate) partition: Partition,
    pub(crate) partitions: u16,
    pub(crate) sequence: u32,
    pub(crate) first_offset: u64,
    pub(crate) file_bytes: u64,
    pub(crate) log_id: [u8; 16],
    pub(crate) root_before: Root,
    pub(crate) recorded_before: Timestamp,
    pub(crate) map: SlotMap,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0u8; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.partition.0.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.partitions.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.map.version.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_offset.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.file_bytes.to_le_bytes());
        bytes[40..56].copy_from_slice(&self.log_id);
        bytes[56..88].copy_from_slice(&self.root_before.0);
        bytes[88..96].copy_from_slice(&self.recorded_before.micros().to_le_bytes());
        for (entry, partition) in bytes[512..].chunks_exact_mut(2).zip(self.map.table()) {
            entry.copy_from_slice(&partition.to_le_bytes());
        }
        let checksum = checksum(&bytes);
        bytes[96..100].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a header, or says what is wrong with it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<SegmentHeader, String> {
        if bytes.len() < SEGMENT_HEADER_BYTES || &bytes[..8] != MAGIC {
            return Err("this is not a segment of a carelog log".to_owned());
        }
        let format = u16::from_le_bytes(array(bytes, 8));
        if format != FORMAT {
            return Err(format!("segment format {format} is not known here; a newer version of carelog wrote it"));
        }
        if u32::from_le_bytes(array(bytes, 96)) != checksum(bytes) {
            return Err("the checksum of the segment's header does not fit".to_owned());
        }
        let table = bytes[512..SEGMENT_HEADER_BYTES].chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        let map = SlotMap::from_table(u32::from_le_bytes(array(bytes, 20)), table.collect());
        Ok(SegmentHeader {
            partition: Partition(u16::from_le_bytes(array(bytes, 10))),
            partitions: u16::from_le_bytes(array(bytes, 12)),
            sequence: u32::from_le_bytes(array(bytes, 16)),
            first_offset: u64::from_le_bytes(array(bytes, 24)),
            file_bytes: u64::from_le_bytes(array(bytes, 32)),
            log_id: array(bytes, 40),
            root_before: Root(array(bytes, 56)),
            recorded_before: Timestamp::from_micros(i64::from_le_bytes(array(bytes, 88))),
            map: map.ok_or("the slot map is not whole")?,
        })
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..96]), &bytes[512..SEGMENT_HEADER_BYTES])
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0u8; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}
