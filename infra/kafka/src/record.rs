//! The records of the topic (format). Header values are text, so that ordinary tools show them.
//!
//! ```text
//! header     event                  ownership        value
//! carelog    1                      1                event: the frame, byte for byte
//! kind       event                  ownership        ownership: JSON, see [`Ownership`]
//! epoch      accepted in            claimed
//! type, revision, position, traceparent (events only, as in the frame)
//! ```

use carelog_domain::ports::Root;
use carelog_schemas::frame::{FRAME_BYTES_MAX, Frame, FrameError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The format this program writes.
const FORMAT: &str = "1";
const OWNERSHIP_FORMAT: u32 = 1;

/// Who owns a partition from here on: the first record of its epoch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ownership {
    /// The format of the value.
    pub(crate) format: u32,
    /// One more than the epoch before.
    pub epoch: u64,
    /// The attempt: who reads it back knows that it was first.
    pub claim: Uuid,
    /// The node's name.
    pub node: String,
    /// Where it is reached.
    pub address: String,
    /// Made by the first claim of the partition, copied by every later one.
    pub lineage: Uuid,
    /// How many partitions the log has.
    pub partitions: u16,
    /// The version of the map from slots to partitions.
    pub map_version: u32,
    /// How many frames the claimant had applied.
    pub size: u64,
    /// Their Merkle root, in hex.
    pub root: String,
}

impl Ownership {
    /// A claim by a node that has applied so much.
    pub fn claim(
        epoch: u64,
        (node, address): (&str, &str),
        lineage: Uuid,
        partitions: u16,
        at: (u64, Root),
    ) -> Ownership {
        Ownership {
            format: OWNERSHIP_FORMAT,
            epoch,
            claim: Uuid::now_v7(),
            node: node.to_owned(),
            address: address.to_owned(),
            lineage,
            partitions,
            map_version: 1,
            size: at.0,
            root: at.1.to_string(),
        }
    }

    /// The value of its record.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an ownership record has only texts and numbers")
    }
}

/// What a record is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Record<'a> {
    /// A frame, accepted in an epoch.
    Event { epoch: u64, frame: &'a [u8] },
    /// A claim.
    Ownership(Box<Ownership>),
    /// Not ours, or broken on its way in: it counts for nobody. Why.
    Foreign(String),
    /// Written by a later program: nobody may pass over it who does not know what it means. What it is.
    Later(String),
}

impl<'a> Record<'a> {
    /// Reads a record from its headers and value.
    pub(crate) fn read(
        headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
        value: Option<&'a [u8]>,
    ) -> Record<'a> {
        let (mut format, mut kind, mut epoch) = (None, None, None);
        for (name, text) in headers {
            let place = match name {
                "carelog" => &mut format,
                "kind" => &mut kind,
                "epoch" => &mut epoch,
                _ => continue,
            };
            *place = text.and_then(|text| std::str::from_utf8(text).ok());
        }
        match (format, kind) {
            (None, _) => Record::Foreign("it has no header carelog".to_owned()),
            (Some(FORMAT), Some("event")) => match epoch.and_then(|epoch| epoch.parse().ok()) {
                Some(epoch) => read_event(epoch, value.unwrap_or_default()),
                None => Record::Foreign("its epoch cannot be read".to_owned()),
            },
            (Some(FORMAT), Some("ownership")) => read_ownership(value.unwrap_or_default()),
            (Some(FORMAT), kind) => Record::Later(format!("a record of kind {}", kind.unwrap_or("(none)"))),
            (Some(format), _) => Record::Later(format!("a record of format {format}")),
        }
    }
}

fn read_event(epoch: u64, value: &[u8]) -> Record<'_> {
    if value.len() > FRAME_BYTES_MAX {
        return Record::Foreign(format!("{} bytes are more than a frame has", value.len()));
    }
    match Frame::parse(value) {
        Ok(frame) => Record::Event { epoch, frame: frame.bytes() },
        Err(error @ FrameError::UnknownFormat { .. }) => Record::Later(error.to_string()),
        Err(error) => Record::Foreign(error.to_string()),
    }
}

fn read_ownership(value: &[u8]) -> Record<'_> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    match serde_json::from_slice::<Format>(value) {
        Ok(Format { format: OWNERSHIP_FORMAT }) => match serde_json::from_slice(value) {
            Ok(ownership) => Record::Ownership(Box::new(ownership)),
            Err(error) => Record::Foreign(format!("its ownership cannot be read: {error}")),
        },
        Ok(Format { format }) => Record::Later(format!("an ownership record of format {format}")),
        Err(error) => Record::Foreign(format!("its ownership cannot be read: {error}")),
    }
}

/// The headers of an event's record.
pub fn event_headers(frame: &Frame<'_>, epoch: u64) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("carelog", FORMAT.to_owned()),
        ("kind", "event".to_owned()),
        ("epoch", epoch.to_string()),
        ("type", frame.event_type().to_owned()),
        ("revision", frame.revision().0.to_string()),
        ("position", frame.position().to_string()),
    ];
    headers.extend(frame.traceparent().map(|traceparent| ("traceparent", traceparent.to_owned())));
    headers
}

/// The headers of an ownership record.
pub fn ownership_headers(epoch: u64) -> Vec<(&'static str, String)> {
    vec![("carelog", FORMAT.to_owned()), ("kind", "ownership".to_owned()), ("epoch", epoch.to_string())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(headers: &'a [(&'a str, &'a str)], value: &'a [u8]) -> Record<'a> {
        Record::read(headers.iter().map(|(name, text)| (*name, Some(text.as_bytes()))), Some(value))
    }

    #[test]
    fn the_bytes_of_an_ownership_record_are_what_they_were() {
        let written = br#"{"format":1,"epoch":7,"claim":"019ab1c2-0000-7000-8000-000000000001","node":"north-1","address":"10.0.0.5:8443","lineage":"019ab1c2-0000-7000-8000-000000000002","partitions":4,"mapVersion":1,"size":12,"root":"ab"}"#;
        let headers = ownership_headers(7);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let Record::Ownership(read) = read(&headers, written) else { panic!("not an ownership record") };
        assert_eq!((read.epoch, read.node.as_str(), read.partitions, read.size), (7, "north-1", 4, 12));
        assert_eq!(String::from_utf8(read.to_bytes()).expect("text"), String::from_utf8_lossy(written));
    }

    #[test]
    fn foreign_records_are_told_from_those_of_a_later_program() {
        assert!(matches!(read(&[], b"{}"), Record::Foreign(_)));
        assert!(matches!(read(&[("kind", "event"), ("epoch", "1")], b"x"), Record::Foreign(_)));
        assert!(matches!(read(&[("carelog", "1"), ("kind", "event"), ("epoch", "1")], b"x"), Record::Foreign(_)));
        assert!(matches!(read(&[("carelog", "1"), ("kind", "event"), ("epoch", "one")], b"x"), Record::Foreign(_)));
        assert!(matches!(read(&[("carelog", "2"), ("kind", "event"), ("epoch", "1")], b"x"), Record::Later(_)));
        assert!(matches!(read(&[("carelog", "1"), ("kind", "handover")], b"x"), Record::Later(_)));
        let later = br#"{"format":2,"heir":"south"}"#;
        assert!(matches!(read(&[("carelog", "1"), ("kind", "ownership")], later), Record::Later(_)));
    }
}
