//! Documents as they were parsed, and how their answers are completed, for the next request with the same text: clients
//! send few texts, again and again.

use std::sync::{Arc, OnceLock};

use async_graphql::ServerError;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument};
use lru::LruCache;
use parking_lot::Mutex;

use super::complete::{Plan, Shapes};

/// Bytes of all texts that are kept. A field takes two bytes of text at least, some 300 when it is parsed and 100 when it
/// is planned: whatever strangers send fits in 64 MiB. Queries of a portal have some 500 bytes, so that 650 of them are
/// kept.
const KEPT_BYTES_MAX: usize = 320 * 1024;
/// A longer text is parsed every time.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// A field and what parts it from the next.
const FIELD_BYTES_MIN: usize = 2;

/// A text by its SHA-256.
pub(super) type Digest = [u8; 32];

/// One that was parsed.
pub(super) struct Document {
    pub(super) parsed: ExecutableDocument,
    /// Of its text.
    bytes: usize,
    plan: OnceLock<Arc<Plan>>,
}

/// The documents asked for last.
pub(super) struct Documents(Mutex<Kept>);

struct Kept {
    documents: LruCache<Digest, Arc<Document>>,
    /// Of their texts.
    bytes: usize,
}

impl Document {
    /// How the answer to an operation of it, which must be valid, is completed; `None` for what needs nothing.
    pub(super) fn plan(&self, shapes: &Shapes, wanted: Option<&str>) -> Option<Arc<Plan>> {
        if let Some(plan) = self.plan.get() {
            return Some(Arc::clone(plan));
        }
        let plan = Arc::new(shapes.plan(&self.parsed, wanted)?);
        // Fragments that are used again and again make many fields of a short text; such a plan is not worth its memory.
        let is_small = plan.fields() * FIELD_BYTES_MIN <= self.bytes;
        if is_small && self.has_one_operation() {
            let _ = self.plan.set(Arc::clone(&plan)); // Another request may have been first, with the same.
        }
        Some(plan)
    }

    fn has_one_operation(&self) -> bool {
        match &self.parsed.operations {
            DocumentOperations::Single(_) => true,
            DocumentOperations::Multiple(operations) => operations.len() == 1,
        }
    }
}

impl Default for Documents {
    fn default() -> Documents {
        Documents(Mutex::new(Kept { documents: LruCache::unbounded(), bytes: 0 }))
    }
}

impl Documents {
    /// The document with this text.
    pub(super) fn parsed(&self, digest: Digest, text: &str) -> Result<Arc<Document>, ServerError> {
        if let Some(known) = self.0.lock().documents.get(&digest) {
            return Ok(Arc::clone(known));
        }
        let document = Document { parsed: parse_query(text)?, bytes: text.len(), plan: OnceLock::new() };
        let document = Arc::new(document);
        if document.bytes <= TEXT_BYTES_MAX {
            self.0.lock().keep(digest, Arc::clone(&document));
        }
        Ok(document)
    }
}

impl Kept {
    fn keep(&mut self, digest: Digest, document: Arc<Document>) {
        self.bytes += document.bytes;
        let before = self.documents.put(digest, document);
        self.bytes -= before.map_or(0, |before| before.bytes);
        while self.bytes > KEPT_BYTES_MAX {
            let Some((_, oldest)) = self.documents.pop_lru() else { break };
            self.bytes -= oldest.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::Sha256;

    use super::*;

    fn parsed(documents: &Documents, text: &str) -> Result<Arc<Document>, ServerError> {
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
        assert!(kept.bytes <= KEPT_BYTES_MAX && kept.documents.len() > 250, "{} bytes", kept.bytes);
        assert_eq!(kept.bytes, kept.documents.iter().map(|(_, document)| document.bytes).sum::<usize>());
        drop(kept);
        let long = format!("{{ {} }}", "a ".repeat(TEXT_BYTES_MAX));
        let (first, again) = (parsed(&documents, &long), parsed(&documents, &long));
        assert!(!Arc::ptr_eq(&first.expect("a document"), &again.expect("a document")));
    }

    #[test]
    fn a_field_takes_no_more_than_the_limit_reckons_with() {
        let size = size_of::<async_graphql::Positioned<async_graphql::parser::types::Selection>>();
        assert!(size <= 300, "{size} bytes");
        let planned = size_of::<crate::operation::complete::Planned>();
        assert!(planned <= 100, "{planned} bytes");
    }

    #[test]
    fn an_answer_is_planned_once_unless_that_takes_more_memory_than_the_text_says() {
        let shapes = Shapes::of("type Query { a: Query b: Int }");
        let documents = Documents::default();
        let plan = |text: &str, wanted: Option<&str>| {
            parsed(&documents, text).expect("a document").plan(&shapes, wanted).expect("a plan")
        };
        let is_kept = |text: &str| Arc::ptr_eq(&plan(text, None), &plan(text, None));
        assert!(is_kept("{ a { b } }") && is_kept("query Named { a { b } }"));
        let (one, other) = ("query One { b }", "query Other { a { b } b }");
        assert_eq!(plan(&format!("{one} {other}"), Some("One")).fields(), 1);
        assert_eq!(plan(&format!("{one} {other}"), Some("Other")).fields(), 3, "each operation has a plan of its own");
        let mut text = "fragment F0 on Query { a { b c: b d: b e: b f: b g: b h: b i: b } }".to_owned();
        for n in 1..4 {
            let use_it = format!("...F{}", n - 1);
            text +=
                &format!(" fragment F{n} on Query {{ x: a {{ {use_it} }} y: a {{ {use_it} }} z: a {{ {use_it} }} }}");
        }
        assert!(!is_kept(&format!("{text} query {{ ...F3 }}")));
    }
}
