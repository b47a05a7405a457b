//! The home of blobs (sealed files): a folder, or a bucket.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use carelog_blob::{BlobSettings, ObjectBlobs};
use carelog_domain::ports::BlobStore;

use crate::settings::Settings;

const EXPECTED: &str = "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER (region and \
                        credentials by the vendor's variables or a role), or nothing for a folder in the data folder";

pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    match &settings.blobs {
        Some(address) => address.must_be("blobs", &["s3", "gs", "az", "file"], EXPECTED),
        None => Ok(()),
    }
}

pub(super) fn described(settings: &Settings) -> Option<&'static str> {
    Some(match settings.blobs.as_ref()?.scheme() {
        "s3" => "blobs in S3",
        "gs" => "blobs in Google Cloud Storage",
        "az" => "blobs in Azure",
        _ => "blobs in another folder",
    })
}

/// Opens the blobs' store.
pub(crate) async fn blobs(settings: &Settings, folder: &Path) -> anyhow::Result<Arc<dyn BlobStore>> {
    let Some(address) = &settings.blobs else {
        return Ok(Arc::new(ObjectBlobs::in_folder(&folder.join("blobs"))?));
    };
    let store = ObjectBlobs::open(BlobSettings::new(address.whole())).await;
    Ok(Arc::new(store.context("the blobs' store (blobs) could not be used")?))
}
