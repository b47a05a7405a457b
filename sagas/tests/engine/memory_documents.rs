//! Documents in memory, with the rule that an older write never replaces a newer one.

use std::collections::BTreeMap;

use carelog_domain::kernel::Position;
use carelog_domain::ports::{BoxFuture, Document, DocumentKey, DocumentStore, DocumentWrite, Failure, Page};
use parking_lot::Mutex;
use serde_json::Value;

#[derive(Default)]
pub(crate) struct MemoryDocuments {
    items: Mutex<BTreeMap<DocumentKey, (Position, Option<Value>)>>,
    /// How often something was written under a partition key.
    written: Mutex<BTreeMap<String, usize>>,
    /// What can be neither read nor written, and the position at which it was last to be written.
    refused: Mutex<Option<(DocumentKey, Option<Position>)>>,
}

impl MemoryDocuments {
    /// Puts something in as if it had always been there.
    pub(crate) fn forge(&self, partition_key: &str, change: impl Fn(&mut Value)) {
        for (key, (_, body)) in self.items.lock().iter_mut() {
            if key.partition_key == partition_key
                && let Some(body) = body
            {
                change(body);
            }
        }
    }

    pub(crate) fn count(&self, partition_key: &str) -> usize {
        let items = self.items.lock();
        items.iter().filter(|(key, (_, body))| key.partition_key == partition_key && body.is_some()).count()
    }

    /// How often something was written under a partition key.
    pub(crate) fn written(&self, partition_key: &str) -> usize {
        self.written.lock().get(partition_key).copied().unwrap_or_default()
    }

    /// Refuses whoever reads or writes this document.
    pub(crate) fn refuse(&self, partition_key: &str, sort_key: &str) {
        let key = DocumentKey { partition_key: partition_key.to_owned(), sort_key: sort_key.to_owned() };
        *self.refused.lock() = Some((key, None));
    }

    /// Refuses nobody any more.
    pub(crate) fn refuse_nothing(&self) {
        *self.refused.lock() = None;
    }

    /// At which position the document that is refused was last to be written.
    pub(crate) fn refused_at(&self) -> Option<Position> {
        self.refused.lock().as_ref().and_then(|(_, position)| *position)
    }

    pub(crate) fn forget_all(&self) {
        self.items.lock().clear();
    }
}

impl DocumentStore for MemoryDocuments {
    fn write(&self, writes: Vec<DocumentWrite>) -> BoxFuture<'_, Result<(), Failure>> {
        if let Some((refused, position)) = &mut *self.refused.lock()
            && let Some(write) = writes.iter().find(|write| write.key == *refused)
        {
            *position = Some(write.position);
            return Box::pin(async { Err(Failure::passing("documents", "refused by the test")) });
        }
        let mut items = self.items.lock();
        for write in writes {
            *self.written.lock().entry(write.key.partition_key.clone()).or_default() += 1;
            let newer = items.get(&write.key).is_none_or(|(position, _)| *position < write.position);
            if newer {
                items.insert(write.key, (write.position, write.body));
            }
        }
        Box::pin(async { Ok(()) })
    }

    fn get(&self, key: &DocumentKey) -> BoxFuture<'_, Result<Option<Document>, Failure>> {
        if self.refused.lock().as_ref().is_some_and(|(refused, _)| refused == key) {
            return Box::pin(async { Err(Failure::passing("documents", "refused by the test")) });
        }
        let items = self.items.lock();
        let found = items
            .get(key)
            .and_then(|(position, body)| Some(Document { key: key.clone(), position: *position, body: body.clone()? }));
        Box::pin(async { Ok(found) })
    }

    fn query(
        &self,
        partition_key: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, Failure>> {
        let items = self.items.lock();
        let live = items.iter().filter_map(|(key, (position, body))| {
            let wanted = key.partition_key == partition_key
                && key.sort_key.starts_with(prefix)
                && after.is_none_or(|after| key.sort_key.as_str() > after);
            let body = body.clone().filter(|_| wanted)?;
            Some(Document { key: key.clone(), position: *position, body })
        });
        let mut found: Vec<Document> = live.take(limit + 1).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = if more { found.last().map(|last| last.key.clone()) } else { None };
        Box::pin(async { Ok(Page { items: found, next }) })
    }

    fn scan(&self, _: &str, _: Option<&DocumentKey>, _: usize) -> BoxFuture<'_, Result<Page, Failure>> {
        unreachable!("the engine scans nothing")
    }

    fn clear(&self, _: &str) -> BoxFuture<'_, Result<(), Failure>> {
        unreachable!("the engine clears nothing")
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }
}
