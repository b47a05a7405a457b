//! Words for places in the log: slot, partition, position, stream, version, tag, token.
//!
//! A *slot* is one of 4,096 shares of the key space; a versioned map (kept by the log) says which partition holds a
//! slot. Streams, tags and command ids are scoped by slot, so that a slot can move without renaming anything.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// One of [`Slot::COUNT`] shares of the key space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(u16);

impl Slot {
    /// How many slots there are, for ever (format).
    pub const COUNT: u16 = 4096;

    /// The slot with this number, or `None` from [`Slot::COUNT`] on.
    pub const fn new(number: u16) -> Option<Slot> {
        if number < Self::COUNT { Some(Slot(number)) } else { None }
    }

    /// The slot of any partition key: the first 8 bytes of its SHA-256, big endian, modulo [`Slot::COUNT`].
    pub fn of_key(key: &[u8]) -> Slot {
        let digest = Sha256::digest(key);
        let mut first = [0u8; 8];
        first.copy_from_slice(&digest[..8]);
        Slot((u64::from_be_bytes(first) % u64::from(Self::COUNT)) as u16)
    }

    /// The slot that one of our ids carries in its 12 custom bits (UUIDv8), or that of its text for any other UUID.
    pub fn of_id(id: &Uuid) -> Slot {
        let bytes = id.as_bytes();
        if bytes[6] >> 4 == 8 {
            Slot((u16::from(bytes[6] & 0x0F) << 8) | u16::from(bytes[7]))
        } else {
            Slot::of_key(id.to_string().as_bytes())
        }
    }

    /// Its number, 0 to 4,095.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// The number of a partition of the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(pub u16);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in the log, written `partition:offset`; offsets are dense from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// The partition.
    pub partition: Partition,
    /// The place in it, from 0, without gaps.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

/// What was wrong with a text that should name a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {expected}")]
pub struct NotAPlace {
    /// What was read.
    pub text: String,
    /// What it should have been, with an example.
    pub expected: &'static str,
}

impl FromStr for Position {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let parse = || {
            let (partition, offset) = text.split_once(':')?;
            Some(Position { partition: Partition(partition.parse().ok()?), offset: offset.parse().ok()? })
        };
        parse().ok_or_else(|| NotAPlace { text: text.to_owned(), expected: "position such as 0:123" })
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A place in a stream: 1, 2, 3 ...; 0 is the version of a stream without events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// The version of a stream that has no event yet.
    pub const NONE: Version = Version(0);

    /// The version after this one.
    pub const fn next(self) -> Version {
        Version(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The shape of an event type: 1 at first, one more with every change a reader can notice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u16);

/// The name of a stream: `category:id` or `category:id:more`, such as `practitioner-day:<role>:2024-12-01`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct StreamName(String);

impl StreamName {
    /// The longest name, in bytes: it is stored in every frame.
    pub const BYTES_MAX: usize = 200;

    /// A name from its category and the rest. Both are ours, so a bad one is a bug; what comes from outside is parsed.
    pub fn new(category: &str, rest: impl fmt::Display) -> StreamName {
        let name = format!("{category}:{rest}");
        assert!(Self::is_good(&name) && !category.contains(':'), "a stream's name can be read again from its frame");
        StreamName(name)
    }

    /// True for what can be read again from a frame.
    fn is_good(name: &str) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        let parts = name.split_once(':').is_some_and(|(category, key)| !category.is_empty() && !key.is_empty());
        parts && name.len() <= Self::BYTES_MAX && name.bytes().all(plain)
    }

    /// The part before the first colon.
    pub fn category(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// The part after the first colon.
    pub fn key(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, rest)| rest)
    }

    /// The slot the stream lives in: that of the first id in its key (see [`Slot::of_id`]), else the hash of that part.
    pub fn slot(&self) -> Slot {
        let first = self.key().split(':').next().unwrap_or_default();
        match Uuid::parse_str(first) {
            Ok(id) => Slot::of_id(&id),
            Err(_) => Slot::of_key(first.as_bytes()),
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StreamName {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        if !Self::is_good(text) {
            return Err(NotAPlace { text: text.to_owned(), expected: "stream name such as appointment:0190..." });
        }
        Ok(StreamName(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for StreamName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A label on an event by which it is found again, written `kind:value`; scoped by slot. Never personal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tag(String);

impl Tag {
    /// A tag from its kind and value.
    pub fn new(kind: &str, value: impl fmt::Display) -> Tag {
        Tag(format!("{kind}:{value}"))
    }

    /// A tag as it was written down.
    pub fn from_stored(text: impl Into<String>) -> Tag {
        Tag(text.into())
    }

    /// The whole tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a command returns so that a query can wait for it: the last position written in each partition it wrote to.
/// Written `0:123,2:45`, by partition; empty when nothing was written.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Token(std::collections::BTreeMap<Partition, u64>);

impl Token {
    /// The token of nothing.
    pub fn empty() -> Token {
        Token::default()
    }

    /// Adds a position, keeping the later one of a partition.
    pub fn include(&mut self, position: Position) {
        let offset = self.0.entry(position.partition).or_insert(position.offset);
        *offset = (*offset).max(position.offset);
    }

    /// Adds every position of another token.
    pub fn merge(&mut self, other: &Token) {
        other.positions().for_each(|position| self.include(position));
    }

    /// Its positions, one a partition.
    pub fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        self.0.iter().map(|(&partition, &offset)| Position { partition, offset })
    }

    /// True when it names no position.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Position> for Token {
    fn from_iter<I: IntoIterator<Item = Position>>(positions: I) -> Token {
        let mut token = Token::empty();
        positions.into_iter().for_each(|position| token.include(position));
        token
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.positions().map(|position| position.to_string()).collect();
        f.write_str(&texts.join(","))
    }
}

impl FromStr for Token {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse::<Position>).collect()
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_made_can_be_read() {
        let name = StreamName::new("practitioner-day", "01939a3a-0000-8abc-8000-00000000002a:2024-12-01");
        assert_eq!(name.as_str().parse(), Ok(name));
    }

    #[test]
    #[should_panic(expected = "can be read again")]
    fn a_name_that_could_not_be_read_is_never_made() {
        StreamName::new("practitioner-day", "one:+12000-01-01");
    }
}
