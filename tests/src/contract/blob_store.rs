//! What every `BlobStore` does.

use bytes::Bytes;
use carelog_domain::ports::{BlobName, BlobStore};
use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};

/// The largest file, and more than sealing adds.
pub const LARGEST: usize = 20 * 1024 * 1024 + 1024;

/// Bytes like sealed ones: no two parts of them are alike.
pub fn sealed(length: usize, seed: u64) -> Bytes {
    let mut bytes = vec![0; length];
    SmallRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes.into()
}

/// Runs the whole suite; `damage` changes a stored blob behind the store's back, to these bytes.
pub async fn run(store: &dyn BlobStore, damage: impl Fn(&BlobName, &[u8])) {
    what_is_kept_is_found_under_its_hash(store).await;
    many_at_once_keep_one_blob(store).await;
    what_was_changed_is_neither_handed_out_nor_taken_for_kept(store, &damage).await;
}

async fn what_is_kept_is_found_under_its_hash(store: &dyn BlobStore) {
    for length in [0, 1, 12, 300_000, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, LARGEST] {
        let bytes = sealed(length, length as u64);
        let name = BlobName::of(&bytes);
        assert_eq!(store.get(&name).await.expect("asked"), None, "nobody kept {length} bytes yet");
        assert_eq!(store.put(bytes.clone()).await.expect("kept"), name);
        assert!(store.get(&name).await.expect("read") == Some(bytes.clone()), "{length} bytes came back changed");
        assert_eq!(store.put(bytes.clone()).await.expect("the same bytes again are the same blob"), name);
        assert!(store.get(&name).await.expect("read") == Some(bytes), "{length} bytes came back changed");
    }
}

async fn many_at_once_keep_one_blob(store: &dyn BlobStore) {
    for length in [4_000, 9 * 1024 * 1024] {
        let bytes = sealed(length, 16);
        let writers = (0..16).map(|_| store.put(bytes.clone()));
        for name in futures::future::join_all(writers).await {
            assert_eq!(name.expect("kept"), BlobName::of(&bytes));
        }
        assert!(store.get(&BlobName::of(&bytes)).await.expect("read") == Some(bytes));
    }
}

async fn what_was_changed_is_neither_handed_out_nor_taken_for_kept(
    store: &dyn BlobStore,
    damage: &impl Fn(&BlobName, &[u8]),
) {
    for (length, changed) in [(5_000, "something else"), (5_001, ""), (LARGEST, "something else")] {
        let bytes = sealed(length, 3);
        let name = store.put(bytes.clone()).await.expect("kept");
        damage(&name, changed.as_bytes());
        for failure in [store.get(&name).await.err(), store.put(bytes).await.err()] {
            let failure = failure.expect("a changed blob is found");
            assert!(!failure.retry_helps && failure.message.contains("restore it"), "{failure}");
        }
    }
}
