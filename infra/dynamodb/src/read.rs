//! Reading items, partition keys and tables.

use carelog_domain::kernel::Position;
use carelog_domain::ports::{Document, DocumentKey, Failure, Page};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::body;
use crate::failure::PORT;
use crate::following::following;
use crate::item::{Content, Item};
use crate::parts;
use crate::range::Range;
use crate::table::{Asked, Table};

/// Items in parts, and partition keys of a scan, read at once.
const AT_ONCE: usize = 8;
/// Times that a body is looked for before its item is said to change too fast.
const TRIES: u32 = 10;

/// An item's body as it is stored.
struct Found {
    key: DocumentKey,
    position: Position,
    body: Vec<u8>,
}

pub(crate) async fn get(table: &Table, key: &DocumentKey) -> Result<Option<Document>, Failure> {
    key.check().map_err(|wrong| Failure::lasting(PORT, wrong))?;
    let Some(stored) = table.get(key).await? else { return Ok(None) };
    let found = find(table, Item::from_attributes(stored)?).await?;
    Ok(documents(found.into_iter().collect()).await?.pop())
}

/// One item more than is wanted tells whether there are more.
pub(crate) async fn query(
    table: &Table,
    partition_key: &str,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Page, Failure> {
    let Some(range) = Range::of(prefix, after) else { return Ok(Page::default()) };
    let (mut items, mut from) = (Vec::new(), None);
    loop {
        let items_max = limit.saturating_add(1) - items.len();
        let asked = Asked { partition_key, range: &range, items_max, from, keys_only: false, backward: false };
        let page = table.page(asked).await?;
        let stored: Vec<Item> =
            page.items.unwrap_or_default().into_iter().map(Item::from_attributes).collect::<Result<_, _>>()?;
        let stored = stored.into_iter().filter(|item| item.key.sort_key.starts_with(prefix));
        let found = stream::iter(stored).map(|item| find(table, item)).buffered(AT_ONCE);
        let found: Vec<Found> = found.try_filter_map(|found| async { Ok(found) }).try_collect().await?;
        items.extend(documents(found).await?);
        from = page.last_evaluated_key;
        if items.len() > limit || from.is_none() {
            return Ok(up_to(items, limit));
        }
    }
}

pub(crate) async fn scan(
    table: &Table,
    logical: &str,
    after: Option<&DocumentKey>,
    limit: usize,
) -> Result<Page, Failure> {
    let beginning = format!("{logical}#");
    let mut from = after.map_or(&beginning, |after| (&after.partition_key).max(&beginning)).clone();
    let mut items = Vec::new();
    loop {
        let following = following(table, logical, &from).await?;
        let read = |partition_key: String| async move {
            let after = after.filter(|after| after.partition_key == partition_key);
            query(table, &partition_key, "", after.map(|after| after.sort_key.as_str()), limit.saturating_add(1)).await
        };
        let mut pages = stream::iter(following.partition_keys).map(read).buffered(AT_ONCE);
        while let Some(page) = pages.try_next().await? {
            items.extend(page.items);
            if items.len() > limit {
                return Ok(up_to(items, limit));
            }
        }
        match following.next {
            Some(next) => from = next,
            None => return Ok(up_to(items, limit)),
        }
    }
}

fn up_to(mut items: Vec<Document>, limit: usize) -> Page {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(|last| last.key.clone()) } else { None };
    Page { items, next }
}

/// The body of an item, or of the newer one that has replaced it while its parts were read; none of a tombstone.
async fn find(table: &Table, mut item: Item) -> Result<Option<Found>, Failure> {
    for _ in 0..TRIES {
        let body = match &mut item.content {
            Content::Deleted => return Ok(None),
            Content::Here(body) => Some(std::mem::take(body)),
            Content::InParts(named) => parts::read(table, &item.key, item.position, named).await?,
        };
        if let Some(body) = body {
            return Ok(Some(Found { key: item.key, position: item.position, body }));
        }
        let Some(stored) = table.get(&item.key).await? else { return Ok(None) };
        let newer = Item::from_attributes(stored)?;
        if newer == item {
            let logical = item.key.table();
            let message = format!(
                "a document of {logical} lacks a part, as while {logical} is cleared; rebuild it if it stays so"
            );
            return Err(Failure::passing(PORT, message));
        }
        item = newer;
    }
    Err(Failure::passing(PORT, format!("a document of {} is replaced faster than it can be read", item.key.table())))
}

async fn documents(found: Vec<Found>) -> Result<Vec<Document>, Failure> {
    if found.is_empty() {
        return Ok(vec![]);
    }
    let document = |Found { key, position, body }: Found| {
        let body = body::from_bytes(&body, &key)?;
        Ok(Document { key, position, body })
    };
    body::aside(move || found.into_iter().map(document).collect()).await
}
