//! What every `KeyStore` does. `open` opens the same store again, as after a restart.

use carelog_domain::kernel::Purpose;
use carelog_domain::ports::{KeyId, KeyState, KeyStore};
use uuid::Uuid;

/// Runs the whole suite on stores that `open` opens over one place.
pub async fn run<S: KeyStore>(mut open: impl AsyncFnMut() -> S) {
    a_key_is_made_once_and_found_again(&mut open).await;
    purposes_have_keys_of_their_own(&open().await).await;
    an_erased_key_reads_as_erased_for_ever(&mut open).await;
    a_missing_key_is_a_failure_and_never_erased(&open().await).await;
    keyed_hashes_last_and_differ_by_domain(&mut open).await;
    many_at_once_get_one_key(&open().await).await;
}

async fn a_key_is_made_once_and_found_again<S: KeyStore>(open: &mut impl AsyncFnMut() -> S) {
    let subject = Uuid::from_u128(1);
    let store = open().await;
    let (id, key) = store.sealing_key(subject, Purpose::Identity).await.expect("made");
    assert_eq!(store.sealing_key(subject, Purpose::Identity).await.expect("found"), (id, key.clone()));
    drop(store);
    let again = open().await;
    assert_eq!(again.opening_key(id).await.expect("there"), KeyState::Live(key.clone()));
    assert_eq!(again.sealing_key(subject, Purpose::Identity).await.expect("found"), (id, key));
}

async fn purposes_have_keys_of_their_own(store: &dyn KeyStore) {
    let subject = Uuid::from_u128(2);
    let (_, identity) = store.sealing_key(subject, Purpose::Identity).await.expect("made");
    let (_, clinical) = store.sealing_key(subject, Purpose::Clinical).await.expect("made");
    assert_ne!(identity, clinical);
}

async fn an_erased_key_reads_as_erased_for_ever<S: KeyStore>(open: &mut impl AsyncFnMut() -> S) {
    let subject = Uuid::from_u128(3);
    let store = open().await;
    let (gone, _) = store.sealing_key(subject, Purpose::Identity).await.expect("made");
    let (kept, key) = store.sealing_key(subject, Purpose::Billing).await.expect("made");
    store.erase(subject, Purpose::Identity).await.expect("erased");
    assert_eq!(store.opening_key(gone).await.expect("known"), KeyState::Erased);
    assert!(store.sealing_key(subject, Purpose::Identity).await.is_err(), "nothing new is sealed for the erased");
    store.erase(subject, Purpose::Identity).await.expect("erased before");
    let never = Uuid::from_u128(30);
    store.erase(never, Purpose::Identity).await.expect("erased before it was made");
    assert!(store.sealing_key(never, Purpose::Identity).await.is_err(), "nothing is sealed for the erased");
    drop(store);
    let again = open().await;
    assert_eq!(again.opening_key(gone).await.expect("known"), KeyState::Erased);
    assert_eq!(again.opening_key(kept).await.expect("there"), KeyState::Live(key));
}

async fn a_missing_key_is_a_failure_and_never_erased(store: &dyn KeyStore) {
    let never = KeyId { subject: Uuid::from_u128(4), purpose: Purpose::Clinical, number: 1 };
    assert!(store.opening_key(never).await.is_err());
    let (made, _) = store.sealing_key(Uuid::from_u128(5), Purpose::Clinical).await.expect("made");
    assert!(store.opening_key(KeyId { number: made.number + 1, ..made }).await.is_err());
}

async fn keyed_hashes_last_and_differ_by_domain<S: KeyStore>(open: &mut impl AsyncFnMut() -> S) {
    let first = open().await.keyed_hash("identifier", b"x");
    let store = open().await;
    assert_eq!(store.keyed_hash("identifier", b"x"), first);
    assert_ne!(store.keyed_hash("file", b"x"), first);
    assert_ne!(store.keyed_hash("identifier", b"y"), first);
}

async fn many_at_once_get_one_key(store: &dyn KeyStore) {
    let subject = Uuid::from_u128(6);
    let all = (0..50).map(|_| store.sealing_key(subject, Purpose::Identity));
    let keys: Vec<_> = futures::future::join_all(all).await.into_iter().map(|key| key.expect("made")).collect();
    assert!(keys.iter().all(|key| *key == keys[0]));
}
