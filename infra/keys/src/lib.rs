//! The key store: data keys by subject and purpose, wrapped by a master key, durable before they are used. In a folder for
//! one process ([`FileKeyStore`]), or in the cluster's database for all nodes ([`SqlKeyStore`]), which it knows as the
//! port `SqlStore` alone.
//!
//! ```text
//! wrapped    base64url(24-byte nonce || XChaCha20-Poly1305 of the 32 bytes, associated data = the key's id, or "secret")
//! ```

mod file;
mod journal;
mod opened;
mod rows;
mod sql;
mod wrap;

pub use file::FileKeyStore;
pub use sql::{KeyLimits, SqlKeyStore};

const PORT: &str = "key store";
