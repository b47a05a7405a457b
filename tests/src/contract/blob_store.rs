//! What every `BlobStore` does.

use bytes::Bytes;
use carelog_domain::ports::{BlobName, BlobStore};

/// Runs the whole suite; `damage` changes a stored blob behind the store's back.
pub async fn run(store: &dyn BlobStore, damage: impl FnOnce(&BlobName)) {
    let bytes = Bytes::from_static(b"sealed bytes");
    let name = store.put(bytes.clone()).await.expect("kept");
    assert_eq!(name, BlobName::of(&bytes));
    assert_eq!(store.get(&name).await.expect("read"), Some(bytes.clone()));
    assert_eq!(store.put(bytes).await.expect("the same bytes again are the same blob"), name);
    assert_eq!(store.get(&BlobName::of(b"never kept")).await.expect("asked"), None);

    let large = Bytes::from(vec![7u8; 5 * 1024 * 1024]);
    let large_name = store.put(large.clone()).await.expect("kept");
    assert_eq!(store.get(&large_name).await.expect("read"), Some(large));

    damage(&name);
    assert!(store.get(&name).await.is_err(), "a changed blob is found, not handed out");
}
