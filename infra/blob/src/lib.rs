//! Sealed files by their hash, in whatever `object_store` reaches: a folder, synced file by file, or a bucket of S3, GCS
//! or Azure (what was run of them is in docs/decisions/0017-blobs-in-the-cluster.md).
//!
//! A blob lies at `<prefix>/<first two hex digits>/<64 hex digits>`. It is only ever created, never written over: the same
//! bytes are the same blob. It is there when it was written whole, and every read checks it against its name.

mod failure;
mod only_new;
mod parts;
mod place;
mod settings;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use carelog_domain::ports::{BlobName, BlobStore, BoxFuture, Failure};
use object_store::path::Path as Key;
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions};

use failure::{PORT, failure, has_no_container, was_cut};
use place::Place;
pub use settings::BlobSettings;

/// No blob is larger. A file is at most 20 MiB, and sealing adds some bytes; what claims to be more is not ours to read.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// Larger blobs go to S3 in parts of this size, so that a broken line costs 8 MiB at most, not the whole file; the rest,
/// nearly all of them, take one request. S3 takes no part below 5 MiB but the last.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// How often a blob is sent that the store neither took nor has, because others were sending it too.
const TRIES_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// Blobs in an object store.
pub struct ObjectBlobs {
    place: Place,
}

impl ObjectBlobs {
    /// Opens what the URL names and asks it for something, so that a wrong bucket or credential is found at the start.
    ///
    /// # Errors
    /// When the URL or a variable cannot be used, or the store does not answer as one does.
    pub async fn open(settings: BlobSettings) -> Result<ObjectBlobs, Failure> {
        let blobs = ObjectBlobs { place: Place::open(&settings)? };
        blobs.fetch(&BlobName::of(b"nobody ever kept this")).await?;
        Ok(blobs)
    }

    /// Blobs in a folder, made if it is not there. A blob and its folder are synced before `put` returns.
    ///
    /// # Errors
    /// When the folder cannot be made or opened.
    pub fn in_folder(folder: &Path) -> Result<ObjectBlobs, Failure> {
        Ok(ObjectBlobs { place: Place::folder(folder)? })
    }

    async fn keep(&self, bytes: Bytes) -> Result<BlobName, Failure> {
        let name = BlobName::of(&bytes);
        if bytes.len() > BYTES_MAX {
            return Err(Failure::lasting(PORT, format!("a blob of {} bytes is too large", bytes.len())));
        }
        self.place.check_folder()?;
        for tried in 1..=TRIES_MAX {
            let Err(error) = self.create(&self.key(&name), bytes.clone()).await else { return Ok(name) };
            let failed = |error| self.failed(&format!("blob {name} could not be kept"), error);
            if !may_be_there(&error) {
                return Err(failed(error));
            }
            match self.is_kept(&name).await {
                Ok(true) => return Ok(name),
                Ok(false) => tokio::time::sleep(PAUSE * tried).await,
                // The store went away with the first request; that is what to tell.
                Err(failure) if failure.retry_helps && was_cut(&error) => return Err(failed(error)),
                Err(failure) => return Err(failure),
            }
        }
        let message = format!("blob {name} could not be kept: it was begun {TRIES_MAX} times and did not come through");
        Err(Failure::passing(PORT, format!("{message} in {}; try again", self.place.shown)))
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        let store = &self.place.store;
        if self.place.in_parts && bytes.len() > PART_BYTES {
            return parts::create(store, key, bytes).await;
        }
        let only_new = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        store.put_opts(key, bytes.into(), only_new).await.map(drop)
    }

    /// Whether it is there, whole and durable: who made it may still be at it, or have been stopped before it was synced.
    async fn is_kept(&self, name: &BlobName) -> Result<bool, Failure> {
        let found = self.fetch(name).await?.is_some();
        if found {
            self.place.sync(&self.key(name)).await?;
        }
        Ok(found)
    }

    async fn fetch(&self, name: &BlobName) -> Result<Option<Bytes>, Failure> {
        let failed = |error: Error| self.failed(&format!("blob {name} could not be read"), error);
        let damaged = || Failure::lasting(PORT, format!("blob {name} is damaged: restore it from the backup"));
        let found = match self.place.store.get(&self.key(name)).await {
            Ok(found) => found,
            Err(Error::NotFound { source, path }) if has_no_container(&*source) => {
                return Err(failed(Error::NotFound { source, path }));
            }
            Err(Error::NotFound { .. }) => return self.place.check_folder().map(|()| None),
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > BYTES_MAX as u64 {
            return Err(damaged());
        }
        let bytes = found.bytes().await.map_err(failed)?;
        if BlobName::of(&bytes) == *name { Ok(Some(bytes)) } else { Err(damaged()) }
    }

    fn key(&self, name: &BlobName) -> Key {
        let text = name.as_str();
        self.place.prefix.clone().join(&text[..2]).join(text)
    }

    fn failed(&self, doing: &str, error: Error) -> Failure {
        failure(doing, &self.place.shown, error)
    }
}

impl BlobStore for ObjectBlobs {
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<BlobName, Failure>> {
        Box::pin(self.keep(bytes))
    }

    fn get(&self, name: &BlobName) -> BoxFuture<'_, Result<Option<Bytes>, Failure>> {
        let name = name.clone();
        Box::pin(async move { self.fetch(&name).await })
    }
}

/// What a store says when the name is taken (412), when somebody else is just creating it (409, which is no promise that it
/// will be there), and when an upload in parts was completed by a request whose answer was lost (404). Some hang up on
/// bytes that they will not take, so that their answer does not arrive.
fn may_be_there(error: &Error) -> bool {
    matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) || was_cut(error)
}
