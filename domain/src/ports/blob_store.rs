//! Data too large for a frame: sealed files, named by their own hash.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BoxFuture, Failure};

/// Blobs by the SHA-256 of what is stored (the sealed bytes).
pub trait BlobStore: Send + Sync {
    /// Keeps the bytes; durable when it returns. The same bytes again are the same blob.
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<BlobName, Failure>>;

    /// The bytes, checked against their name; `None` if there is no such blob.
    fn get(&self, name: &BlobName) -> BoxFuture<'_, Result<Option<Bytes>, Failure>>;
}

/// The SHA-256 of a blob's stored bytes, in hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct BlobName(String);

impl BlobName {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> BlobName {
        BlobName(hex::encode(Sha256::digest(bytes)))
    }

    /// The 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BlobName {
    type Err = crate::kernel::place::NotAPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if good {
            return Ok(BlobName(text.to_owned()));
        }
        Err(crate::kernel::place::NotAPlace { text: text.to_owned(), expected: "blob name of 64 hex digits" })
    }
}
