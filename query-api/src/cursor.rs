//! Cursors: where a page ended, sealed. A cursor holds the sort key of a row (which may be a name), so it is neither
//! readable nor changeable, and it opens only for the same list, filter, ordering and reach.
//!
//! ```text
//! base64url( tag (16 bytes) || key XOR stream )
//! tag     first 16 bytes of the keyed hash of (list and filter, key)
//! stream  keyed hashes of (tag, 0), (tag, 1), ...
//! ```
//!
//! That is a synthetic-IV cipher (as RFC 5297) made of the chain's keyed hash: the same place gives the same cursor on
//! every node, without any state.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carelog_domain::ports::{KeyStore, SqlValue};

use crate::problem::{Answer, Problem};

const TAG_BYTES: usize = 16;
/// Longest cursor that is looked at.
const TEXT_BYTES_MAX: usize = 2048;

/// Seals and opens the cursors of one list.
pub(crate) struct Cursors {
    keys: Arc<dyn KeyStore>,
    binding: String,
}

impl Cursors {
    /// The cursors of a list: `binding` says which list, filtered and ordered how, for whom.
    pub(crate) fn new(keys: Arc<dyn KeyStore>, binding: String) -> Cursors {
        Cursors { keys, binding }
    }

    pub(crate) fn seal(&self, key: &[SqlValue]) -> String {
        let plain = encode(key);
        let tag = self.tag(&plain);
        let hidden = self.mask(&tag, plain);
        URL_SAFE_NO_PAD.encode([tag.as_slice(), &hidden].concat())
    }

    pub(crate) fn open(&self, text: &str, argument: &'static str) -> Answer<Vec<SqlValue>> {
        self.try_open(text).ok_or_else(|| {
            Problem::at(
                argument,
                "cursor-invalid",
                "this cursor was changed, or belongs to another list, filter or ordering; begin again without it",
            )
        })
    }

    fn try_open(&self, text: &str) -> Option<Vec<SqlValue>> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (tag, hidden) = bytes.split_at_checked(TAG_BYTES)?;
        let tag: [u8; TAG_BYTES] = tag.try_into().ok()?;
        let plain = self.mask(&tag, hidden.to_vec());
        // The tag is no secret worth a constant-time comparison: forging one gains a place in a list one may read.
        if self.tag(&plain) != tag {
            return None;
        }
        decode(&plain)
    }

    fn tag(&self, plain: &[u8]) -> [u8; TAG_BYTES] {
        let mut input = (self.binding.len() as u64).to_be_bytes().to_vec();
        input.extend_from_slice(self.binding.as_bytes());
        input.extend_from_slice(plain);
        let hash = self.keys.keyed_hash("query-cursor-tag", &input);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&hash[..TAG_BYTES]);
        tag
    }

    fn mask(&self, tag: &[u8; TAG_BYTES], mut bytes: Vec<u8>) -> Vec<u8> {
        for (block, chunk) in bytes.chunks_mut(32).enumerate() {
            let input = [tag.as_slice(), &(block as u64).to_be_bytes()].concat();
            let stream = self.keys.keyed_hash("query-cursor-stream", &input);
            chunk.iter_mut().zip(stream).for_each(|(byte, mask)| *byte ^= mask);
        }
        bytes
    }
}

fn encode(key: &[SqlValue]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut part = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        out.extend_from_slice(bytes);
    };
    for value in key {
        match value {
            SqlValue::Null => part(0, &[]),
            SqlValue::Int(number) => part(1, &number.to_be_bytes()),
            SqlValue::Text(text) => part(2, text.as_bytes()),
            SqlValue::Bytes(bytes) => part(3, bytes),
        }
    }
    out
}

fn decode(mut bytes: &[u8]) -> Option<Vec<SqlValue>> {
    let mut key = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at_checked(5)?;
        let length = u32::from_be_bytes(head[1..].try_into().ok()?) as usize;
        let (body, rest) = rest.split_at_checked(length)?;
        key.push(match head[0] {
            0 => SqlValue::Null,
            1 => SqlValue::Int(i64::from_be_bytes(body.try_into().ok()?)),
            2 => SqlValue::Text(String::from_utf8(body.to_vec()).ok()?),
            3 => SqlValue::Bytes(body.to_vec()),
            _ => return None,
        });
        bytes = rest;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use carelog_domain::kernel::Purpose;
    use carelog_domain::ports::{BoxFuture, DataKey, Failure, KeyId, KeyState};
    use sha2::{Digest, Sha256};
    use uuid::Uuid;

    use super::*;

    /// Only hashes; the other methods are never asked.
    struct Hashes;

    impl KeyStore for Hashes {
        fn sealing_key(&self, _: Uuid, _: Purpose) -> BoxFuture<'_, Result<(KeyId, DataKey), Failure>> {
            unreachable!("cursors ask for no keys")
        }

        fn opening_key(&self, _: KeyId) -> BoxFuture<'_, Result<KeyState, Failure>> {
            unreachable!("cursors ask for no keys")
        }

        fn erase(&self, _: Uuid, _: Purpose) -> BoxFuture<'_, Result<(), Failure>> {
            unreachable!("cursors erase nothing")
        }

        fn keyed_hash(&self, domain: &str, data: &[u8]) -> [u8; 32] {
            Sha256::digest([domain.as_bytes(), &[0], data].concat()).into()
        }
    }

    fn key() -> Vec<SqlValue> {
        vec![
            SqlValue::Bytes(b"lovelace, ada, a name longer than one block of the stream".to_vec()),
            SqlValue::Int(-7),
            SqlValue::Text("id".to_owned()),
            SqlValue::Null,
        ]
    }

    #[test]
    fn a_cursor_opens_to_the_key_it_was_made_from() {
        let cursors = Cursors::new(Arc::new(Hashes), "patients".to_owned());
        assert_eq!(cursors.open(&cursors.seal(&key()), "after"), Ok(key()));
        assert_eq!(cursors.open(&cursors.seal(&[]), "after"), Ok(vec![]));
    }

    #[test]
    fn a_cursor_shows_nothing_of_the_name_it_holds() {
        let text = Cursors::new(Arc::new(Hashes), "patients".to_owned()).seal(&key());
        let bytes = URL_SAFE_NO_PAD.decode(text).expect("base64url");
        assert!(!bytes.windows(3).any(|window| window == b"ada"));
    }

    #[test]
    fn a_cursor_with_any_bit_changed_is_refused() {
        let cursors = Cursors::new(Arc::new(Hashes), "patients".to_owned());
        let bytes = URL_SAFE_NO_PAD.decode(cursors.seal(&key())).expect("base64url");
        for index in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[index / 8] ^= 1 << (index % 8);
            let refused = cursors.open(&URL_SAFE_NO_PAD.encode(changed), "after");
            assert_eq!(refused.map_err(|problem| problem.code), Err("cursor-invalid"), "bit {index}");
        }
        assert!(cursors.open("", "after").is_err());
        assert!(cursors.open("not base64!", "after").is_err());
    }

    #[test]
    fn a_cursor_of_one_filter_is_refused_under_another() {
        let one = Cursors::new(Arc::new(Hashes), "appointments of hospital 1".to_owned());
        let other = Cursors::new(Arc::new(Hashes), "appointments of hospital 2".to_owned());
        assert!(other.open(&one.seal(&key()), "after").is_err());
    }
}
