//! The contract of blobs in the Azure container that the first argument names (`az://container/prefix`), with the vendor's own
//! variables. `make test-azure` runs it on Azurite; by hand it runs on a real container, in which it leaves some 65 MiB
//! under the prefix.

use std::time::Instant;

use carelog_blob::{BlobSettings, ObjectBlobs};
use carelog_domain::ports::BlobName;
use carelog_tests::contract::blob_store::run;
use object_store::ObjectStoreExt;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path;

#[tokio::main]
async fn main() {
    let place = std::env::args().nth(1).expect("usage: blob_contract az://container/prefix");
    let parts = place.strip_prefix("az://").and_then(|rest| rest.split_once('/'));
    let (container, prefix) = parts.expect("a place is az://container/prefix");
    // Another client, which writes over what blobs' own never would.
    let behind = MicrosoftAzureBuilder::from_env().with_container_name(container).with_allow_http(true);
    let behind = behind.build().expect("the variables of Azure");
    let blobs = ObjectBlobs::open(BlobSettings::new(&place)).await.expect("opened");
    let begun = Instant::now();
    let damage = |name: &BlobName, bytes: &[u8]| {
        let (key, bytes) = (Path::from(format!("{prefix}/{}/{name}", &name.as_str()[..2])), bytes.to_vec());
        let written = async { behind.put(&key, bytes.into()).await.expect("written over") };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(written));
    };
    run(&blobs, damage).await;
    println!("{place} keeps the contract of blobs ({:.1} s)", begun.elapsed().as_secs_f64());
}
