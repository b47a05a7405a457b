//! Handing lab reports in.

use super::house::{Answer, House};

const PDF: &[u8] = b"%PDF-1.7\n% a report\n%%EOF\n";

async fn hand_in(house: &House, key: &str, patient: &str, file: &[u8]) -> Answer {
    let mut body = Vec::new();
    for (name, value) in [("hospital", house.hospital.as_str()), ("patient", patient)] {
        body.extend(format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    body.extend(b"--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"ada.pdf\"\r\n");
    body.extend(b"Content-Type: application/pdf\r\n\r\n");
    body.extend(file);
    body.extend(b"\r\n--B--\r\n");
    let headers = [("idempotency-key", key), ("content-type", "multipart/form-data; boundary=B")];
    house.raw("POST", "/v1/lab-reports", &headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_is_the_same_report_and_belongs_to_one_patient() {
    let house = House::open().await;
    let (one, other) = (house.patient("p1").await, house.patient("p2").await);
    let first = hand_in(&house, "a", &one, PDF).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let same_key = hand_in(&house, "a", &one, PDF).await;
    assert_eq!((same_key.status, same_key.id()), (200, first.id()), "{}", same_key.body);
    let new_key = hand_in(&house, "b", &one, PDF).await;
    assert_eq!(new_key.id(), first.id(), "{}", new_key.body);
    let before = house.heads().await;
    let another = hand_in(&house, "c", &other, PDF).await;
    assert_eq!((another.status, another.body["code"].as_str()), (409, Some("lab-file-of-another-patient")));
    assert_eq!(house.heads().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_report_is_refused_and_nothing_is_kept() {
    let house = House::open().await;
    let patient = house.patient("p1").await;
    let before = house.heads().await;
    let not_pdf = hand_in(&house, "a", &patient, b"<html></html>").await;
    assert_eq!((not_pdf.status, not_pdf.body["code"].as_str()), (415, Some("lab-file-broken")));
    let nobody = hand_in(&house, "b", super::NOBODY, PDF).await;
    assert_eq!((nobody.status, nobody.body["code"].as_str()), (404, Some("patient-unknown")));
    let large = [PDF, &vec![b'x'; 20 * 1024 * 1024]].concat();
    let large = hand_in(&house, "c", &patient, &large).await;
    assert_eq!((large.status, large.body["code"].as_str()), (413, Some("body-too-large")), "{}", large.body);
    assert_eq!(house.heads().await, before);
}
