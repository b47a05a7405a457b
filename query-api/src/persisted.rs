//! Persisted queries, as Apollo's clients ask for them: a query is sent once with its SHA-256 and by the hash alone from
//! then on. They are kept in memory and forgotten when there are too many: the client then sends the query again.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use lru::LruCache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::problem::{Answer, Problem};

/// How many are kept: a portal has a hundred or two.
const QUERIES_MAX: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");
/// A longer one is not kept, so that all of them fit in 16 MiB.
const QUERY_BYTES_MAX: usize = 16 * 1024;

/// `extensions.persistedQuery` of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    version: u32,
    sha256_hash: String,
}

/// The queries known by their hash.
pub(crate) struct Persisted(Mutex<LruCache<[u8; 32], String>>);

impl Default for Persisted {
    fn default() -> Persisted {
        Persisted(Mutex::new(LruCache::new(QUERIES_MAX)))
    }
}

impl Persisted {
    /// The query that a request means.
    pub(crate) fn resolve(&self, query: Option<String>, asked: Option<Asked>) -> Answer<String> {
        let Some(asked) = asked else {
            return query.ok_or_else(|| Problem::at("query", "malformed-body", "`query` is missing"));
        };
        let hash = asked.hash()?;
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match query {
            None => known.get(&hash).cloned().ok_or_else(|| {
                // The words that clients look for before they send the query itself.
                Problem::new("persisted-query-not-found", "PersistedQueryNotFound")
            }),
            Some(query) if <[u8; 32]>::from(Sha256::digest(&query)) != hash => {
                Err(Problem::new("persisted-query-mismatch", "the query is not the one its sha256Hash names"))
            }
            Some(query) => {
                if query.len() <= QUERY_BYTES_MAX {
                    known.put(hash, query.clone());
                }
                Ok(query)
            }
        }
    }
}

impl Asked {
    fn hash(&self) -> Answer<[u8; 32]> {
        let bytes = hex::decode(&self.sha256_hash).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.filter(|_| self.version == 1).ok_or_else(|| {
            Problem::new("malformed-body", "persistedQuery is version 1 with a sha256Hash of 64 hex digits")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Option<Asked> {
        Some(Asked { version: 1, sha256_hash: hex::encode(Sha256::digest(query)) })
    }

    #[test]
    fn a_query_sent_once_is_known_by_its_hash() {
        let persisted = Persisted::default();
        let code = |answer: Answer<String>| answer.map_err(|problem| problem.code);
        assert_eq!(code(persisted.resolve(None, asked("{ a }"))), Err("persisted-query-not-found"));
        assert_eq!(code(persisted.resolve(Some("{ b }".to_owned()), asked("{ a }"))), Err("persisted-query-mismatch"));
        assert_eq!(code(persisted.resolve(None, asked("{ a }"))), Err("persisted-query-not-found"));
        assert_eq!(persisted.resolve(Some("{ a }".to_owned()), asked("{ a }")), Ok("{ a }".to_owned()));
        assert_eq!(persisted.resolve(None, asked("{ a }")), Ok("{ a }".to_owned()));
        let short = Asked { version: 1, sha256_hash: "ab".to_owned() };
        assert_eq!(code(persisted.resolve(None, Some(short))), Err("malformed-body"));
        assert_eq!(code(persisted.resolve(None, None)), Err("malformed-body"));
    }

    #[test]
    fn the_queries_of_a_stranger_do_not_fill_the_memory() {
        let persisted = Persisted::default();
        for number in 0..2_000 {
            let query = format!("{{ a{number} }}");
            persisted.resolve(Some(query.clone()), asked(&query)).expect("kept");
        }
        assert_eq!(persisted.0.lock().expect("not poisoned").len(), 1_000);
        let long = format!("{{ {} }}", "a ".repeat(20_000));
        persisted.resolve(Some(long.clone()), asked(&long)).expect("answered");
        assert!(persisted.resolve(None, asked(&long)).is_err());
    }
}
