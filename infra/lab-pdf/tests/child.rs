//! The whole way through a real child process: good files, bad files, and each limit.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use carelog_domain::ports::LabReader;
use carelog_lab_pdf::{ChildLabReader, Extraction, FailureReason, Limits};

const PROGRAM: &str = env!("CARGO_BIN_EXE_carelog-read-lab-pdf");

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/lab")
}

fn file(name: &str) -> Bytes {
    std::fs::read(fixtures().join(name)).unwrap().into()
}

async fn read_within(limits: Limits, pdf: Bytes) -> Result<Extraction, FailureReason> {
    let arguments = [serde_json::to_string(&limits).unwrap()];
    ChildLabReader::new(PROGRAM, arguments, limits, 2).read(pdf).await.unwrap()
}

/// A reader whose child is a shell that does as told, whatever the file.
async fn read_by_shell(script: &str, limits: Limits) -> Result<Extraction, FailureReason> {
    ChildLabReader::new("/bin/sh", ["-c", script], limits, 1).read(Bytes::from_static(b"%PDF-")).await.unwrap()
}

#[tokio::test]
async fn a_report_comes_back_whole() {
    let limits = Limits::default();
    let read = read_within(limits, file("reportlab/01-plain.pdf")).await.unwrap();
    let here = carelog_lab_pdf::extract(&file("reportlab/01-plain.pdf"), &limits).unwrap();
    assert_eq!(read, here);
    assert!(!read.observations.is_empty());
}

#[tokio::test]
async fn each_bad_file_ends_with_its_reason_within_the_limits() {
    let reasons: BTreeMap<String, FailureReason> = serde_json::from_slice(&file("evil/reasons.json")).unwrap();
    assert!(reasons.len() >= 15);
    let mut found = BTreeMap::new();
    for name in reasons.keys() {
        let start = Instant::now();
        let outcome = read_within(Limits::default(), file(&format!("evil/{name}"))).await;
        let took = start.elapsed();
        println!("{name:<24} {:<16} {took:?}", outcome.as_ref().err().map_or("read", |reason| reason.word()));
        assert!(took < Duration::from_secs(30), "{name} took {took:?}");
        found.insert(name.clone(), outcome.expect_err(name));
    }
    assert_eq!(found, reasons);
}

#[tokio::test]
async fn a_file_over_the_size_limit_starts_no_child() {
    let limits = Limits { input_bytes_max: 100, ..Limits::default() };
    let reader = ChildLabReader::new("/no/such/program", [""; 0], limits, 1);
    assert_eq!(reader.read(Bytes::from(vec![b' '; 101])).await.unwrap(), Err(FailureReason::TooLarge));
}

#[tokio::test]
async fn memory_is_limited() {
    let limits = Limits { memory_bytes_max: 64 << 20, inflated_bytes_max: 4 << 30, ..Limits::default() };
    assert_eq!(read_within(limits, file("evil/bomb-nested.pdf")).await, Err(FailureReason::OutOfMemory));
}

#[tokio::test]
async fn processor_time_is_limited() {
    // A shell that counts for ever, with the limit that the child would give itself.
    let busy = "ulimit -t 1; while :; do :; done";
    assert_eq!(read_by_shell(busy, Limits::default()).await, Err(FailureReason::TimedOut));
}

#[tokio::test]
async fn a_child_that_hangs_is_killed() {
    let limits = Limits { wall_millis_max: 300, ..Limits::default() };
    let start = Instant::now();
    assert_eq!(read_by_shell("exec sleep 60", limits).await, Err(FailureReason::TimedOut));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn output_is_limited_by_the_child_and_by_the_parent() {
    let limits = Limits { output_bytes_max: 200, ..Limits::default() };
    assert_eq!(read_within(limits, file("reportlab/01-plain.pdf")).await, Err(FailureReason::TooLarge));
    assert_eq!(read_by_shell("while :; do echo aaaaaaaa; done", limits).await, Err(FailureReason::TooLarge));
}

#[tokio::test]
async fn pages_are_limited() {
    let limits = Limits { pages_max: 1, ..Limits::default() };
    assert_eq!(read_within(limits, file("reportlab/08-two-pages.pdf")).await, Err(FailureReason::TooManyPages));
}

#[tokio::test]
async fn a_child_that_crashes_or_babbles_is_a_reason_and_not_a_failure() {
    for script in ["kill -SEGV $$", "exit 3", "echo '{}'", "echo '{\"read\":{}}'", "cat >/dev/null"] {
        assert_eq!(read_by_shell(script, Limits::default()).await, Err(FailureReason::ReaderCrashed), "{script}");
    }
}

#[tokio::test]
async fn a_child_that_cannot_start_is_our_failure() {
    let reader = ChildLabReader::new("/no/such/program", [""; 0], Limits::default(), 1);
    assert!(reader.read(Bytes::from_static(b"%PDF-")).await.unwrap_err().retry_helps);
}

#[tokio::test]
async fn the_child_gets_no_environment_and_can_open_no_file() {
    // SAFE BY TEST: env_clear leaves only what the shell itself sets.
    let script = "test -z \"$HOME$USER$CARELOG_SECRET\" && test \"$(pwd)\" = / && echo '{\"failed\":\"no-text\"}'";
    assert_eq!(read_by_shell(script, Limits::default()).await, Err(FailureReason::NoText));
}
