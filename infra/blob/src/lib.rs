//! Sealed files by their hash, in whatever `object_store` reaches; embedded it is a folder, synced file by file.
//!
//! A blob lies at `<first two hex digits>/<64 hex digits>`. It is never changed: the same bytes are the same blob.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::ports::{BlobName, BlobStore, BoxFuture, Failure};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

const PORT: &str = "blob store";

/// Blobs in an object store.
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
}

impl ObjectBlobs {
    /// Blobs in a folder, made if it is not there. A blob and its folder are synced before `put` returns.
    ///
    /// # Errors
    /// When the folder cannot be made or opened.
    pub fn in_folder(folder: &Path) -> Result<ObjectBlobs, Failure> {
        let open = || {
            std::fs::create_dir_all(folder)?;
            LocalFileSystem::new_with_prefix(folder).map_err(std::io::Error::other)
        };
        let store = open().map_err(|error| {
            Failure::lasting(PORT, format!("{} could not be opened", folder.display())).caused_by(error)
        })?;
        Ok(ObjectBlobs { store: Arc::new(store.with_fsync(true)) })
    }

    async fn keep(&self, bytes: Bytes) -> Result<BlobName, Failure> {
        let name = BlobName::of(&bytes);
        let only_new = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&key(&name), bytes.into(), only_new).await {
            Ok(_) | Err(Error::AlreadyExists { .. }) => Ok(name),
            Err(error) => Err(Failure::passing(PORT, format!("blob {name} could not be kept")).caused_by(error)),
        }
    }

    async fn fetch(&self, name: &BlobName) -> Result<Option<Bytes>, Failure> {
        let failed = |error: Error| Failure::passing(PORT, format!("blob {name} could not be read")).caused_by(error);
        let found = match self.store.get(&key(name)).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let bytes = found.bytes().await.map_err(failed)?;
        if BlobName::of(&bytes) != *name {
            return Err(Failure::lasting(PORT, format!("blob {name} is damaged: restore it from the backup")));
        }
        Ok(Some(bytes))
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

fn key(name: &BlobName) -> Key {
    let text = name.as_str();
    Key::from(format!("{}/{text}", &text[..2]))
}
