//! The contract of `DocumentStore` on its adapters, and what only one of them promises.

#[path = "document_store/dynamodb.rs"]
mod dynamodb;
#[path = "document_store/faults.rs"]
mod faults;

use carelog_documents::SledDocuments;
use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{DocumentKey, DocumentStore, DocumentWrite};
use carelog_tests::contract;

#[tokio::test]
async fn sled_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    contract::document_store::run(&SledDocuments::open(folder.path()).expect("opened")).await;
}

#[tokio::test]
async fn what_was_flushed_is_there_after_reopening_and_a_second_opening_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = DocumentKey { partition_key: "chart#1".to_owned(), sort_key: "profile".to_owned() };
    let position = Position { partition: Partition(3), offset: 9 };
    {
        let store = SledDocuments::open(folder.path()).expect("opened");
        let write = DocumentWrite { key: key.clone(), position, body: Some(serde_json::json!(1)) };
        store.write(vec![write]).await.expect("written");
        store.flush().await.expect("durable");
        let error = SledDocuments::open(folder.path()).err().expect("refused");
        assert!(error.message.contains("another process"), "{error}");
    }
    let store = SledDocuments::open(folder.path()).expect("opened again");
    assert_eq!(store.get(&key).await.expect("read").expect("an item").position, position);
}
