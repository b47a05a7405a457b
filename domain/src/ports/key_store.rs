//! The keys that personal data is sealed with, one for each subject and purpose, outside the log. Destroying a key
//! erases what it sealed, everywhere.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{BoxFuture, Failure};
use crate::kernel::Purpose;

/// Keys by subject and purpose.
pub trait KeyStore: Send + Sync {
    /// The key to seal with, made if there is none; durable before this returns. Fails for a subject whose key was
    /// erased.
    fn sealing_key(&self, subject: Uuid, purpose: Purpose) -> BoxFuture<'_, Result<(KeyId, DataKey), Failure>>;

    /// The key something was sealed with. A key that is missing or cannot be reached is a failure, never `Erased`.
    fn opening_key(&self, id: KeyId) -> BoxFuture<'_, Result<KeyState, Failure>>;

    /// Destroys a key and records that it was; durable when it returns.
    fn erase(&self, subject: Uuid, purpose: Purpose) -> BoxFuture<'_, Result<(), Failure>>;

    /// A hash of `data` under a secret of the chain, separate for each `domain`: for names that must not reveal what
    /// they name (identifier claims, file hashes, fingerprints).
    fn keyed_hash(&self, domain: &str, data: &[u8]) -> [u8; 32];
}

/// A key's name: whose, what for, and its number among those (1, 2 ...). Written `<subject>.<purpose>.<number>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyId {
    /// The person it belongs to: a patient's or practitioner's id.
    pub subject: Uuid,
    /// What it is for.
    pub purpose: Purpose,
    /// Its number, from 1.
    pub number: u32,
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.subject, self.purpose.word(), self.number)
    }
}

impl FromStr for KeyId {
    type Err = crate::kernel::place::NotAPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split('.');
            let subject = Uuid::parse_str(parts.next()?).ok()?;
            let purpose = Purpose::from_word(parts.next()?)?;
            let number = parts.next()?.parse().ok()?;
            parts.next().is_none().then_some(KeyId { subject, purpose, number })
        };
        parse().ok_or_else(|| crate::kernel::place::NotAPlace { text: text.to_owned(), expected: "key id" })
    }
}

/// 256 bits that seal and open. Not shown, not serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(pub [u8; 32]);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

/// What became of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyState {
    /// Still there.
    Live(DataKey),
    /// Destroyed, and a tombstone says so.
    Erased,
}
