//! Processes of the platform asking each other, over HTTP with sealed bodies (docs/decisions/0020).
//!
//! ```text
//! POST /nodes/<subject>
//! Carelog-Node-From: north    Carelog-Node-To: south    Carelog-Node-Expires: 1732226400000000 (microseconds)
//!
//! question    24-byte nonce || XChaCha20-Poly1305(key of north, from | to | subject | expires)
//! answer      24-byte nonce || XChaCha20-Poly1305(key of south, from | to | the question's nonce)
//! ```
//!
//! A node's key derives from the chain's secret and its name, so whoever holds the chain's keys is a node and nobody else
//! is. A question is taken once: its nonce is remembered until it expires.

mod answering;
mod asking;
mod envelope;

pub use answering::{Answering, router};
pub use asking::HttpPeers;
