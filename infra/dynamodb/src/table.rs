//! The physical table: the few requests the adapter makes of it. Every read is strongly consistent, since a query that
//! waited for a token must see what it waited for.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use carelog_domain::ports::{DocumentKey, Failure};

use crate::failure::failure;
use crate::item::{PARTITION_KEY, SORT_KEY};
use crate::range::Range;

/// Items asked for at a time; a page ends after 1 MB anyway.
const PAGE_ITEMS_MAX: usize = 1_000;

/// An item as the SDK has it.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// A table and how to reach it.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

/// What a query begins with, and how much of each item it gets.
pub(crate) struct Asked<'a> {
    pub(crate) partition_key: &'a str,
    pub(crate) range: &'a Range,
    pub(crate) items_max: usize,
    pub(crate) from: Option<Attributes>,
    pub(crate) keys_only: bool,
    pub(crate) backward: bool,
}

impl Table {
    pub(crate) async fn get(&self, key: &DocumentKey) -> Result<Option<Attributes>, Failure> {
        let asked = self.client.get_item().table_name(&self.name).set_key(Some(attributes(key))).consistent_read(true);
        let answer = asked.send().await.map_err(|error| failure("read an item of", &self.name, &error))?;
        Ok(answer.item)
    }

    /// One page of a partition key's items, in the order of their sort keys.
    pub(crate) async fn page(&self, asked: Asked<'_>) -> Result<QueryOutput, Failure> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .expression_attribute_values(":pk", text(asked.partition_key))
            .expression_attribute_values(":lower", text(&asked.range.lower))
            .set_exclusive_start_key(asked.from)
            .scan_index_forward(!asked.backward)
            .limit(i32::try_from(asked.items_max.clamp(1, PAGE_ITEMS_MAX)).unwrap_or(i32::MAX));
        query = match &asked.range.upper {
            Some(upper) => query
                .key_condition_expression("pk = :pk AND sk BETWEEN :lower AND :upper")
                .expression_attribute_values(":upper", text(upper)),
            None => query.key_condition_expression("pk = :pk AND sk >= :lower"),
        };
        if asked.keys_only {
            query = query.projection_expression("pk, sk");
        }
        query.send().await.map_err(|error| failure("read items of", &self.name, &error))
    }
}

/// A key as the SDK has it.
pub(crate) fn attributes(key: &DocumentKey) -> Attributes {
    HashMap::from([
        (PARTITION_KEY.to_owned(), AttributeValue::S(key.partition_key.clone())),
        (SORT_KEY.to_owned(), AttributeValue::S(key.sort_key.clone())),
    ])
}
