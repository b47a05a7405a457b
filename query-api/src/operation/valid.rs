//! Requests that were found to be valid: of the same text, operation and variables validation says the same again, and it
//! takes longer than much that is asked for.

use std::num::NonZeroUsize;

use async_graphql::Request;
use lru::LruCache;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::documents::Digest;

/// How many are known: some hundred bytes each.
const KNOWN_MAX: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");

/// Those asked last.
pub(super) struct Valid(Mutex<LruCache<Digest, ()>>);

impl Default for Valid {
    fn default() -> Valid {
        Valid(Mutex::new(LruCache::new(KNOWN_MAX)))
    }
}

impl Valid {
    pub(super) fn is_known(&self, asked: &Digest) -> bool {
        self.0.lock().get(asked).is_some()
    }

    /// The request passed validation.
    pub(super) fn passed(&self, asked: Digest) {
        self.0.lock().put(asked, ());
    }
}

/// All that validation looks at: the text, by its digest, and what came with it.
pub(super) fn asked(text: &Digest, request: &Request) -> Digest {
    let beside = serde_json::to_vec(&(&request.operation_name, &request.variables)).expect("names and values are JSON");
    Sha256::new_with_prefix(text).chain_update(beside).finalize().into()
}

#[cfg(test)]
mod tests {
    use async_graphql::Variables;
    use serde_json::json;

    use super::*;

    #[test]
    fn another_operation_or_variable_is_another_request() {
        let request = |operation: Option<&str>, variables| {
            let mut request = Request::new("query A($n: Int) { a(n: $n) }").variables(Variables::from_json(variables));
            request.operation_name = operation.map(str::to_owned);
            asked(&[7; 32], &request)
        };
        let first = request(Some("A"), json!({ "n": 1 }));
        assert_eq!(first, request(Some("A"), json!({ "n": 1 })));
        let others = [
            request(None, json!({ "n": 1 })),
            request(Some("B"), json!({ "n": 1 })),
            request(Some("A"), json!({ "n": "1" })),
            request(Some("A"), json!({ "n": null })),
            request(Some("A"), json!({})),
            asked(&[8; 32], &Request::new("").operation_name("A").variables(Variables::from_json(json!({ "n": 1 })))),
        ];
        assert!(others.iter().all(|other| *other != first));
    }
}
