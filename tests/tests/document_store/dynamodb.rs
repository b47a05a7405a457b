//! DynamoDB: the contract on a real server, the table's shape, what is left in it, and where the SDK looks for it.

use std::collections::BTreeSet;
use std::process::Command;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{DocumentKey, DocumentStore, DocumentWrite};
use carelog_dynamodb::{DynamoDocuments, DynamoSettings};
use carelog_tests::contract;
use carelog_tests::servers::dynamodb::DynamoServer;
use serde_json::{Value, json};

pub(crate) fn write(partition_key: &str, sort_key: &str, offset: u64, body: Option<Value>) -> DocumentWrite {
    let key = DocumentKey { partition_key: partition_key.to_owned(), sort_key: sort_key.to_owned() };
    DocumentWrite { key, position: Position { partition: Partition(0), offset }, body }
}

/// Random text of this many bytes.
pub(crate) fn noise(bytes: usize) -> Value {
    use rand::Rng as _;
    json!(rand::rng().sample_iter(rand::distr::Alphanumeric).take(bytes).map(char::from).collect::<String>())
}

/// Every key of the physical table.
pub(crate) async fn keys(table: &str) -> BTreeSet<(String, String)> {
    let scanned = DynamoServer::shared().client().scan().table_name(table).consistent_read(true).into_paginator();
    let mut items = scanned.items().send();
    let mut keys = BTreeSet::new();
    while let Some(item) = items.next().await {
        let item = item.expect("scanned");
        let text = |name: &str| item[name].as_s().expect("a text").clone();
        keys.insert((text("pk"), text("sk")));
    }
    keys
}

/// Panics unless every item's partition key is in the directory, by which alone it is ever found again.
pub(crate) async fn assert_listed(table: &str) {
    let stored = keys(table).await;
    let is_listed = |partition_key: &str| stored.iter().any(|(_, sort_key)| sort_key == partition_key);
    let items = stored.iter().filter(|(partition_key, _)| !partition_key.starts_with('#'));
    items.for_each(|(partition_key, _)| assert!(is_listed(partition_key), "{partition_key} is not in the directory"));
}

/// How many parts of large items there are.
async fn parts(table: &str) -> usize {
    keys(table).await.iter().filter(|(_, sort_key)| sort_key.starts_with("#part#")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_keeps_the_contract() {
    let table = DynamoServer::table();
    let store = DynamoServer::documents(DynamoServer::shared().port, &table).await;
    contract::document_store::run(&store).await;
    for logical in ["chart", "other", "others", "many"] {
        store.clear(logical).await.expect("cleared");
    }
    let left: Vec<_> = keys(&table).await.into_iter().filter(|(_, sort_key)| sort_key != "generation").collect();
    assert!(left.is_empty(), "after clearing every table nothing is left, no part and no entry: {left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_go_with_the_item_that_named_them() {
    let table = DynamoServer::table();
    let store = DynamoServer::documents(DynamoServer::shared().port, &table).await;
    let large = || Some(noise(1_000_000));
    for (offset, body, expected) in [(1, large(), 2), (2, large(), 2), (1, large(), 2), (3, Some(json!(1)), 0)] {
        store.write(vec![write("chart#1", "x", offset, body)]).await.expect("written");
        assert_eq!(parts(&table).await, expected, "after a write from {offset}");
    }
    store.write(vec![write("chart#1", "x", 4, large())]).await.expect("written");
    store.write(vec![write("chart#1", "x", 5, None)]).await.expect("deleted");
    assert_eq!(parts(&table).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_cleared_is_entered_anew_by_another() {
    let (server, table) = (DynamoServer::shared(), DynamoServer::table());
    let first = DynamoServer::documents(server.port, &table).await;
    let second = DynamoServer::documents(server.port, &table).await;
    first.write(vec![write("chart#1", "x", 1, Some(json!(1)))]).await.expect("written");
    second.clear("chart").await.expect("cleared");
    first.write(vec![write("chart#1", "x", 1, Some(json!(2)))]).await.expect("written");
    assert_eq!(second.scan("chart", None, 10).await.expect("scanned").items.len(), 1, "the scan finds it");
}

async fn refused(table: &str) -> carelog_domain::ports::Failure {
    let settings = DynamoSettings { table: table.to_owned(), create_table: false };
    let config = DynamoServer::config(DynamoServer::shared().port);
    DynamoDocuments::connect(&config, settings).await.err().expect("refused")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_table_is_made_only_if_asked_and_the_refusal_says_how() {
    let table = DynamoServer::table();
    let failure = refused(&table).await;
    let command = format!("aws dynamodb create-table --table-name {table} --attribute-definitions");
    assert!(!failure.retry_helps && failure.message.contains(&command), "{failure}");
    let server = DynamoServer::shared();
    let (one, two) =
        tokio::join!(DynamoServer::documents(server.port, &table), DynamoServer::documents(server.port, &table));
    one.write(vec![write("chart#1", "x", 1, Some(json!(1)))]).await.expect("written");
    two.write(vec![write("chart#1", "x", 2, Some(json!(2)))]).await.expect("both have the same table");
    let made = server.client().describe_table().table_name(&table).send().await.expect("described").table.expect("it");
    let billing = made.billing_mode_summary().and_then(|summary| summary.billing_mode());
    assert_eq!(billing, Some(&BillingMode::PayPerRequest));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_with_other_keys_is_refused() {
    let server = DynamoServer::shared();
    for (name, kind) in [("id", ScalarAttributeType::S), ("sk", ScalarAttributeType::N)] {
        let table = DynamoServer::table();
        let mut create = server.client().create_table().table_name(&table).billing_mode(BillingMode::PayPerRequest);
        for (name, kind, role) in [("pk", ScalarAttributeType::S, KeyType::Hash), (name, kind, KeyType::Range)] {
            let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
            let key = KeySchemaElement::builder().attribute_name(name).key_type(role);
            create =
                create.attribute_definitions(attribute.build().expect("set")).key_schema(key.build().expect("set"));
        }
        create.send().await.expect("made");
        let failure = refused(&table).await;
        assert!(!failure.retry_helps && failure.message.contains("other keys than pk and sk"), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_taken_away_under_way_is_nobodys_item_and_says_how_to_mend_it() {
    let table = DynamoServer::table();
    let store = DynamoServer::documents(DynamoServer::shared().port, &table).await;
    DynamoServer::shared().client().delete_table().table_name(&table).send().await.expect("deleted");
    let failure = store.write(vec![write("chart#1", "x", 1, Some(json!(1)))]).await.expect_err("there is no table");
    assert!(failure.retry_helps && failure.message.contains("aws dynamodb create-table"), "{failure}");
}

/// Where a process is told which table to use by the one that started it.
const TABLE: &str = "CARELOG_TEST_TABLE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoint_region_and_credentials_come_from_the_environment() {
    if let Ok(table) = std::env::var(TABLE) {
        let store = DynamoDocuments::open(DynamoSettings { table, create_table: true }).await;
        return match store {
            Ok(store) => store.write(vec![write("chart#1", "x", 1, Some(json!("there")))]).await.expect("written"),
            Err(failure) => panic!("{failure}"),
        };
    }
    let (server, table) = (DynamoServer::shared(), DynamoServer::table());
    let child = |variables: &[(&str, String)]| {
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        child.args(["--exact", "dynamodb::endpoint_region_and_credentials_come_from_the_environment", "--nocapture"]);
        // Whatever this machine has configured stays out of it.
        let nowhere = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"].map(|name| (name, "/nowhere".to_owned()));
        let quiet = [("AWS_EC2_METADATA_DISABLED", "true".to_owned()), (TABLE, table.clone())];
        ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"].iter().for_each(|name| {
            child.env_remove(name);
        });
        let output = child.envs(nowhere).envs(quiet).envs(variables.iter().cloned()).output().expect("run");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let endpoint = ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://127.0.0.1:{}", server.port));
    let region = ("AWS_REGION", "us-east-1".to_owned());
    let (done, said) = child(std::slice::from_ref(&endpoint));
    assert!(!done && said.contains("set AWS_REGION"), "{said}");
    let (done, said) = child(&[endpoint.clone(), region.clone()]);
    assert!(!done && said.contains("no credentials were found; set AWS_PROFILE"), "{said}");
    let user = [("AWS_ACCESS_KEY_ID", "test".to_owned()), ("AWS_SECRET_ACCESS_KEY", "test".to_owned())];
    let (done, said) = child(&[&[endpoint, region], &user[..]].concat());
    assert!(done, "{said}");
    let store = DynamoServer::documents(server.port, &table).await;
    let key = DocumentKey { partition_key: "chart#1".to_owned(), sort_key: "x".to_owned() };
    assert_eq!(store.get(&key).await.expect("read").expect("an item").body, json!("there"));
}
