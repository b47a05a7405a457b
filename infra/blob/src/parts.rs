//! A blob sent in parts. Nothing can be read before they are put together, and an upload that ends in any other way, also
//! because nobody waits for it any more, is aborted so that its parts do not stay.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path as Key;
use object_store::{Error, MultipartUpload, ObjectStore, ObjectStoreExt};

use crate::PART_BYTES;

/// Parts on their way at once.
const PARTS_AT_ONCE: usize = 2;
/// When an upload is aborted: until the store knows nothing of it any more, since a part that was still on its way may
/// arrive after the first time. After the last, the bucket's own rule has to do it.
const ABORT_PAUSES: [Duration; 5] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(10), Duration::from_secs(60)];

/// Sends the bytes and puts them together under the key.
pub(crate) async fn create(store: &Arc<dyn ObjectStore>, key: &Key, bytes: Bytes) -> Result<(), Error> {
    let mut upload = Unfinished { key: key.clone(), upload: Some(store.put_multipart(key).await?) };
    let parts: Vec<Bytes> =
        (0..bytes.len()).step_by(PART_BYTES).map(|at| bytes.slice(at..bytes.len().min(at + PART_BYTES))).collect();
    let sending: Vec<_> = parts.into_iter().map(|part| upload.get().put_part(part.into())).collect();
    stream::iter(sending).buffer_unordered(PARTS_AT_ONCE).try_collect::<()>().await?;
    upload.get().complete().await?;
    upload.upload = None;
    Ok(())
}

/// An upload that was begun and not completed; dropped, it is aborted.
struct Unfinished {
    key: Key,
    upload: Option<Box<dyn MultipartUpload>>,
}

impl Unfinished {
    fn get(&mut self) -> &mut dyn MultipartUpload {
        self.upload.as_deref_mut().expect("it is there until it is completed")
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let (Some(upload), Ok(runtime)) = (self.upload.take(), tokio::runtime::Handle::try_current()) else { return };
        runtime.spawn(abort(upload, self.key.clone()));
    }
}

async fn abort(mut upload: Box<dyn MultipartUpload>, key: Key) {
    let mut accepted = false;
    for pause in ABORT_PAUSES {
        tokio::time::sleep(pause).await;
        match upload.abort().await {
            Ok(()) => accepted = true,
            Err(Error::NotFound { .. }) => return,
            Err(error) => tracing::debug!(%key, %error, "an unfinished upload could not be aborted yet"),
        }
    }
    if !accepted {
        tracing::warn!(%key, "an unfinished upload was left; the bucket's rule for incomplete uploads has to remove it");
    }
}
