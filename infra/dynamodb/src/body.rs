//! Bodies as bytes: JSON in zlib, which pays since DynamoDB counts kilobytes, and has a checksum.

use std::io::{Read as _, Write as _};

use carelog_domain::ports::{DocumentKey, Failure};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde_json::Value;

use crate::failure::PORT;
use crate::item::damaged;

pub(crate) fn to_bytes(body: &Value) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::lasting(PORT, "a document could not become JSON").caused_by(error);
    let json = serde_json::to_vec(body).map_err(|error| failed(error.into()))?;
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(json.len() / 2), Compression::default());
    encoder.write_all(&json).and_then(|()| encoder.finish()).map_err(failed)
}

pub(crate) fn from_bytes(bytes: &[u8], key: &DocumentKey) -> Result<Value, Failure> {
    let mut json = Vec::with_capacity(bytes.len() * 3);
    ZlibDecoder::new(bytes).read_to_end(&mut json).map_err(|error| damaged(key).caused_by(error))?;
    serde_json::from_slice(&json).map_err(|error| damaged(key).caused_by(error))
}

/// Runs on a thread that may compute for a while: a large body takes tens of milliseconds.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::lasting(PORT, "a call panicked").caused_by(error))?
}
