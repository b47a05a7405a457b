//! Files that cannot be taken, cannot be read, or were handed in before.

use std::collections::BTreeMap;

use carelog_tests::practice::heads;

use super::*;

const FILE_BYTES_MAX: usize = 20 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_says_why_is_kept_and_can_be_tried_again() {
    let desk = Desk::open().await;
    let text = std::fs::read(fixture("evil", "reasons.json")).unwrap();
    let reasons: BTreeMap<String, String> = serde_json::from_slice(&text).unwrap();
    assert!(reasons.len() >= 10);
    let mut taken = 0;
    for (name, reason) in &reasons {
        let file = std::fs::read(fixture("evil", name)).unwrap();
        let patient = desk.practice.patient(&desk.server, name, json!({ "name": { "text": "Evil File" } })).await;
        desk.server.settle().await;
        let before = heads(&desk.server).await;
        let handed_in = desk.hand_in(name, &patient, &file).await;
        if !file[..file.len().min(1024)].windows(5).any(|bytes| bytes == b"%PDF-") {
            assert_eq!((handed_in.status, handed_in.code()), (415, "lab-file-broken"), "{name}: {}", handed_in.body);
            assert_eq!(heads(&desk.server).await, before, "{name}");
            continue;
        }
        taken += 1;
        assert_eq!((handed_in.status, &handed_in.body["settled"]), (201, &json!(true)), "{name}: {}", handed_in.body);
        failed(&desk, &patient, name, reason).await;
        let id = handed_in.id();
        let retried =
            desk.on(&id, "retry", &format!("{name}/1"), &[("carelog-wait", "settled; timeout=60")], json!({})).await;
        assert_eq!((retried.status, &retried.body["settled"]), (200, &json!(true)), "{name}: {}", retried.body);
        failed(&desk, &patient, name, reason).await;
        let types = types_of(&desk, &id).await;
        let failures = types.iter().filter(|name| *name == "ProcessingFailed").count();
        assert_eq!((types[0].as_str(), failures), ("LabReportUploaded", 2), "{name}: {types:?}");
    }
    assert!(taken >= 8, "only {taken} files were taken");
    let letter = desk.server.get("/v1/operations/sagas").await.1;
    assert_eq!(letter["deadLetters"], json!([]), "an unreadable file is no failed step");
    let truth = truth("reportlab", "01-plain");
    let patient = desk.patient_of("good", &truth, &[]).await;
    let id = desk.hand_in("good", &patient, &pdf("reportlab", "01-plain")).await.id();
    let early = desk.on(&id, "retry", "good/1", &[], json!({})).await;
    assert_eq!((early.status, early.code()), (409, "retry-not-due"), "{}", early.body);
}

async fn failed(desk: &Desk, patient: &str, name: &str, reason: &str) {
    let report = desk.report(patient).await;
    assert_eq!((&report["fileStatus"], &report["failure"]), (&json!("PROCESSING_FAILED"), &json!(reason)), "{name}");
    assert_eq!((&report["reachesChart"], &report["observations"]), (&json!(false), &json!([])), "{name}");
}

async fn types_of(desk: &Desk, report: &str) -> Vec<String> {
    let (status, page) = desk.server.get(&format!("/v1/streams/lab-report:{report}/events")).await;
    assert_eq!(status, 200, "{page}");
    page["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_is_one_report_of_one_patient() {
    let desk = Desk::open().await;
    let truth = truth("chromium", "01-plain");
    let file = pdf("chromium", "01-plain");
    let patient = desk.patient_of("one", &truth, &[]).await;
    let twin = desk.patient_of("two", &truth, &[]).await;
    let first = desk.hand_in("first", &patient, &file).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let same = desk.hand_in("again", &patient, &file).await;
    assert_eq!((same.status, same.id()), (200, first.id()), "{}", same.body);
    desk.server.settle().await;
    let before = heads(&desk.server).await;
    let other = desk.hand_in("other", &twin, &file).await;
    assert_eq!((other.status, other.code()), (409, "lab-file-of-another-patient"), "{}", other.body);
    let reused = desk.hand_in("first", &patient, &pdf("chromium", "02-comparators")).await;
    assert_eq!((reused.status, reused.code()), (422, "key-reused"), "{}", reused.body);
    desk.server.settle().await;
    assert_eq!(heads(&desk.server).await, before, "a refused file wrote something");
    assert_eq!(desk.reports(&patient).await.len(), 1);
    assert_eq!(desk.reports(&twin).await, Vec::<Value>::new());
    let later = desk.hand_in("later", &patient, &pdf("chromium", "02-comparators")).await;
    assert_eq!(later.status, 201, "a file whose key was refused can still be handed in: {}", later.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_report_can_be_handed_in_again_for_its_patient_or_for_another() {
    let desk = Desk::open().await;
    let truth = truth("chromium", "01-plain");
    let file = pdf("chromium", "01-plain");
    let patient = desk.patient_of("one", &truth, &[]).await;
    let twin = desk.patient_of("two", &truth, &[]).await;
    let mut reports = vec![];
    for (key, whose) in [("first", &patient), ("second", &patient), ("third", &twin), ("fourth", &patient)] {
        let handed_in = desk.hand_in(key, whose, &file).await;
        assert_eq!(handed_in.status, 201, "{key}: {}", handed_in.body);
        let same = desk.hand_in(key, whose, &file).await;
        assert_eq!((same.status, same.id()), (200, handed_in.id()), "{}", same.body);
        let id = handed_in.id();
        assert!(!reports.contains(&id), "a withdrawn report was answered");
        let withdrawn = desk.on(&id, "cancel", &format!("cancel {key}"), &[], json!({ "reason": "a mistake" })).await;
        assert_eq!(withdrawn.status, 200, "{}", withdrawn.body);
        let same = desk.hand_in(key, whose, &file).await;
        assert_eq!((same.status, same.id()), (200, id.clone()), "its own key still answers it: {}", same.body);
        reports.push(id);
    }
    let last = desk.hand_in("last", &patient, &file).await;
    desk.server.settle().await;
    let shown = desk.reports(&patient).await;
    let report = shown.iter().find(|report| report["id"] == json!(last.id())).unwrap();
    assert_eq!(report["fileStatus"], "EXTRACTED", "{report:#}");
    assert!(report["observations"].as_array().is_some_and(|values| !values.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_report_is_refused_and_nothing_is_kept() {
    let desk = Desk::open().await;
    let patient = desk.practice.patient(&desk.server, "p", json!({ "name": { "text": "P" } })).await;
    let elsewhere = Practice::set_up(&desk.server, "elsewhere").await;
    desk.server.settle().await;
    let before = heads(&desk.server).await;
    let whole = pdf("reportlab", "01-plain");
    let mut largest = whole.clone();
    largest.resize(FILE_BYTES_MAX + 1, b' ');
    let nobody = "0193a000-0000-8abc-8000-000000000001";
    let here = desk.practice.hospital.as_str();
    for (hospital, patient, file, status, code) in [
        (here, patient.as_str(), b"<html></html>".to_vec(), 415, "lab-file-broken"),
        (here, &patient, vec![], 415, "lab-file-broken"),
        (here, &patient, b"\x89PNG\r\n".to_vec(), 415, "lab-file-broken"),
        (here, &patient, largest.clone(), 413, "body-too-large"),
        (here, nobody, whole.clone(), 404, "patient-unknown"),
        (here, "somebody", whole.clone(), 422, "meaningless-value"),
        (&elsewhere.hospital, &patient, whole.clone(), 422, "patient-not-linked"),
    ] {
        let answer = desk.hand_in_at(hospital, "bad", patient, &file).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let form = ("content-type", "multipart/form-data; boundary=B");
    for (body, code) in [
        ("", "malformed-body"),
        ("--B\r\nContent-Disposition: form-data; name=\"patient\"\r\n\r\nx", "malformed-body"),
        ("--B\r\nContent-Disposition: form-data; name=\"colour\"\r\n\r\nred\r\n--B--\r\n", "unknown-field"),
        ("--B--\r\n", "lab-file-missing"),
    ] {
        let headers = [form, ("idempotency-key", "bad")];
        let answer = send(&desk.server, "POST", "/v1/lab-reports", &headers, body.as_bytes().to_vec()).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{body}: {}", answer.body);
    }
    desk.server.settle().await;
    assert_eq!(heads(&desk.server).await, before);
    largest.pop();
    let answer = desk.hand_in("largest", &patient, &largest).await;
    assert_eq!(answer.status, 201, "a file of exactly 20 MiB is taken: {}", answer.body);
}
