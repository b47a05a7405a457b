//! Blobs on a real S3 gateway: the contract, and what happens when it, the line or the caller goes in the middle.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_blob::{BlobSettings, ObjectBlobs};
use carelog_domain::ports::{BlobName, BlobStore, Failure};
use carelog_tests::contract::blob_store::{LARGEST, run, sealed};
use carelog_tests::servers::s3::S3Gateway;

use super::troubled_line::{Trouble, TroubledLine};

/// One request of this size, parts of the largest.
const MIDDLING: usize = 6 * 1024 * 1024;

fn settings(port: u16) -> BlobSettings {
    BlobSettings { variables: S3Gateway::variables(port), ..BlobSettings::new("s3://blobs/chain") }
}

async fn open(port: u16) -> Arc<ObjectBlobs> {
    Arc::new(ObjectBlobs::open(settings(port)).await.expect("opened"))
}

fn path(bucket: &Path, name: &BlobName) -> PathBuf {
    bucket.join("chain").join(&name.as_str()[..2]).join(name.as_str())
}

fn whole(failure: &Failure) -> String {
    format!("{failure} {:?}", failure.source)
}

/// The files of unfinished uploads that the gateway keeps.
fn unfinished(bucket: &Path) -> usize {
    fn files(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
    }
    files(&bucket.join(".sgwtmp"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_keeps_the_contract() {
    let gateway = S3Gateway::start();
    let bucket = gateway.bucket("blobs");
    let blobs = open(gateway.port).await;
    run(blobs.as_ref(), |name, bytes| std::fs::write(path(&bucket, name), bytes).expect("changed")).await;
    let kept = std::fs::read(path(&bucket, &BlobName::of(&sealed(LARGEST, 3)))).expect("there");
    assert_eq!(kept, b"something else", "a name was written over");
    let begun = Instant::now();
    while unfinished(&bucket) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "uploads that lost a race were left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_in_the_middle_of_an_upload_leaves_nothing_readable_and_a_repeat_succeeds() {
    let gateway = S3Gateway::start();
    let bucket = gateway.bucket("blobs");
    let line = TroubledLine::before(gateway.port).await;
    let blobs = open(line.port).await;
    let moments = [
        (MIDDLING, Trouble::StopAfter(MIDDLING / 2)),
        (LARGEST, Trouble::StopAfter(1024 * 1024)),
        (LARGEST, Trouble::StopAfter(LARGEST / 2)),
        (LARGEST, Trouble::StopAfter(LARGEST - 1024)),
        (LARGEST, Trouble::StopBefore("POST", "uploadId=")),
    ];
    for (seed, (length, moment)) in (1..).zip(moments) {
        let bytes = sealed(length, seed);
        let name = BlobName::of(&bytes);
        line.expect(moment);
        let putting = tokio::spawn({
            let (blobs, bytes) = (Arc::clone(&blobs), bytes.clone());
            async move { blobs.put(bytes).await }
        });
        line.happened().await;
        gateway.kill();
        line.mend();
        let begun = Instant::now();
        let failure = putting.await.expect("no panic").expect_err("the gateway is gone");
        assert!(failure.retry_helps, "{moment:?}: {}", whole(&failure));
        assert!(begun.elapsed() < Duration::from_secs(10), "{moment:?} took {:?}", begun.elapsed());
        gateway.go();
        assert!(!path(&bucket, &name).exists(), "{moment:?} left half a blob");
        assert_eq!(blobs.get(&name).await.expect("asked"), None, "{moment:?}");
        blobs.put(bytes.clone()).await.unwrap_or_else(|failure| panic!("{moment:?}: {}", whole(&failure)));
        assert!(blobs.get(&name).await.expect("read") == Some(bytes), "{moment:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_nobody_waits_for_any_more_is_aborted() {
    let gateway = S3Gateway::start();
    let bucket = gateway.bucket("blobs");
    let line = TroubledLine::before(gateway.port).await;
    let blobs = open(line.port).await;
    let bytes = sealed(LARGEST, 1);
    line.expect(Trouble::StopAfter(LARGEST - 1024));
    tokio::select! {
        outcome = blobs.put(bytes.clone()) => panic!("the line stands still: {outcome:?}"),
        () = line.happened() => {}
    }
    assert!(unfinished(&bucket) > 0, "the parts came before");
    line.mend();
    let begun = Instant::now();
    while unfinished(&bucket) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the upload was not aborted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(blobs.get(&BlobName::of(&bytes)).await.expect("asked"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_whose_answer_was_lost_is_found_kept() {
    let gateway = S3Gateway::start();
    let bucket = gateway.bucket("blobs");
    let line = TroubledLine::before(gateway.port).await;
    let blobs = open(line.port).await;
    for (seed, (length, request)) in (1..).zip([(LARGEST, ("POST", "uploadId=")), (4_000, ("PUT", "/chain/"))]) {
        let bytes = sealed(length, seed);
        line.expect(Trouble::LoseAnswerTo(request.0, request.1));
        let name = blobs.put(bytes.clone()).await.unwrap_or_else(|failure| panic!("{}", whole(&failure)));
        line.happened().await;
        assert!(path(&bucket, &name).exists() && blobs.get(&name).await.expect("read") == Some(bytes));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_change_on_their_way_are_refused_by_the_store() {
    let gateway = S3Gateway::start();
    gateway.bucket("blobs");
    let line = TroubledLine::before(gateway.port).await;
    let blobs = open(line.port).await;
    for length in [MIDDLING, LARGEST] {
        let bytes = sealed(length, 1);
        line.expect(Trouble::Change(length / 2));
        let failure = blobs.put(bytes.clone()).await.expect_err("changed");
        assert!(failure.retry_helps && failure.message.contains("on its way"), "{}", whole(&failure));
        assert_eq!(blobs.get(&BlobName::of(&bytes)).await.expect("asked"), None);
        blobs.put(bytes).await.expect("kept");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_away_is_a_passing_failure_at_once() {
    let gateway = S3Gateway::start();
    gateway.bucket("blobs");
    let blobs = open(gateway.port).await;
    let name = blobs.put(sealed(10, 1)).await.expect("kept");
    gateway.kill();
    let begun = Instant::now();
    for failure in
        [blobs.get(&name).await.err(), blobs.put(sealed(10, 2)).await.err(), blobs.put(sealed(LARGEST, 2)).await.err()]
    {
        let failure = failure.expect("it is gone");
        assert!(failure.retry_helps && failure.message.contains("s3://blobs/chain"), "{}", whole(&failure));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let failure = ObjectBlobs::open(settings(gateway.port)).await.err().expect("it is gone");
    assert!(failure.retry_helps, "{}", whole(&failure));
    gateway.go();
    assert_eq!(blobs.get(&name).await.expect("read"), Some(sealed(10, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_not_there_and_a_wrong_secret_are_found_at_the_start() {
    let gateway = S3Gateway::start();
    gateway.bucket("blobs");
    let elsewhere = BlobSettings { url: "s3://elsewhere".to_owned(), ..settings(gateway.port) };
    let failure = ObjectBlobs::open(elsewhere).await.err().expect("no such bucket");
    assert!(failure.message.contains("no such bucket"), "{}", whole(&failure));
    let mut wrong = settings(gateway.port);
    wrong.variables.push(("AWS_SECRET_ACCESS_KEY".to_owned(), "hunter2".to_owned()));
    let failure = ObjectBlobs::open(wrong).await.err().expect("refused");
    assert!(failure.retry_helps && failure.message.contains("check the credentials"), "{}", whole(&failure));
    assert!(!whole(&failure).contains("hunter2"), "{}", whole(&failure));
}
