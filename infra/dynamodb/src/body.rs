//! Bodies as bytes: JSON in zlib, which pays since DynamoDB counts kilobytes, and has a checksum.

use std::io::Read as _;

use carelog_domain::ports::{DocumentKey, Failure};
use flate2::read::ZlibDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};
use parking_lot::Mutex;
use serde_json::Value;

use crate::failure::PORT;
use crate::item::damaged;

/// A compressor takes a third of a megabyte, which is more work to make than most documents are: some are kept.
static COMPRESSORS: Mutex<Vec<Compress>> = Mutex::new(Vec::new());
const COMPRESSORS_KEPT_MAX: usize = 8;

pub(crate) fn to_bytes(body: &Value) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::lasting(PORT, "a document could not become JSON").caused_by(error);
    let json = serde_json::to_vec(body).map_err(|error| failed(error.into()))?;
    let kept = COMPRESSORS.lock().pop();
    let mut compressor = kept.unwrap_or_else(|| Compress::new(Compression::default(), true));
    let bytes = compressed(&mut compressor, &json).map_err(|error| failed(error.into()))?;
    compressor.reset();
    let mut kept = COMPRESSORS.lock();
    if kept.len() < COMPRESSORS_KEPT_MAX {
        kept.push(compressor);
    }
    Ok(bytes)
}

fn compressed(compressor: &mut Compress, json: &[u8]) -> Result<Vec<u8>, flate2::CompressError> {
    let mut bytes = Vec::with_capacity(json.len() / 2 + 64);
    loop {
        let read = usize::try_from(compressor.total_in()).expect("it was in memory");
        if compressor.compress_vec(&json[read..], &mut bytes, FlushCompress::Finish)? == Status::StreamEnd {
            return Ok(bytes);
        }
        bytes.reserve(bytes.capacity().max(64));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_whatever_was_compressed_before_it() {
        let key = DocumentKey { partition_key: "chart#p".to_owned(), sort_key: "s".to_owned() };
        // Digits of a generator: hardly anything to compress, so that the bytes outgrow what was reserved for them.
        let mut seed = 1_u64;
        let mut noise = |length: usize| -> String {
            let mut next = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'!' + (seed >> 33) as u8 % 90)
            };
            (0..length).map(|_| next()).collect()
        };
        for length in [0, 1, 100, 700_000, 10, 65_536, 0] {
            for body in
                [Value::from(noise(length)), Value::from("a".repeat(length)), serde_json::json!({ "n": length })]
            {
                let bytes = to_bytes(&body).expect("bytes");
                assert_eq!(from_bytes(&bytes, &key).expect("a body"), body);
            }
        }
        assert!(COMPRESSORS.lock().len() <= COMPRESSORS_KEPT_MAX);
    }
}
