//! Items as DynamoDB holds them: what they were written from, and the body, here or in parts.

use aws_sdk_dynamodb::types::AttributeValue;
use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{DocumentKey, Failure};

use crate::failure::PORT;
use crate::table::{Attributes, attributes};

pub(crate) const PARTITION_KEY: &str = "pk";
pub(crate) const SORT_KEY: &str = "sk";
pub(crate) const BODY: &str = "b";
const PARTITION: &str = "p";
const OFFSET: &str = "o";
const PARTS: &str = "n";
const WRITING: &str = "w";

/// One stored item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Item {
    pub(crate) key: DocumentKey,
    pub(crate) position: Position,
    pub(crate) content: Content,
}

/// Where an item's body is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// A tombstone.
    Deleted,
    /// In the item.
    Here(Vec<u8>),
    /// Beside it.
    InParts(Parts),
}

/// The parts of a body. Each writing has a name of its own, so that parts never change once an item names them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Parts {
    pub(crate) count: u32,
    pub(crate) writing: String,
}

impl Item {
    pub(crate) fn into_attributes(self) -> Attributes {
        let mut all = attributes(&self.key);
        let mut put = |name: &str, value: AttributeValue| all.insert(name.to_owned(), value);
        put(PARTITION, partition(self.position));
        put(OFFSET, offset(self.position));
        match self.content {
            Content::Deleted => {}
            Content::Here(body) => {
                put(BODY, AttributeValue::B(body.into()));
            }
            Content::InParts(parts) => {
                put(PARTS, AttributeValue::N(parts.count.to_string()));
                put(WRITING, AttributeValue::S(parts.writing));
            }
        }
        all
    }

    pub(crate) fn from_attributes(mut stored: Attributes) -> Result<Item, Failure> {
        let key = key(&stored)?;
        let position = Position { partition: Partition(number(&stored, PARTITION)?), offset: number(&stored, OFFSET)? };
        let content = if stored.contains_key(PARTS) {
            let writing = stored.get(WRITING).and_then(|value| value.as_s().ok()).ok_or_else(|| damaged(&key))?;
            Content::InParts(Parts { count: number(&stored, PARTS)?, writing: writing.clone() })
        } else {
            stored.remove(BODY).map_or(Ok(Content::Deleted), |body| bytes(body, &key).map(Content::Here))?
        };
        Ok(Item { key, position, content })
    }

    pub(crate) fn parts(&self) -> Option<&Parts> {
        match &self.content {
            Content::InParts(parts) => Some(parts),
            Content::Deleted | Content::Here(_) => None,
        }
    }
}

/// The position's partition, to compare with.
pub(crate) fn partition(position: Position) -> AttributeValue {
    AttributeValue::N(position.partition.0.to_string())
}

/// The position's offset, to compare with.
pub(crate) fn offset(position: Position) -> AttributeValue {
    AttributeValue::N(position.offset.to_string())
}

/// The key of whatever is stored.
pub(crate) fn key(stored: &Attributes) -> Result<DocumentKey, Failure> {
    let text = |name: &str| stored.get(name).and_then(|value| value.as_s().ok()).cloned();
    let (partition_key, sort_key) = (text(PARTITION_KEY), text(SORT_KEY));
    partition_key.zip(sort_key).map(|(partition_key, sort_key)| DocumentKey { partition_key, sort_key }).ok_or_else(
        || Failure::lasting(PORT, "the table gave an item without its key; check that the endpoint is DynamoDB's"),
    )
}

/// A body's bytes.
pub(crate) fn bytes(value: AttributeValue, key: &DocumentKey) -> Result<Vec<u8>, Failure> {
    match value {
        AttributeValue::B(bytes) => Ok(bytes.into_inner()),
        _ => Err(damaged(key)),
    }
}

fn number<T: std::str::FromStr>(stored: &Attributes, name: &str) -> Result<T, Failure> {
    let number = stored.get(name).and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok());
    number.map_or_else(|| Err(damaged(&key(stored)?)), Ok)
}

/// The failure of an item that this adapter has not written so. Its sort key may say more than a table's name may.
pub(crate) fn damaged(key: &DocumentKey) -> Failure {
    Failure::lasting(PORT, format!("a document of {} is damaged; rebuild the read model it belongs to", key.table()))
}
