//! What goes over the line: sealed with the key of whoever says it, bound to whom it is said to and about what.

use carelog_domain::ports::KeyStore;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

pub(crate) const NONCE_BYTES: usize = 24;
/// The chain's secret hashes a node's name to its key under this domain.
const KEY_DOMAIN: &str = "carelog-node-key";

pub(crate) type Nonce = [u8; NONCE_BYTES];

/// From whom to whom, and about what.
#[derive(Clone, Copy)]
pub(crate) struct Address<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) subject: &'a str,
}

impl Address<'_> {
    /// What a question is bound to.
    pub(crate) fn of_question(&self, expires: i64) -> String {
        format!("carelog-nodes-1\nquestion\n{}\n{}\n{}\n{expires}", self.from, self.to, self.subject)
    }

    /// What its answer is bound to.
    pub(crate) fn of_answer(&self, question: &Nonce) -> String {
        format!("carelog-nodes-1\nanswer\n{}\n{}\n{}\n{}", self.from, self.to, self.subject, hex::encode(question))
    }
}

/// True for a name that can stand in a header and in what is bound.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 100 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Seals with the key of the node that says it.
pub(crate) fn seal(keys: &dyn KeyStore, node: &str, bound: &str, plain: &[u8]) -> Option<(Nonce, Vec<u8>)> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).ok()?;
    let payload = Payload { msg: plain, aad: bound.as_bytes() };
    let sealed = cipher(keys, node).encrypt(&XNonce::from(nonce), payload).ok()?;
    Some((nonce, [&nonce, sealed.as_slice()].concat()))
}

/// Opens what the node said; `None` when it did not say that.
pub(crate) fn open(keys: &dyn KeyStore, node: &str, bound: &str, sealed: &[u8]) -> Option<(Nonce, Vec<u8>)> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: sealed, aad: bound.as_bytes() };
    let plain = cipher(keys, node).decrypt(&XNonce::from(*nonce), payload).ok()?;
    Some((*nonce, plain))
}

fn cipher(keys: &dyn KeyStore, node: &str) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&keys.keyed_hash(KEY_DOMAIN, node.as_bytes()).into())
}
