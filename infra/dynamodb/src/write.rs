//! Writing: one conditional put for each item, some at once. A batch of DynamoDB takes no conditions; a transaction
//! takes them, but costs twice as much and is cancelled as a whole by one item that is older, which here is no fault.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use carelog_domain::kernel::Position;
use carelog_domain::ports::{DocumentKey, DocumentWrite, Failure};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::body;
use crate::directory::Directory;
use crate::failure::{PORT, failure};
use crate::item::{Content, Item, Parts, offset, partition};
use crate::parts;
use crate::table::{Attributes, Table};

/// Puts under way at once, of different items.
const AT_ONCE: usize = 32;

/// Writes of one item, in the order in which they are to be done.
type Sequence = Vec<Encoded>;

/// A write as it goes over the line.
struct Encoded {
    key: DocumentKey,
    position: Position,
    /// `None` for a tombstone.
    body: Option<Vec<u8>>,
}

pub(crate) async fn write(table: &Table, directory: &Directory, writes: Vec<DocumentWrite>) -> Result<(), Failure> {
    if writes.is_empty() {
        return Ok(());
    }
    let sequences: Vec<Sequence> = body::aside(move || encoded(newest(writes)?)).await?;
    directory.enter(sequences.iter().flatten().map(|write| &write.key)).await?;
    let done = stream::iter(sequences).map(Ok).try_for_each_concurrent(AT_ONCE, |sequence| async move {
        for write in sequence {
            put(table, write).await?;
        }
        Ok(())
    });
    done.await
}

/// Of each item the newest write; more of them only where the partition changes, since their positions do not compare.
fn newest(writes: Vec<DocumentWrite>) -> Result<BTreeMap<DocumentKey, Vec<DocumentWrite>>, Failure> {
    let mut by_item: BTreeMap<DocumentKey, Vec<DocumentWrite>> = BTreeMap::new();
    for write in writes {
        write.key.check().map_err(|wrong| Failure::lasting(PORT, wrong))?;
        let sequence = by_item.entry(write.key.clone()).or_default();
        match sequence.last_mut() {
            Some(last) if last.position.partition == write.position.partition => {
                if last.position.offset < write.position.offset {
                    *last = write;
                }
            }
            _ => sequence.push(write),
        }
    }
    Ok(by_item)
}

fn encoded(newest: BTreeMap<DocumentKey, Vec<DocumentWrite>>) -> Result<Vec<Sequence>, Failure> {
    let one = |write: DocumentWrite| {
        let body = write.body.as_ref().map(body::to_bytes).transpose()?;
        Ok(Encoded { key: write.key, position: write.position, body })
    };
    newest.into_values().map(|sequence| sequence.into_iter().map(one).collect()).collect()
}

/// Puts an item unless a newer one is there, and removes the parts of whichever of the two is not.
async fn put(table: &Table, write: Encoded) -> Result<(), Failure> {
    let Encoded { key, position, body } = write;
    let content = match body {
        None => Content::Deleted,
        Some(body) if body.len() <= parts::BYTES_MAX => Content::Here(body),
        Some(body) => Content::InParts(parts::write(table, &key, position, &body).await?),
    };
    let item = Item { key, position, content };
    let ours = item.parts().cloned();
    let (key, position) = (item.key.clone(), item.position);
    let replaced = match put_if_newer(table, item).await? {
        Put::Done { replaced } => replaced.map(Item::from_attributes).transpose()?,
        Put::Older { stored } => {
            let stored = stored.map(Item::from_attributes).transpose()?;
            // When an answer was lost, the request that was sent again finds its own item.
            let is_ours = stored.as_ref().is_some_and(|stored| stored.parts() == ours.as_ref());
            ours.filter(|_| !is_ours).map(|ours| Item { key, position, content: Content::InParts(ours) })
        }
    };
    if let Some(unnamed) = replaced
        && let Some(parts) = unnamed.parts()
        && let Err(failure) = remove(table, &unnamed, parts).await
    {
        // The write was done; what is left over costs its storage until the table is cleared.
        tracing::warn!(table = unnamed.key.table(), error = %failure, "parts of a replaced document were not removed");
    }
    Ok(())
}

async fn remove(table: &Table, item: &Item, parts: &Parts) -> Result<(), Failure> {
    parts::remove(table, &item.key, item.position, parts).await
}

/// What became of a put.
enum Put {
    Done { replaced: Option<Attributes> },
    Older { stored: Option<Attributes> },
}

async fn put_if_newer(table: &Table, item: Item) -> Result<Put, Failure> {
    let put = table
        .client
        .put_item()
        .table_name(&table.name)
        .condition_expression("attribute_not_exists(pk) OR p <> :p OR o < :o")
        .expression_attribute_values(":p", partition(item.position))
        .expression_attribute_values(":o", offset(item.position))
        .return_values(ReturnValue::AllOld)
        // Only who has written parts needs to know what was in the way.
        .set_return_values_on_condition_check_failure(item.parts().map(|_| ReturnValuesOnConditionCheckFailure::AllOld))
        .set_item(Some(item.into_attributes()));
    match put.send().await {
        Ok(done) => Ok(Put::Done { replaced: done.attributes }),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(older)) => Ok(Put::Older { stored: older.item.clone() }),
            _ => Err(failure("write an item to", &table.name, &error)),
        },
    }
}
