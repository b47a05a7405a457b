//! Bodies that DynamoDB would not take in one item: they are written in parts, before the item that names them, and the
//! parts of the item that it replaces are removed after. So whoever finds an item finds its parts, or a newer item.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use carelog_domain::kernel::Position;
use carelog_domain::ports::{DocumentKey, Failure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use crate::batch;
use crate::failure::{PORT, failure};
use crate::item::{BODY, Parts, bytes};
use crate::table::{Table, attributes};

/// What an item or a part may hold of a body: DynamoDB's 400 KB (it counts names and keys too) with room to spare.
pub(crate) const BYTES_MAX: usize = 380_000;
/// Parts of one item under way at once.
const AT_ONCE: usize = 8;

/// Writes a body beside the item it will belong to.
pub(crate) async fn write(table: &Table, key: &DocumentKey, position: Position, body: &[u8]) -> Result<Parts, Failure> {
    let writing = format!("{:016x}", fastrand::u64(..));
    let pieces: Vec<(u32, Vec<u8>)> = (0..).zip(body.chunks(BYTES_MAX).map(<[u8]>::to_vec)).collect();
    let count = u32::try_from(pieces.len())
        .map_err(|error| Failure::lasting(PORT, "a document is too large").caused_by(error))?;
    let parts = Parts { count, writing };
    let put = |(number, piece): (u32, Vec<u8>)| {
        let mut part = attributes(&name(key, position, &parts, number));
        part.insert(BODY.to_owned(), AttributeValue::B(piece.into()));
        let put = table.client.put_item().table_name(&table.name).set_item(Some(part));
        async { put.send().await.map_err(|error| failure("write a part of an item of", &table.name, &error)) }
    };
    stream::iter(pieces)
        .map(Ok)
        .try_for_each_concurrent(AT_ONCE, |piece| {
            let put = put(piece);
            async { put.await.map(|_| ()) }
        })
        .await?;
    Ok(parts)
}

/// The body of an item; `None` when a part is gone, since the item was replaced meanwhile.
pub(crate) async fn read(
    table: &Table,
    key: &DocumentKey,
    position: Position,
    parts: &Parts,
) -> Result<Option<Vec<u8>>, Failure> {
    let read = |number| {
        let name = name(key, position, parts, number);
        async move { table.get(&name).await }
    };
    let mut found = stream::iter(0..parts.count).map(read).buffered(AT_ONCE);
    let mut body = Vec::new();
    while let Some(part) = found.try_next().await? {
        let Some(piece) = part.and_then(|mut part| part.remove(BODY)) else { return Ok(None) };
        body.extend(bytes(piece, key)?);
    }
    Ok(Some(body))
}

/// Removes parts that no item names any more.
pub(crate) async fn remove(table: &Table, key: &DocumentKey, position: Position, parts: &Parts) -> Result<(), Failure> {
    let names = (0..parts.count).map(|number| name(key, position, parts, number));
    batch::write(table, names.map(|name| deletion(&name)).collect()).await
}

/// A request of a batch that removes an item.
pub(crate) fn deletion(key: &DocumentKey) -> WriteRequest {
    let keys: HashMap<String, AttributeValue> = attributes(key);
    let request = DeleteRequest::builder().set_key(Some(keys)).build().expect("its key is set");
    WriteRequest::builder().delete_request(request).build()
}

/// Where a part is: beside its item, so that what empties a partition key finds it. The sort key goes in as its hash,
/// since it may be as long as one can be.
fn name(key: &DocumentKey, position: Position, parts: &Parts, number: u32) -> DocumentKey {
    let hash = hex::encode(&Sha256::digest(key.sort_key.as_bytes())[..16]);
    let sort_key =
        format!("#part#{hash}#{}:{:020}#{}#{number:06}", position.partition.0, position.offset, parts.writing);
    DocumentKey { partition_key: key.partition_key.clone(), sort_key }
}
