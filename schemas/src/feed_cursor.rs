//! The place of a reader in a feed, as the reader sees it: sealed, so that the places of two topics cannot be laid side by
//! side, and so that nobody makes one up.
//!
//! ```text
//! base64url(24-byte nonce || XChaCha20-Poly1305(token such as "0:120,1:7") || 16-byte tag)    associated data: the topic
//! ```

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carelog_domain::kernel::Token;
use carelog_domain::ports::{DataKey, Failure, KeyStore};

use crate::sealing::{decrypt, encrypt};

/// Seals and opens the places of one topic.
pub struct FeedCursors {
    key: DataKey,
    topic: String,
}

impl FeedCursors {
    /// Under a key derived from the chain's secret.
    pub fn new(keys: &dyn KeyStore, topic: &str) -> FeedCursors {
        FeedCursors { key: DataKey(keys.keyed_hash("feed-cursor", topic.as_bytes())), topic: topic.to_owned() }
    }

    /// The last positions a reader has seen, for them to keep.
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub fn seal(&self, seen: &Token) -> Result<String, Failure> {
        let sealed = encrypt(&self.key, seen.to_string().as_bytes(), self.topic.as_bytes())?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What a reader brings back; `None` for what was not sealed here for this topic.
    pub fn open(&self, cursor: &str) -> Option<Token> {
        let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let plain = decrypt(&self.key, &sealed, self.topic.as_bytes())?;
        std::str::from_utf8(&plain).ok()?.parse().ok()
    }
}
