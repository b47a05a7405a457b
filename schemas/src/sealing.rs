//! Sealing personal values before an event is written, and opening them when it is read.
//!
//! ```text
//! "$sealed": "<subject>.<purpose>.<key number>:<base64url(24-byte nonce || ciphertext || 16-byte tag)>"
//!
//! cipher           XChaCha20-Poly1305, a random nonce for each value
//! associated data  key id | event id | JSON pointer of the field     (0x00 between the parts)
//!
//! large values     "...:~<base64url(...)>", deflated before they are sealed, with "deflate" as a fourth part
//! ```
//!
//! Deflating lets a long lab report fit into one event. It is for values that are large by themselves, so that the length
//! of a sealed name or reason says nothing about what is in it.
//!
//! The associated data ties a value to its person, its event and its field, so that two sealed values that changed
//! places do not open. A key that is missing is a failure; only a recorded erasure reads as erased.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use carelog_domain::event::Event;
use carelog_domain::kernel::{EventId, Purpose, Recorded};
use carelog_domain::ports::{DataKey, Failure, KeyId, KeyState, KeyStore, Stored};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::registry::{self, ReadError};

const NONCE_BYTES: usize = 24;
/// Values from this size on are deflated: a report of some 30 rows.
const DEFLATED_FROM_BYTES: usize = 8 * 1024;
/// More than any value inflates to that fitted an event when it was sealed.
const INFLATED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Marks a deflated value; not a character of base64url.
const DEFLATED: char = '~';
const PORT: &str = "key store";
/// First bytes of a sealed blob: a name and the version of its layout.
const BLOB_MAGIC: &[u8; 8] = b"CLBLOB\x00\x01";

/// The JSON data of an event with every personal value sealed; keys are durable when this returns. Data that could not
/// be read again is never handed out: it would make its stream unreadable for ever.
///
/// # Errors
/// When a key cannot be had, or was erased, or the event does not read back.
pub async fn seal_event(keys: &dyn KeyStore, event: &Event, id: EventId) -> Result<Bytes, Failure> {
    let mut data = event.to_json();
    check_reads_back(event.event_type(), &data)?;
    let subject = event.subject();
    let sealer = Sealer { keys, subject, event: id };
    sealer.walk(&mut data).await?;
    let text = serde_json::to_vec(&data)
        .map_err(|error| Failure::lasting("codec", "an event could not become JSON").caused_by(error))?;
    Ok(Bytes::from(text))
}

/// A stored event with every personal value open (or erased).
///
/// # Errors
/// When a key is missing or unreachable, a sealed value is not where it was written, or the data has no known shape.
pub async fn open_event(keys: &dyn KeyStore, stored: &Stored) -> Result<Recorded<Event>, ReadError> {
    let mut data = registry::current_data(stored)?;
    open_values(keys, &mut data, stored.context.id, None).await?;
    registry::decode(stored, data)
}

/// A stored event whose personal values stay sealed, for readers that need none of them.
///
/// # Errors
/// When the data has no known shape.
pub fn read_sealed(stored: &Stored) -> Result<Recorded<Event>, ReadError> {
    let data = registry::current_data(stored)?;
    registry::decode(stored, data)
}

/// Opens the sealed values in an event's data, of these purposes only when they are given; for readers of raw history.
///
/// # Errors
/// As [`open_event`].
pub async fn open_values(
    keys: &dyn KeyStore,
    data: &mut Value,
    event: EventId,
    purposes: Option<&[Purpose]>,
) -> Result<(), ReadError> {
    for path in sealed_paths(data) {
        let Some(place) = data.pointer_mut(&path) else { continue };
        let Some(text) = place.get("$sealed").and_then(Value::as_str) else { continue };
        let sealed = SealedText::parse(text).ok_or_else(|| ReadError::NotSealedText { event, field: path.clone() })?;
        if purposes.is_some_and(|wanted| !wanted.contains(&sealed.key.purpose)) {
            continue;
        }
        let opened = match keys.opening_key(sealed.key).await.map_err(ReadError::Key)? {
            KeyState::Erased => Map::from_iter([("$erased".to_owned(), Value::Bool(true))]),
            KeyState::Live(key) => {
                let plain = decrypt(&key, &sealed.bytes, &associated(sealed.key, event, &path, sealed.deflated));
                let plain = if sealed.deflated { plain.and_then(|plain| inflated(&plain)) } else { plain };
                let plain = plain.ok_or_else(|| ReadError::DoesNotOpen { event, field: path.clone() })?;
                let value = serde_json::from_slice(&plain).map_err(|source| ReadError::Shape {
                    event,
                    event_type: path.clone(),
                    source,
                })?;
                Map::from_iter([("$personal".to_owned(), value)])
            }
        };
        *place = Value::Object(opened);
    }
    Ok(())
}

/// Seals a file under a person's key: magic, length and text of the key id, nonce, ciphertext.
///
/// # Errors
/// When the key cannot be had.
pub async fn seal_blob(keys: &dyn KeyStore, subject: Uuid, purpose: Purpose, plain: &[u8]) -> Result<Bytes, Failure> {
    let (id, key) = keys.sealing_key(subject, purpose).await?;
    let name = id.to_string();
    let mut head = BLOB_MAGIC.to_vec();
    head.push(u8::try_from(name.len()).expect("a key id is shorter than 256 bytes"));
    head.extend_from_slice(name.as_bytes());
    let sealed = encrypt(&key, plain, &head)?;
    Ok(Bytes::from([head, sealed].concat()))
}

/// Opens a sealed file; `None` once its key was erased.
///
/// # Errors
/// When the bytes are not a sealed file, were changed, or the key is missing.
pub async fn open_blob(keys: &dyn KeyStore, sealed: &[u8]) -> Result<Option<Bytes>, Failure> {
    let bad = || Failure::lasting("blob store", "a sealed file is damaged: restore it from the backup");
    let rest = sealed.strip_prefix(BLOB_MAGIC.as_slice()).ok_or_else(bad)?;
    let (&length, rest) = rest.split_first().ok_or_else(bad)?;
    let name = rest.get(..usize::from(length)).ok_or_else(bad)?;
    let id: KeyId = std::str::from_utf8(name).ok().and_then(|text| text.parse().ok()).ok_or_else(bad)?;
    let head_bytes = BLOB_MAGIC.len() + 1 + name.len();
    match keys.opening_key(id).await? {
        KeyState::Erased => Ok(None),
        KeyState::Live(key) => {
            let (head, body) = sealed.split_at(head_bytes);
            decrypt(&key, body, head).map(|plain| Some(Bytes::from(plain))).ok_or_else(bad)
        }
    }
}

fn check_reads_back(event_type: &str, data: &Value) -> Result<(), Failure> {
    let what =
        || format!("a {event_type} would not be readable once it is written, so it was not; report this as a bug");
    match Event::from_json(event_type, data) {
        Some(Ok(_)) => Ok(()),
        // serde's message can quote a value, which may be personal: it goes nowhere.
        Some(Err(_)) | None => Err(Failure::lasting("codec", what())),
    }
}

struct Sealer<'a> {
    keys: &'a dyn KeyStore,
    subject: Option<Uuid>,
    event: EventId,
}

impl Sealer<'_> {
    async fn walk(&self, data: &mut Value) -> Result<(), Failure> {
        for path in paths_with(data, "$personal") {
            let Some(place) = data.pointer_mut(&path) else { continue };
            *place = self.seal(&path, place).await?;
        }
        Ok(())
    }

    async fn seal(&self, path: &str, open: &Value) -> Result<Value, Failure> {
        let purpose = open.get("purpose").and_then(Value::as_str).and_then(Purpose::from_word);
        let purpose = purpose.expect("Personal serialises with its purpose");
        let subject = self.subject.ok_or_else(|| {
            Failure::lasting("codec", format!("an event has a personal value at {path} but nobody it is about"))
        })?;
        let (id, key) = self.keys.sealing_key(subject, purpose).await?;
        let plain = serde_json::to_vec(&open["$personal"])
            .map_err(|error| Failure::lasting("codec", "a personal value could not become JSON").caused_by(error))?;
        let deflate = plain.len() >= DEFLATED_FROM_BYTES;
        let plain = if deflate { deflated(&plain)? } else { plain };
        let sealed = encrypt(&key, &plain, &associated(id, self.event, path, deflate))?;
        let mark = if deflate { DEFLATED.to_string() } else { String::new() };
        let text = format!("{id}:{mark}{}", URL_SAFE_NO_PAD.encode(sealed));
        Ok(Value::Object(Map::from_iter([("$sealed".to_owned(), Value::String(text))])))
    }
}

struct SealedText {
    key: KeyId,
    deflated: bool,
    bytes: Vec<u8>,
}

impl SealedText {
    fn parse(text: &str) -> Option<SealedText> {
        let (key, body) = text.split_once(':')?;
        let plain = body.trim_start_matches(DEFLATED);
        Some(SealedText {
            key: key.parse().ok()?,
            deflated: plain.len() < body.len(),
            bytes: URL_SAFE_NO_PAD.decode(plain).ok()?,
        })
    }
}

fn sealed_paths(data: &Value) -> Vec<String> {
    paths_with(data, "$sealed")
}

/// JSON pointers of every object that has this member.
fn paths_with(data: &Value, member: &str) -> Vec<String> {
    fn walk(value: &Value, member: &str, path: &mut String, found: &mut Vec<String>) {
        let base = path.len();
        match value {
            Value::Object(map) if map.contains_key(member) => found.push(path.clone()),
            Value::Object(map) => map.iter().for_each(|(name, inner)| {
                path.push('/');
                path.push_str(&name.replace('~', "~0").replace('/', "~1"));
                walk(inner, member, path, found);
                path.truncate(base);
            }),
            Value::Array(items) => items.iter().enumerate().for_each(|(index, inner)| {
                path.push_str(&format!("/{index}"));
                walk(inner, member, path, found);
                path.truncate(base);
            }),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(data, member, &mut String::new(), &mut found);
    found
}

fn associated(key: KeyId, event: EventId, path: &str, deflated: bool) -> Vec<u8> {
    let deflated = if deflated { "\0deflate" } else { "" };
    format!("{key}\0{event}\0{path}{deflated}").into_bytes()
}

fn deflated(plain: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    written.map_err(|error| Failure::lasting("codec", "a personal value could not be deflated").caused_by(error))
}

/// `None` for what is not deflated, or is larger than any value can be.
fn inflated(deflated: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::DeflateDecoder::new(deflated).take(INFLATED_BYTES_MAX + 1);
    let bytes = decoder.read_to_end(&mut plain).ok()?;
    (bytes as u64 <= INFLATED_BYTES_MAX).then_some(plain)
}

pub(crate) fn encrypt(key: &DataKey, plain: &[u8], associated: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut nonce = [0u8; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|error| Failure::passing(PORT, format!("no random bytes: {error}")))?;
    let cipher = XChaCha20Poly1305::new(&key.0.into());
    let body = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: associated })
        .map_err(|_| Failure::lasting(PORT, "a value is too large to seal"))?;
    Ok([nonce.as_slice(), &body].concat())
}

pub(crate) fn decrypt(key: &DataKey, sealed: &[u8], associated: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = sealed.split_at_checked(NONCE_BYTES)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
    let cipher = XChaCha20Poly1305::new(&key.0.into());
    cipher.decrypt(&XNonce::from(nonce), Payload { msg: body, aad: associated }).ok()
}

#[cfg(test)]
mod tests;
