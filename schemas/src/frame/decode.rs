//! Reading a frame: a view that finds the parts without copying, so that a scan can pass over what it does not want.

use bytes::Bytes;
use carelog_domain::kernel::actor::RecordedActor;
use carelog_domain::kernel::{
    CommandId, Context, EventId, HospitalId, Partition, Position, Revision, Slot, Tag, Timestamp, Version,
};
use carelog_domain::ports::{EventFilter, Fingerprint, Stored};
use uuid::Uuid;

use super::{FIXED_BYTES, FRAME_FORMAT, FrameError, codes, flag};

/// A frame whose checksum was right and whose parts have been found.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    stream: &'a str,
    event_type: &'a str,
    user: &'a str,
    traceparent: Option<&'a str>,
    tag_count: u8,
    tags: &'a [u8],
    data_at: usize,
}

impl<'a> Frame<'a> {
    /// Reads a whole frame.
    pub fn parse(bytes: &'a [u8]) -> Result<Frame<'a>, FrameError> {
        if bytes.len() < FIXED_BYTES {
            return Err(FrameError::TooShort { field: "its fixed part" });
        }
        let found = u32::from_le_bytes(array(bytes, 0));
        let computed = crc32c::crc32c(&bytes[4..]);
        if found != computed {
            return Err(FrameError::Checksum { found, computed });
        }
        Frame::parse_trusted(bytes)
    }

    /// Reads a frame whose checksum has been checked before.
    pub fn parse_trusted(bytes: &'a [u8]) -> Result<Frame<'a>, FrameError> {
        if bytes.len() < FIXED_BYTES {
            return Err(FrameError::TooShort { field: "its fixed part" });
        }
        if bytes[4] != FRAME_FORMAT {
            return Err(FrameError::UnknownFormat { found: bytes[4] });
        }
        if bytes[5] & !flag::ALL != 0 {
            return Err(FrameError::Unreadable { field: "flags" });
        }
        let mut at = variable_at(bytes[5]);
        let stream = short_text(bytes, &mut at, "stream")?;
        let event_type = short_text(bytes, &mut at, "event type")?;
        let user = short_text(bytes, &mut at, "user")?;
        let traceparent = match bytes[5] & flag::TRACEPARENT != 0 {
            true => Some(short_text(bytes, &mut at, "traceparent")?),
            false => None,
        };
        let tag_count = *bytes.get(at).ok_or(FrameError::TooShort { field: "tags" })?;
        at += 1;
        let tags_at = at;
        for _ in 0..tag_count {
            short_text(bytes, &mut at, "tag")?;
        }
        if at >= bytes.len() {
            return Err(FrameError::TooShort { field: "data" });
        }
        Ok(Frame { bytes, stream, event_type, user, traceparent, tag_count, tags: &bytes[tags_at..at], data_at: at })
    }

    /// All its bytes: the Merkle leaf.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its place.
    pub fn position(&self) -> Position {
        Position { partition: Partition(self.u16(8)), offset: u64::from_le_bytes(array(self.bytes, 18)) }
    }

    /// The number of its slot.
    pub fn slot_number(&self) -> u16 {
        self.u16(10)
    }

    /// Its index in the batch.
    pub fn index(&self) -> u16 {
        self.u16(12)
    }

    /// How many frames its batch has.
    pub fn batch_length(&self) -> u16 {
        self.u16(14)
    }

    /// Its place in the stream.
    pub fn version(&self) -> Version {
        Version(u64::from_le_bytes(array(self.bytes, 26)))
    }

    /// When it was written down.
    pub fn recorded_at(&self) -> Timestamp {
        Timestamp::from_micros(i64::from_le_bytes(array(self.bytes, 42)))
    }

    /// The command that caused it.
    pub fn command(&self) -> CommandId {
        CommandId(self.uuid(66))
    }

    /// The fingerprint of its command, in the first frame of a batch.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.has(flag::FINGERPRINT).then(|| Fingerprint(array(self.bytes, FIXED_BYTES)))
    }

    /// Its stream's name.
    pub fn stream(&self) -> &'a str {
        self.stream
    }

    /// Its type's name.
    pub fn event_type(&self) -> &'a str {
        self.event_type
    }

    /// The shape of its data.
    pub fn revision(&self) -> Revision {
        Revision(self.u16(16))
    }

    /// The trace it belongs to.
    pub fn traceparent(&self) -> Option<&'a str> {
        self.traceparent
    }

    /// Its tags.
    pub fn tags(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut rest = self.tags;
        (0..self.tag_count).map(move |_| {
            let (tag, after) = rest[1..].split_at(usize::from(rest[0]));
            rest = after;
            std::str::from_utf8(tag).expect("tags were checked when the frame was parsed")
        })
    }

    /// Its data.
    pub fn data(&self) -> &'a [u8] {
        &self.bytes[self.data_at..]
    }

    /// True when it is what the filter wants.
    pub fn matches(&self, filter: &EventFilter) -> bool {
        let category = self.stream.split(':').next().unwrap_or_default();
        (filter.categories.is_empty() || filter.categories.iter().any(|wanted| wanted == category))
            && (filter.types.is_empty() || filter.types.iter().any(|wanted| wanted == self.event_type))
            && (filter.tags.is_empty()
                || self.tags().any(|tag| filter.tags.iter().any(|wanted| wanted.as_str() == tag)))
    }

    /// Everything but the data, owned.
    pub fn context(&self) -> Result<Context, FrameError> {
        let unreadable = |field| FrameError::Unreadable { field };
        Slot::new(self.slot_number()).ok_or(unreadable("slot"))?;
        let hospital_at = FIXED_BYTES + if self.has(flag::FINGERPRINT) { 32 } else { 0 };
        let causation_at = hospital_at + if self.has(flag::HOSPITAL) { 16 } else { 0 };
        Ok(Context {
            id: EventId(self.uuid(50)),
            position: self.position(),
            stream: self.stream.parse().map_err(|_| unreadable("stream"))?,
            version: self.version(),
            revision: self.revision(),
            occurred_at: Timestamp::from_micros(i64::from_le_bytes(array(self.bytes, 34))),
            occurred_assumed: self.has(flag::OCCURRED_ASSUMED),
            recorded_at: self.recorded_at(),
            hospital: self.has(flag::HOSPITAL).then(|| HospitalId(self.uuid(hospital_at))),
            actor: RecordedActor {
                user: self.user.to_owned(),
                role: codes::role(self.bytes[6]).ok_or(unreadable("role"))?,
                purpose: codes::purpose(self.bytes[7]).ok_or(unreadable("purpose of use"))?,
            },
            command: self.command(),
            index: self.index(),
            batch_length: self.batch_length(),
            correlation: CommandId(self.uuid(82)),
            causation: self.has(flag::CAUSATION).then(|| EventId(self.uuid(causation_at))),
            traceparent: self.traceparent.map(str::to_owned),
            tags: self.tags().map(Tag::from_stored).collect(),
        })
    }

    /// The stored event; `owner` is the buffer the frame was parsed from, so that the data is shared and not copied.
    pub fn stored(&self, owner: &Bytes) -> Result<Stored, FrameError> {
        Ok(Stored {
            context: self.context()?,
            event_type: self.event_type.to_owned(),
            data: owner.slice_ref(self.data()),
        })
    }

    fn has(&self, flag: u8) -> bool {
        self.bytes[5] & flag != 0
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(array(self.bytes, at))
    }

    fn uuid(&self, at: usize) -> Uuid {
        Uuid::from_bytes(array(self.bytes, at))
    }
}

fn variable_at(flags: u8) -> usize {
    let bytes_if = |flag: u8, bytes: usize| if flags & flag != 0 { bytes } else { 0 };
    FIXED_BYTES + bytes_if(flag::FINGERPRINT, 32) + bytes_if(flag::HOSPITAL, 16) + bytes_if(flag::CAUSATION, 16)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0u8; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

fn short_text<'a>(bytes: &'a [u8], at: &mut usize, field: &'static str) -> Result<&'a str, FrameError> {
    let length = usize::from(*bytes.get(*at).ok_or(FrameError::TooShort { field })?);
    let text = bytes.get(*at + 1..*at + 1 + length).ok_or(FrameError::TooShort { field })?;
    *at += 1 + length;
    std::str::from_utf8(text).map_err(|_| FrameError::Unreadable { field })
}
