//! Documents as they were parsed, for the next request with the same text: clients send few texts, again and again.

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_graphql::ServerError;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use lru::LruCache;
use parking_lot::Mutex;

/// How many are kept.
const DOCUMENTS_MAX: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");
/// A longer text is parsed every time. Parsed, a text takes some twenty times its length: all of them fit in 64 MiB.
const TEXT_BYTES_MAX: usize = 6 * 1024;

/// A text by its SHA-256.
pub(super) type Digest = [u8; 32];

/// The documents asked for last.
pub(super) struct Documents(Mutex<LruCache<Digest, Arc<ExecutableDocument>>>);

impl Default for Documents {
    fn default() -> Documents {
        Documents(Mutex::new(LruCache::new(DOCUMENTS_MAX)))
    }
}

impl Documents {
    /// The document with this text.
    pub(super) fn parsed(&self, digest: Digest, text: &str) -> Result<Arc<ExecutableDocument>, ServerError> {
        if let Some(known) = self.0.lock().get(&digest) {
            return Ok(Arc::clone(known));
        }
        let document = Arc::new(parse_query(text)?);
        if text.len() <= TEXT_BYTES_MAX {
            self.0.lock().put(digest, Arc::clone(&document));
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use sha2::Sha256;

    use super::*;

    fn parsed(documents: &Documents, text: &str) -> Result<Arc<ExecutableDocument>, ServerError> {
        documents.parsed(<Sha256 as sha2::Digest>::digest(text).into(), text)
    }

    #[test]
    fn a_text_is_parsed_once_and_one_that_is_not_graphql_is_refused_every_time() {
        let documents = Documents::default();
        let (first, again) = (parsed(&documents, "{ a }"), parsed(&documents, "{ a }"));
        assert!(Arc::ptr_eq(&first.expect("a document"), &again.expect("a document")));
        assert!(parsed(&documents, "{ a").is_err() && parsed(&documents, "{ a").is_err());
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let documents = Documents::default();
        for number in 0..1_000 {
            parsed(&documents, &format!("{{ a{number} }}")).expect("a document");
        }
        assert_eq!(documents.0.lock().len(), DOCUMENTS_MAX.get());
        let long = format!("{{ {} }}", "a ".repeat(TEXT_BYTES_MAX));
        let (first, again) = (parsed(&documents, &long), parsed(&documents, &long));
        assert!(!Arc::ptr_eq(&first.expect("a document"), &again.expect("a document")));
    }
}
