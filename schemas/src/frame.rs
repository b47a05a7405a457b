//! The frame: one event as the log and Kafka hold it (format). One frame = one event = one offset = one Merkle leaf.
//!
//! ```text
//!  0 u32 CRC32C of all that follows      18 u64 offset            98 [32 fingerprint] [16 hospital] [16 causation]
//!  4 u8  format, 1                       26 u64 stream version       each only if its flag is set
//!  5 u8  flags                           34 i64 occurred-at, us   .. u8 length and bytes of: stream, event type, user,
//!  6 u8  role, u8 purpose of use         42 i64 recorded-at, us      [traceparent, if its flag is set]
//!  8 u16 partition, u16 slot             50 16  event id          .. u8 number of tags, each u8 length and bytes
//! 12 u16 index in batch, u16 its length  66 16  command id        .. the rest is the data: JSON, never empty
//! 16 u16 revision                        82 16  correlation id
//! ```
//!
//! Flags: 1 fingerprint, 2 hospital, 4 causation, 8 traceparent, 16 the time it occurred was assumed by an import.
//! Numbers are little endian. No text and no data holds a NUL byte, so a frame never has 512 zero bytes in a row:
//! recovery tells a torn write from damage by that. docs/log-format.md draws the files around it.

mod codes;
mod decode;
mod encode;

pub use decode::Frame;
pub use encode::{FrameParts, encode};

/// The largest frame, in bytes: what an entry of a C2SP entry bundle may hold.
pub const FRAME_BYTES_MAX: usize = 65_535;

/// The format this program writes.
pub const FRAME_FORMAT: u8 = 1;

/// Bytes before the optional parts.
const FIXED_BYTES: usize = 98;

mod flag {
    pub(super) const FINGERPRINT: u8 = 1;
    pub(super) const HOSPITAL: u8 = 2;
    pub(super) const CAUSATION: u8 = 4;
    pub(super) const TRACEPARENT: u8 = 8;
    pub(super) const OCCURRED_ASSUMED: u8 = 16;
    pub(super) const ALL: u8 = 31;
}

/// Why something is not a frame, or cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It would be longer than a frame may be.
    #[error("a frame of {bytes} bytes exceeds {FRAME_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// A text is longer than its length byte can say.
    #[error("{field} has {bytes} bytes, more than the {bytes_max} a frame has room for")]
    FieldTooLong {
        /// Which.
        field: &'static str,
        /// Its length (or their number).
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A text or the data holds a NUL byte, or there is no data.
    #[error("{field} is empty or holds a NUL byte")]
    BadField {
        /// Which.
        field: &'static str,
    },
    /// The bytes end too early.
    #[error("the frame ends before {field}")]
    TooShort {
        /// What was missing.
        field: &'static str,
    },
    /// The checksum does not fit.
    #[error("the frame's checksum is {found:08x}, its bytes give {computed:08x}")]
    Checksum {
        /// As written.
        found: u32,
        /// As computed.
        computed: u32,
    },
    /// Written by a later program.
    #[error("frame format {found} is not known here; a newer version of carelog wrote it")]
    UnknownFormat {
        /// The format.
        found: u8,
    },
    /// A field holds what no writer writes.
    #[error("the frame's {field} cannot be read")]
    Unreadable {
        /// Which.
        field: &'static str,
    },
}

#[cfg(test)]
mod tests;
