//! The chart in documents: each item carries the position it was written from, so that applying twice changes nothing;
//! the checkpoint is a document too, written after everything before it was flushed.

use std::collections::BTreeMap;
use std::sync::Arc;

use carelog_domain::kernel::{Partition, Position, Timestamp};
use carelog_domain::ports::{BoxFuture, Document, DocumentKey, DocumentStore, DocumentWrite, Failure, Root, SqlValue};
use carelog_schemas::read_models::chart::{self, Checkpoint, ItemChange, ItemWhat, Live};
use carelog_schemas::read_models::{Model, Set};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use serde_json::Value;

use crate::change::Change;
use crate::home::{Entry, Home, Mark, Stored, Work};

const PORT: &str = "projections";
const PAGE_ITEMS: usize = 1_000;
/// Stored items that are read at once: each is a way over the network when the store is not on this machine.
const READ_AT_ONCE: usize = 16;

pub(crate) struct DocumentHome {
    store: Arc<dyn DocumentStore>,
    model: &'static Model,
    /// Applied, but their checkpoint is not written yet.
    unsettled: Mutex<BTreeMap<(Set, Partition), Mark>>,
}

/// Changes of one item in order, with where they come from.
type Changes<'a> = Vec<(Position, &'a ItemWhat)>;

impl DocumentHome {
    pub(crate) fn new(store: Arc<dyn DocumentStore>, model: &'static Model) -> DocumentHome {
        DocumentHome { store, model, unsettled: Mutex::default() }
    }

    async fn live_document(&self) -> Result<Option<(Live, Position)>, Failure> {
        let Some(document) = self.store.get(&chart::live_key()).await? else { return Ok(None) };
        let live = serde_json::from_value(document.body).map_err(|error| damaged(self.model, error))?;
        Ok(Some((live, document.position)))
    }

    async fn name_live(&self, set: Set) -> Result<(), Failure> {
        // Positions only order writes of one item; here they count the switches.
        let switches = self.live_document().await?.map_or(0, |(_, position)| position.offset + 1);
        let live = Live { live: set.word().to_owned(), layout: self.model.layout() };
        let write = DocumentWrite {
            key: chart::live_key(),
            position: Position { partition: Partition(0), offset: switches },
            body: Some(serde_json::to_value(live).map_err(|error| damaged(self.model, error))?),
        };
        self.store.write(vec![write]).await?;
        self.store.flush().await
    }

    async fn prepare_set(&self) -> Result<Set, Failure> {
        match self.live_document().await? {
            Some((live, _)) if live.layout == self.model.layout() => {
                return live_set(&live);
            }
            Some(_) => tracing::warn!(model = self.model.name, "the items have another layout: building them anew"),
            None => {}
        }
        // Of several processes that begin at once with nothing, one may write items already when another comes here: what
        // is empty is not emptied.
        let empty = self.is_empty(Set::A).await? && self.is_empty(Set::B).await?;
        if !empty
            && let Some((live, _)) = self.live_document().await?.filter(|(live, _)| live.layout == self.model.layout())
        {
            return live_set(&live);
        }
        if !empty {
            self.begin_set(Set::A).await?;
            self.begin_set(Set::B).await?;
        }
        self.name_live(Set::A).await?;
        Ok(Set::A)
    }

    async fn is_empty(&self, set: Set) -> Result<bool, Failure> {
        let items = self.store.scan(&chart::table(set), None, 1).await?.items;
        let checkpoints = self.store.query(&chart::checkpoints_key(set), "", None, 1).await?.items;
        Ok(items.is_empty() && checkpoints.is_empty())
    }

    async fn begin_set(&self, set: Set) -> Result<(), Failure> {
        self.unsettled.lock().retain(|(unsettled, _), _| *unsettled != set);
        self.store.clear(&checkpoints_table(set)).await?;
        self.store.clear(&chart::table(set)).await?;
        self.store.flush().await
    }

    async fn write_items(&self, set: Set, work: &Work) -> Result<(), Failure> {
        let mut by_item: BTreeMap<DocumentKey, Changes<'_>> = BTreeMap::new();
        for (position, changes) in &work.changes {
            for change in changes {
                if let Change::Item(change) = change {
                    by_item.entry(key(set, change)).or_default().push((*position, &change.what));
                }
            }
        }
        // Collected first: the compiler does not see that a stream of them may move between threads.
        let next: Vec<_> = by_item.into_iter().map(|(key, changes)| self.next(key, changes)).collect();
        let next = stream::iter(next).buffered(READ_AT_ONCE);
        let writes: Vec<DocumentWrite> = next.try_filter_map(|write| async { Ok(write) }).try_collect().await?;
        if !writes.is_empty() {
            self.store.write(writes).await?;
        }
        self.unsettled.lock().insert((set, work.to.partition), work.to.clone());
        Ok(())
    }

    /// The write that carries out what is newer than the stored item.
    async fn next(&self, key: DocumentKey, changes: Changes<'_>) -> Result<Option<DocumentWrite>, Failure> {
        let begins_anew = matches!(changes.first(), Some((_, ItemWhat::Put(_))));
        let stored = if begins_anew { None } else { self.store.get(&key).await? };
        let written = stored.as_ref().map(|document| document.position.offset);
        let mut body = stored.map(|document| document.body);
        let mut last = None;
        for (position, what) in changes {
            if written.is_none_or(|written| position.offset > written || last == Some(position)) {
                body = chart::changed(body, what);
                last = Some(position);
            }
        }
        Ok(last.filter(|_| body.is_some()).map(|position| DocumentWrite { key, position, body }))
    }

    async fn settle_set(&self, set: Set, partition: Option<Partition>) -> Result<Option<Mark>, Failure> {
        let settling: Vec<Mark> = {
            let unsettled = self.unsettled.lock();
            let chosen = unsettled.iter().filter(|((of, at), _)| *of == set && partition.is_none_or(|it| it == *at));
            chosen.map(|(_, mark)| mark.clone()).collect()
        };
        if settling.is_empty() {
            return Ok(None);
        }
        self.store.flush().await?;
        let writes: Vec<DocumentWrite> = settling.iter().map(|mark| checkpoint(set, mark)).collect();
        self.store.write(writes).await?;
        // A checkpoint further on was left as it is: somebody else works on the partition.
        let stored = self.checkpoints(set).await?;
        let beyond = |mark: &Mark| {
            stored.iter().find(|found| found.partition == mark.partition && found.size > mark.size).cloned()
        };
        let moved = settling.iter().find_map(beyond);
        let mut unsettled = self.unsettled.lock();
        for mark in settling {
            if unsettled.get(&(set, mark.partition)) == Some(&mark) {
                unsettled.remove(&(set, mark.partition));
            }
        }
        Ok(moved)
    }

    /// The checkpoints of a set, and what was applied here beyond them.
    async fn read_marks(&self, set: Set) -> Result<Vec<Mark>, Failure> {
        let stored = self.checkpoints(set).await?;
        let mut marks: BTreeMap<Partition, Mark> = stored.into_iter().map(|mark| (mark.partition, mark)).collect();
        for ((of, partition), mark) in self.unsettled.lock().iter() {
            if *of == set && marks.get(partition).is_none_or(|stored| stored.size < mark.size) {
                marks.insert(*partition, mark.clone());
            }
        }
        Ok(marks.into_values().collect())
    }

    async fn checkpoints(&self, set: Set) -> Result<Vec<Mark>, Failure> {
        let page = self.store.query(&chart::checkpoints_key(set), "", None, usize::from(u16::MAX)).await?;
        page.items.into_iter().map(|item| self.mark(item)).collect()
    }

    async fn stored_marks(&self) -> Result<Option<Stored>, Failure> {
        let Some((live, _)) = self.live_document().await? else { return Ok(None) };
        let set = live_set(&live)?;
        Ok(Some(Stored { set, marks: self.checkpoints(set).await? }))
    }

    fn mark(&self, document: Document) -> Result<Mark, Failure> {
        let checkpoint: Checkpoint =
            serde_json::from_value(document.body).map_err(|error| damaged(self.model, error))?;
        let mut root = [0u8; 32];
        hex::decode_to_slice(&checkpoint.root, &mut root).map_err(|error| damaged(self.model, error))?;
        Ok(Mark {
            partition: Partition(checkpoint.partition),
            size: checkpoint.size,
            root: Root(root),
            recorded_at: checkpoint.recorded_at.map(Timestamp::from_micros),
        })
    }

    async fn page_of(&self, set: Set, after: Option<&Entry>) -> Result<Vec<Entry>, Failure> {
        let table = chart::table(set);
        let after = after.and_then(|last| {
            let subject = last.key.first()?.text()?;
            let sort_key = last.key.get(1)?.text()?.to_owned();
            Some(DocumentKey { partition_key: format!("{table}#{subject}"), sort_key })
        });
        let page = self.store.scan(&table, after.as_ref(), PAGE_ITEMS).await?;
        Ok(page.items.into_iter().map(entry).collect())
    }
}

fn live_set(live: &Live) -> Result<Set, Failure> {
    Set::from_word(&live.live).ok_or_else(|| Failure::lasting(PORT, "the chart's live set is damaged; rebuild it"))
}

fn checkpoints_table(set: Set) -> String {
    chart::checkpoints_key(set).trim_end_matches("#chart").to_owned()
}

fn key(set: Set, change: &ItemChange) -> DocumentKey {
    DocumentKey { partition_key: chart::partition_key(set, change.patient), sort_key: change.sort_key.clone() }
}

fn checkpoint(set: Set, mark: &Mark) -> DocumentWrite {
    let body = Checkpoint {
        partition: mark.partition.0,
        size: mark.size,
        root: mark.root.to_string(),
        recorded_at: mark.recorded_at.map(Timestamp::micros),
    };
    DocumentWrite {
        key: DocumentKey { partition_key: chart::checkpoints_key(set), sort_key: format!("{:05}", mark.partition.0) },
        position: Position { partition: mark.partition, offset: mark.size.saturating_sub(1) },
        body: Some(serde_json::to_value(body).expect("numbers and texts always become JSON")),
    }
}

fn entry(document: Document) -> Entry {
    let subject = document.key.partition_key.split_once('#').map_or("", |(_, subject)| subject);
    let fields = match document.body {
        Value::Object(fields) => fields.into_iter().collect(),
        other => vec![("body".to_owned(), other)],
    };
    Entry { key: vec![SqlValue::from(subject), SqlValue::from(document.key.sort_key)], fields }
}

fn damaged(model: &Model, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::lasting(PORT, format!("a document of {} is damaged; rebuild it", model.name)).caused_by(error)
}

impl Home for DocumentHome {
    fn prepare(&self) -> BoxFuture<'_, Result<Set, Failure>> {
        Box::pin(self.prepare_set())
    }

    fn live(&self) -> BoxFuture<'_, Result<Option<Set>, Failure>> {
        Box::pin(async { Ok(self.live_document().await?.and_then(|(live, _)| Set::from_word(&live.live))) })
    }

    fn marks(&self, set: Set) -> BoxFuture<'_, Result<Vec<Mark>, Failure>> {
        Box::pin(self.read_marks(set))
    }

    fn apply<'a>(&'a self, set: Set, work: &'a Work) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.write_items(set, work))
    }

    fn stored(&self) -> BoxFuture<'_, Result<Option<Stored>, Failure>> {
        Box::pin(self.stored_marks())
    }

    fn settle(&self, set: Set, partition: Option<Partition>) -> BoxFuture<'_, Result<Option<Mark>, Failure>> {
        Box::pin(self.settle_set(set, partition))
    }

    fn forget(&self, set: Set, partition: Partition) {
        self.unsettled.lock().remove(&(set, partition));
    }

    fn begin(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            if self.live_document().await?.is_some_and(|(live, _)| live.live == set.word()) {
                let message = "the set that was to be filled is the live one by now; ask again";
                return Err(Failure::lasting(PORT, message));
            }
            self.begin_set(set).await
        })
    }

    fn discard(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.begin_set(set))
    }

    fn retire(&self, _set: Set) -> BoxFuture<'_, Result<(), Failure>> {
        // A reader may have asked which set is live just before the switch: its items stay until the next rebuild.
        Box::pin(std::future::ready(Ok(())))
    }

    fn switch<'a>(&'a self, set: Set, _marks: &'a [Mark]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.settle_set(set, None).await?;
            self.name_live(set).await
        })
    }

    fn page<'a>(
        &'a self,
        set: Set,
        _table: usize,
        after: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Failure>> {
        Box::pin(self.page_of(set, after))
    }

    fn tables(&self) -> Vec<&'static str> {
        vec!["chart"]
    }
}
