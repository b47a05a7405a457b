//! The chart in documents: each item carries the position it was written from, so that applying twice changes nothing;
//! the checkpoint is a document too, written after everything before it was flushed.

use std::collections::BTreeMap;
use std::sync::Arc;

use carelog_domain::kernel::{Partition, Position, Timestamp};
use carelog_domain::ports::{BoxFuture, Document, DocumentKey, DocumentStore, DocumentWrite, Failure, Root, SqlValue};
use carelog_schemas::read_models::chart::{self, Checkpoint, ItemChange, ItemWhat, Keys, Live};
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
    /// Those of its layout.
    keys: Keys,
    /// Applied, but their checkpoint is not written yet.
    unsettled: Mutex<BTreeMap<(Set, Partition), Mark>>,
}

/// Changes of one item in order, with where they come from.
type Changes<'a> = Vec<(Position, &'a ItemWhat)>;

impl DocumentHome {
    pub(crate) fn new(store: Arc<dyn DocumentStore>, model: &'static Model) -> DocumentHome {
        DocumentHome::in_layout(store, model, model.layout())
    }

    /// That of another version of the program.
    pub(crate) fn in_layout(store: Arc<dyn DocumentStore>, model: &'static Model, layout: String) -> DocumentHome {
        DocumentHome { store, model, keys: Keys::of(layout), unsettled: Mutex::default() }
    }

    /// The read model in this layout.
    pub(crate) fn key(&self) -> String {
        self.model.key_in(self.keys.layout())
    }

    /// Removes all there is of this layout: first it is shown to nobody any more, at last it is not there any more.
    pub(crate) async fn remove(&self) -> Result<(), Failure> {
        self.say_until(|found| Live { filled: false, ..found }).await?;
        for set in [Set::A, Set::B, Set::Beside] {
            self.begin_set(set).await?;
        }
        self.say_until(|_| Live { live: None, filled: false }).await
    }

    /// What is said about the layout, and how often something was.
    async fn said(&self) -> Result<(Live, u64), Failure> {
        let Some(document) = self.store.get(&self.keys.live()).await? else {
            return Ok((Live { live: None, filled: false }, 0));
        };
        let live = serde_json::from_value(document.body).map_err(|error| damaged(self.model, error))?;
        Ok((live, document.position.offset + 1))
    }

    /// Says something about the layout, unless somebody has said something after so many times.
    async fn say(&self, live: &Live, times: u64) -> Result<(), Failure> {
        let write = DocumentWrite {
            key: self.keys.live(),
            // Positions only order writes of one item.
            position: Position { partition: Partition(0), offset: times },
            body: Some(serde_json::to_value(live).map_err(|error| damaged(self.model, error))?),
        };
        self.store.write(vec![write]).await?;
        self.store.flush().await
    }

    /// The live set; none where nothing is, or is any more.
    async fn live_set(&self) -> Result<Option<(Set, bool)>, Failure> {
        let (Live { live, filled }, _) = self.said().await?;
        let damaged = || Failure::lasting(PORT, "the chart's live set is damaged; rebuild it");
        live.map(|word| Ok((Set::from_word(&word).ok_or_else(damaged)?, filled))).transpose()
    }

    async fn prepare_set(&self) -> Result<Stored, Failure> {
        let (found, times) = self.said().await?;
        if found.live.is_none() {
            // Of several processes that begin at once the first is heard.
            self.say(&live(Set::A, false), times).await?;
        }
        self.stored_marks().await?.ok_or_else(|| Failure::passing(PORT, "the chart was removed just now; start again"))
    }

    /// Changes what is said about the layout, however often somebody says something else meanwhile.
    async fn say_until(&self, wanted: impl Fn(Live) -> Live) -> Result<(), Failure> {
        loop {
            let (found, times) = self.said().await?;
            let wanted = wanted(found.clone());
            if found == wanted {
                return Ok(());
            }
            self.say(&wanted, times).await?;
        }
    }

    async fn begin_set(&self, set: Set) -> Result<(), Failure> {
        self.unsettled.lock().retain(|(unsettled, _), _| *unsettled != set);
        self.store.clear(&self.keys.checkpoints_table(set)).await?;
        self.store.clear(&self.keys.table(set)).await?;
        self.store.flush().await
    }

    async fn write_items(&self, set: Set, work: &Work) -> Result<(), Failure> {
        let mut by_item: BTreeMap<DocumentKey, Changes<'_>> = BTreeMap::new();
        for (position, changes) in &work.changes {
            for change in changes {
                if let Change::Item(change) = change {
                    by_item.entry(self.item_key(set, change)).or_default().push((*position, &change.what));
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
        let writes: Vec<DocumentWrite> = settling.iter().map(|mark| self.checkpoint(set, mark)).collect();
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
        let page = self.store.query(&self.keys.checkpoints(set), "", None, usize::from(u16::MAX)).await?;
        page.items.into_iter().map(|item| self.mark(item)).collect()
    }

    async fn stored_marks(&self) -> Result<Option<Stored>, Failure> {
        let Some((set, filled)) = self.live_set().await? else { return Ok(None) };
        Ok(Some(Stored { set, marks: self.checkpoints(set).await?, filled }))
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

    fn item_key(&self, set: Set, change: &ItemChange) -> DocumentKey {
        DocumentKey { partition_key: self.keys.patient(set, change.patient), sort_key: change.sort_key.clone() }
    }

    fn checkpoint(&self, set: Set, mark: &Mark) -> DocumentWrite {
        let body = Checkpoint {
            partition: mark.partition.0,
            size: mark.size,
            root: mark.root.to_string(),
            recorded_at: mark.recorded_at.map(Timestamp::micros),
        };
        DocumentWrite {
            key: DocumentKey {
                partition_key: self.keys.checkpoints(set),
                sort_key: format!("{:05}", mark.partition.0),
            },
            position: Position { partition: mark.partition, offset: mark.size.saturating_sub(1) },
            body: Some(serde_json::to_value(body).expect("numbers and texts always become JSON")),
        }
    }

    async fn page_of(&self, set: Set, after: Option<&Entry>) -> Result<Vec<Entry>, Failure> {
        let table = self.keys.table(set);
        let after = after.and_then(|last| {
            let subject = last.key.first()?.text()?;
            let sort_key = last.key.get(1)?.text()?.to_owned();
            Some(DocumentKey { partition_key: format!("{table}#{subject}"), sort_key })
        });
        let page = self.store.scan(&table, after.as_ref(), PAGE_ITEMS).await?;
        Ok(page.items.into_iter().map(entry).collect())
    }
}

fn live(set: Set, filled: bool) -> Live {
    Live { live: Some(set.word().to_owned()), filled }
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
    fn prepare(&self) -> BoxFuture<'_, Result<Stored, Failure>> {
        Box::pin(self.prepare_set())
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

    fn set_filled(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.say_until(|found| Live { filled: found.live.is_some(), ..found }))
    }

    fn settle(&self, set: Set, partition: Option<Partition>) -> BoxFuture<'_, Result<Option<Mark>, Failure>> {
        Box::pin(self.settle_set(set, partition))
    }

    fn forget(&self, set: Set, partition: Partition) {
        self.unsettled.lock().remove(&(set, partition));
    }

    fn begin(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            if self.live_set().await?.is_some_and(|(live, _)| live == set) {
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
            self.say_until(|found| Live { live: Some(set.word().to_owned()), ..found }).await
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
