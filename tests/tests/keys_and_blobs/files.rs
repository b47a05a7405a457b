//! The file key store and the blob folder: what happens to their files.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use carelog_blob::{BlobSettings, ObjectBlobs};
use carelog_domain::kernel::Purpose;
use carelog_domain::ports::{BlobName, BlobStore, KeyState, KeyStore};
use carelog_keys::FileKeyStore;
use carelog_tests::contract;
use uuid::Uuid;

fn open(folder: &Path) -> FileKeyStore {
    FileKeyStore::open(folder).expect("opened")
}

#[tokio::test]
async fn the_file_key_store_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    contract::key_store::run(async || open(folder.path())).await;
}

#[tokio::test]
async fn the_blob_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = ObjectBlobs::in_folder(folder.path()).expect("opened");
    contract::blob_store::run(&blobs, |name, bytes| std::fs::write(path(folder.path(), name), bytes).expect("changed"))
        .await;
}

fn path(folder: &Path, name: &BlobName) -> PathBuf {
    folder.join(&name.as_str()[..2]).join(name.as_str())
}

#[tokio::test]
async fn a_folder_may_be_named_by_a_url_and_one_that_has_gone_is_not_an_empty_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("a b/blobs");
    let url = format!("file://{}", place.display().to_string().replace(' ', "%20"));
    let blobs = ObjectBlobs::open(BlobSettings::new(url)).await.expect("opened");
    let name = blobs.put(Bytes::from_static(b"sealed")).await.expect("kept");
    assert!(path(&place, &name).exists());
    std::fs::rename(folder.path().join("a b"), folder.path().join("unmounted")).expect("moved");
    let other = blobs.put(Bytes::from_static(b"other")).await;
    for failure in [blobs.get(&name).await.err(), other.err()] {
        let failure = failure.expect("gone");
        assert!(failure.retry_helps && failure.message.contains("is gone"), "{failure}");
    }
    assert!(!place.exists(), "a folder was made where another belongs");
}

#[tokio::test]
async fn what_a_killed_writer_left_in_the_folder_is_no_blob() {
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = ObjectBlobs::in_folder(folder.path()).expect("opened");
    let bytes = Bytes::from_static(b"sealed bytes");
    let name = BlobName::of(&bytes);
    let left = PathBuf::from(format!("{}#1", path(folder.path(), &name).display()));
    std::fs::create_dir_all(left.parent().expect("a folder")).expect("made");
    std::fs::write(&left, b"sealed by").expect("half");
    assert_eq!(blobs.get(&name).await.expect("asked"), None);
    blobs.put(bytes.clone()).await.expect("kept");
    assert_eq!(blobs.get(&name).await.expect("read"), Some(bytes));
}

#[tokio::test]
async fn an_erased_key_is_gone_from_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let (id, _) = store.sealing_key(Uuid::from_u128(9), Purpose::Identity).await.expect("made");
    let journal = || std::fs::read_to_string(folder.path().join("journal")).expect("read");
    assert!(journal().contains(&format!("key {id}")));
    store.erase(id.subject, id.purpose).await.expect("erased");
    assert!(!journal().contains(&format!("key {id}")) && journal().contains(&format!("erased {id}")));
}

#[tokio::test]
async fn a_torn_last_line_is_cut_and_a_damaged_line_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (id, key) = open(folder.path()).sealing_key(Uuid::from_u128(9), Purpose::Identity).await.expect("made");
    let path = folder.path().join("journal");
    let whole = std::fs::read_to_string(&path).expect("read");
    std::fs::write(&path, format!("{whole}1 key half a li")).expect("torn");
    assert_eq!(open(folder.path()).opening_key(id).await.expect("there"), KeyState::Live(key));
    assert_eq!(std::fs::read_to_string(&path).expect("read"), whole);

    std::fs::write(&path, whole.replacen("key", "kez", 1)).expect("damaged");
    let error = FileKeyStore::open(folder.path()).err().expect("refused").to_string();
    assert!(error.contains("line 2 is damaged"), "{error}");
}

#[test]
fn a_master_key_that_others_can_read_or_that_is_missing_stops_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()));
    let master = folder.path().join("master.key");
    assert_eq!(std::fs::metadata(&master).expect("there").permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&master, std::fs::Permissions::from_mode(0o644)).expect("opened up");
    assert!(FileKeyStore::open(folder.path()).err().expect("refused").to_string().contains("chmod 600"));
    std::fs::remove_file(&master).expect("removed");
    assert!(FileKeyStore::open(folder.path()).err().expect("refused").to_string().contains("is missing"));
}

#[test]
fn a_second_process_cannot_open_the_same_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let _first = open(folder.path());
    assert!(FileKeyStore::open(folder.path()).err().expect("refused").to_string().contains("in use"));
}
