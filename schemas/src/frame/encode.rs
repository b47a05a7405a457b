//! Writing a frame.

use carelog_domain::kernel::actor::RecordedActor;
use carelog_domain::kernel::{
    CommandId, EventId, HospitalId, Position, Revision, Slot, StreamName, Tag, Timestamp, Version,
};
use carelog_domain::ports::Fingerprint;

use super::codes::{purpose_code, role_code};
use super::{FIXED_BYTES, FRAME_BYTES_MAX, FRAME_FORMAT, FrameError, flag};

/// All that a frame holds.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the fields of `Context`, which documents them")]
pub struct FrameParts<'a> {
    pub position: Position,
    pub slot: Slot,
    pub id: EventId,
    pub stream: &'a StreamName,
    pub version: Version,
    pub event_type: &'a str,
    pub revision: Revision,
    pub occurred_at: Timestamp,
    pub occurred_assumed: bool,
    pub recorded_at: Timestamp,
    pub hospital: Option<HospitalId>,
    pub actor: &'a RecordedActor,
    pub command: CommandId,
    /// Index in the batch, from 0.
    pub index: u16,
    pub batch_length: u16,
    /// Kept in the first frame of a batch only.
    pub fingerprint: Option<Fingerprint>,
    pub correlation: CommandId,
    pub causation: Option<EventId>,
    pub traceparent: Option<&'a str>,
    pub tags: &'a [Tag],
    pub data: &'a [u8],
}

/// Appends the frame to `out` and returns its length; on an error `out` is as it was.
pub fn encode(parts: &FrameParts<'_>, out: &mut Vec<u8>) -> Result<usize, FrameError> {
    let start = out.len();
    let written = write(parts, out);
    if written.is_err() {
        out.truncate(start);
    }
    written?;
    let bytes = out.len() - start;
    if bytes > FRAME_BYTES_MAX {
        out.truncate(start);
        return Err(FrameError::TooLarge { bytes });
    }
    let checksum = crc32c::crc32c(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

fn write(parts: &FrameParts<'_>, out: &mut Vec<u8>) -> Result<(), FrameError> {
    out.extend_from_slice(&fixed(parts));
    if let Some(fingerprint) = parts.fingerprint {
        out.extend_from_slice(&fingerprint.0);
    }
    if let Some(hospital) = parts.hospital {
        out.extend_from_slice(hospital.0.as_bytes());
    }
    if let Some(causation) = parts.causation {
        out.extend_from_slice(causation.0.as_bytes());
    }
    short_text("stream", parts.stream.as_str(), out)?;
    short_text("event type", parts.event_type, out)?;
    short_text("user", &parts.actor.user, out)?;
    if let Some(traceparent) = parts.traceparent {
        short_text("traceparent", traceparent, out)?;
    }
    let tags = u8::try_from(parts.tags.len()).map_err(|_| FrameError::FieldTooLong {
        field: "tags",
        bytes: parts.tags.len(),
        bytes_max: u8::MAX.into(),
    })?;
    out.push(tags);
    for tag in parts.tags {
        short_text("tag", tag.as_str(), out)?;
    }
    if parts.data.is_empty() || parts.data.contains(&0) {
        return Err(FrameError::BadField { field: "data" });
    }
    out.extend_from_slice(parts.data);
    Ok(())
}

fn fixed(parts: &FrameParts<'_>) -> [u8; FIXED_BYTES] {
    let set = |on: bool, flag: u8| if on { flag } else { 0 };
    let mut bytes = [0u8; FIXED_BYTES];
    bytes[4] = FRAME_FORMAT;
    bytes[5] = set(parts.fingerprint.is_some(), flag::FINGERPRINT)
        | set(parts.hospital.is_some(), flag::HOSPITAL)
        | set(parts.causation.is_some(), flag::CAUSATION)
        | set(parts.traceparent.is_some(), flag::TRACEPARENT)
        | set(parts.occurred_assumed, flag::OCCURRED_ASSUMED);
    bytes[6] = role_code(parts.actor.role);
    bytes[7] = purpose_code(parts.actor.purpose);
    bytes[8..10].copy_from_slice(&parts.position.partition.0.to_le_bytes());
    bytes[10..12].copy_from_slice(&parts.slot.number().to_le_bytes());
    bytes[12..14].copy_from_slice(&parts.index.to_le_bytes());
    bytes[14..16].copy_from_slice(&parts.batch_length.to_le_bytes());
    bytes[16..18].copy_from_slice(&parts.revision.0.to_le_bytes());
    bytes[18..26].copy_from_slice(&parts.position.offset.to_le_bytes());
    bytes[26..34].copy_from_slice(&parts.version.0.to_le_bytes());
    bytes[34..42].copy_from_slice(&parts.occurred_at.micros().to_le_bytes());
    bytes[42..50].copy_from_slice(&parts.recorded_at.micros().to_le_bytes());
    bytes[50..66].copy_from_slice(parts.id.0.as_bytes());
    bytes[66..82].copy_from_slice(parts.command.0.as_bytes());
    bytes[82..98].copy_from_slice(parts.correlation.0.as_bytes());
    bytes
}

fn short_text(field: &'static str, text: &str, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let length = u8::try_from(text.len()).map_err(|_| FrameError::FieldTooLong {
        field,
        bytes: text.len(),
        bytes_max: u8::MAX.into(),
    })?;
    if text.as_bytes().contains(&0) {
        return Err(FrameError::BadField { field });
    }
    out.push(length);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}
