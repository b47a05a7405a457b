//! Documents as they were parsed, for the next request with the same text: clients send few texts, again and again.

use std::sync::Arc;

use async_graphql::ServerError;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use lru::LruCache;
use parking_lot::Mutex;

/// Bytes of all texts that are kept. A field takes two bytes of text at least, and some 300 when it is parsed: whatever
/// strangers send fits in 64 MiB. Queries of a portal have some 500 bytes, so that 800 of them are kept.
const KEPT_BYTES_MAX: usize = 400 * 1024;
/// A longer text is parsed every time.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// A text by its SHA-256.
pub(super) type Digest = [u8; 32];

/// The documents asked for last.
pub(super) struct Documents(Mutex<Kept>);

struct Kept {
    documents: LruCache<Digest, (Arc<ExecutableDocument>, usize)>,
    /// Of their texts.
    bytes: usize,
}

impl Default for Documents {
    fn default() -> Documents {
        Documents(Mutex::new(Kept { documents: LruCache::unbounded(), bytes: 0 }))
    }
}

impl Documents {
    /// The document with this text.
    pub(super) fn parsed(&self, digest: Digest, text: &str) -> Result<Arc<ExecutableDocument>, ServerError> {
        if let Some((known, _)) = self.0.lock().documents.get(&digest) {
            return Ok(Arc::clone(known));
        }
        let document = Arc::new(parse_query(text)?);
        if text.len() <= TEXT_BYTES_MAX {
            self.0.lock().keep(digest, Arc::clone(&document), text.len());
        }
        Ok(document)
    }
}

impl Kept {
    fn keep(&mut self, digest: Digest, document: Arc<ExecutableDocument>, bytes: usize) {
        self.bytes += bytes;
        let before = self.documents.put(digest, (document, bytes));
        self.bytes -= before.map_or(0, |(_, bytes)| bytes);
        while self.bytes > KEPT_BYTES_MAX {
            let Some((_, (_, oldest))) = self.documents.pop_lru() else { break };
            self.bytes -= oldest;
        }
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
        let field = "a".repeat(1_000);
        for number in 0..1_000 {
            parsed(&documents, &format!("{{ {field}{number} }}")).expect("a document");
        }
        let kept = documents.0.lock();
        assert!(kept.bytes <= KEPT_BYTES_MAX && kept.documents.len() > 300, "{} bytes", kept.bytes);
        assert_eq!(kept.bytes, kept.documents.iter().map(|(_, (_, bytes))| bytes).sum::<usize>());
        drop(kept);
        let long = format!("{{ {} }}", "a ".repeat(TEXT_BYTES_MAX));
        let (first, again) = (parsed(&documents, &long), parsed(&documents, &long));
        assert!(!Arc::ptr_eq(&first.expect("a document"), &again.expect("a document")));
    }

    #[test]
    fn a_field_takes_no_more_than_the_limit_reckons_with() {
        let size = size_of::<async_graphql::Positioned<async_graphql::parser::types::Selection>>();
        assert!(size <= 300, "{size} bytes");
    }
}
