//! The table's shape: checked when it is opened, and made if the settings say so.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription, TableStatus,
};
use carelog_domain::ports::Failure;

use crate::failure::{PORT, failure, missing};
use crate::item::{PARTITION_KEY, SORT_KEY};
use crate::table::Table;

/// A table on demand is made in some seconds.
const ACTIVE_WITHIN: Duration = Duration::from_secs(120);
const ASKED_EVERY: Duration = Duration::from_millis(500);

/// Checks the table, or makes it when it is missing and `create` says so, and waits until it can be used.
pub(crate) async fn check(table: &Table, create: bool) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut created = false;
    loop {
        match describe(table).await? {
            Some(found) if is_usable(table, &found)? => return check_keys(table, &found),
            Some(_) => {}
            // DynamoDB may not know for a moment what it has just made.
            None if created => {}
            None if create => {
                make(table).await?;
                created = true;
            }
            None => return Err(Failure::lasting(PORT, format!("cannot use {}: {}", table.name, missing(&table.name)))),
        }
        if begun.elapsed() > ACTIVE_WITHIN {
            let seconds = ACTIVE_WITHIN.as_secs();
            return Err(Failure::passing(
                PORT,
                format!("{} is not active after {seconds} s; see its console", table.name),
            ));
        }
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

async fn describe(table: &Table) -> Result<Option<TableDescription>, Failure> {
    match table.client.describe_table().table_name(&table.name).send().await {
        Ok(found) => Ok(found.table),
        Err(error) => match error.as_service_error() {
            Some(DescribeTableError::ResourceNotFoundException(_)) => Ok(None),
            _ => Err(failure("look at", &table.name, &error)),
        },
    }
}

/// False while it is being made.
fn is_usable(table: &Table, found: &TableDescription) -> Result<bool, Failure> {
    match found.table_status() {
        Some(TableStatus::Active | TableStatus::Updating) => Ok(true),
        Some(TableStatus::Creating) => Ok(false),
        other => {
            let status = other.map_or("without a status", TableStatus::as_str);
            Err(Failure::lasting(
                PORT,
                format!("{} is {status}; take another table, or wait and start again", table.name),
            ))
        }
    }
}

fn check_keys(table: &Table, found: &TableDescription) -> Result<(), Failure> {
    let keys: Vec<(&str, &KeyType)> =
        found.key_schema().iter().map(|key| (key.attribute_name(), key.key_type())).collect();
    let is_text = |name: &str| {
        let mut attributes = found.attribute_definitions().iter();
        attributes.any(|each| each.attribute_name() == name && *each.attribute_type() == ScalarAttributeType::S)
    };
    let fits = keys == [(PARTITION_KEY, &KeyType::Hash), (SORT_KEY, &KeyType::Range)];
    if fits && is_text(PARTITION_KEY) && is_text(SORT_KEY) {
        return Ok(());
    }
    let name = &table.name;
    let message = format!("{name} has other keys than pk and sk, both text: give a table of Carelog's own by name");
    Err(Failure::lasting(PORT, message))
}

async fn make(table: &Table) -> Result<(), Failure> {
    tracing::info!(table = table.name, "making the table");
    let mut create = table.client.create_table().table_name(&table.name).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [(PARTITION_KEY, KeyType::Hash), (SORT_KEY, KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
        create = create
            .attribute_definitions(attribute.build().expect("name and type are set"))
            .key_schema(key.build().expect("name and type are set"));
    }
    match create.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            // Another process makes it just now.
            Some(CreateTableError::ResourceInUseException(_)) => Ok(()),
            _ => Err(failure("make", &table.name, &error)),
        },
    }
}
