//! Items as bytes.

use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{Document, DocumentKey, DocumentWrite, Failure};

use crate::PORT;

const ITEM: u8 = 1;
const TOMBSTONE: u8 = 0;
const HEADER_BYTES: usize = 11;
/// Between the two parts of a key; no key holds it.
pub(crate) const SEPARATOR: u8 = 0;

pub(crate) fn key(key: &DocumentKey) -> Result<Vec<u8>, Failure> {
    key.check().map_err(|wrong| Failure::lasting(PORT, wrong))?;
    beginning(&key.partition_key, &key.sort_key)
}

/// The bytes all keys of a partition key begin with whose sort keys begin with `prefix`.
pub(crate) fn beginning(partition_key: &str, prefix: &str) -> Result<Vec<u8>, Failure> {
    if partition_key.bytes().chain(prefix.bytes()).any(|byte| byte == SEPARATOR) {
        return Err(Failure::lasting(PORT, "a key holds a zero byte"));
    }
    Ok([partition_key.as_bytes(), &[SEPARATOR], prefix.as_bytes()].concat())
}

pub(crate) fn value(write: &DocumentWrite) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(if write.body.is_some() { ITEM } else { TOMBSTONE });
    bytes.extend(write.position.partition.0.to_be_bytes());
    bytes.extend(write.position.offset.to_be_bytes());
    if let Some(body) = &write.body {
        serde_json::to_writer(&mut bytes, body)
            .map_err(|error| Failure::lasting(PORT, "a document could not become JSON").caused_by(error))?;
    }
    Ok(bytes)
}

/// What an item or tombstone was written from.
pub(crate) fn position(value: &[u8]) -> Result<Position, Failure> {
    let read = || {
        let partition = u16::from_be_bytes(value.get(1..3)?.try_into().ok()?);
        let offset = u64::from_be_bytes(value.get(3..HEADER_BYTES)?.try_into().ok()?);
        Some(Position { partition: Partition(partition), offset })
    };
    read().ok_or_else(damaged)
}

/// The item, `None` for a tombstone.
pub(crate) fn document(key: &[u8], value: &[u8]) -> Result<Option<Document>, Failure> {
    let position = position(value)?;
    if value[0] == TOMBSTONE {
        return Ok(None);
    }
    let body = serde_json::from_slice(&value[HEADER_BYTES..]).map_err(|error| damaged().caused_by(error))?;
    let separator = key.iter().position(|byte| *byte == SEPARATOR).ok_or_else(damaged)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|error| damaged().caused_by(error));
    let key = DocumentKey { partition_key: text(&key[..separator])?, sort_key: text(&key[separator + 1..])? };
    Ok(Some(Document { key, position, body }))
}

pub(crate) fn damaged() -> Failure {
    Failure::lasting(PORT, "a document is damaged; rebuild the read model it belongs to")
}
