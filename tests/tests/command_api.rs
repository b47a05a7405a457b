//! The command side over HTTP, on a real log: what it promises to clients, whatever they send and however often.
#![allow(clippy::unwrap_used)]

#[path = "command_api/house.rs"]
mod house;

#[path = "command_api/batches.rs"]
mod batches;
#[path = "command_api/crowds.rs"]
mod crowds;
#[path = "command_api/history.rs"]
mod history;
#[path = "command_api/lab.rs"]
mod lab;
#[path = "command_api/limits.rs"]
mod limits;
#[path = "command_api/passing.rs"]
mod passing;
#[path = "command_api/reach.rs"]
mod reach;

use carelog_domain::kernel::Version;
use house::House;
use serde_json::{Value, json};

const NOBODY: &str = "0193a000-0000-8abc-8000-000000000001";

/// Method, path, headers, body, and the status and code to expect.
type Bad<'a> = (&'a str, String, Vec<(&'a str, &'a str)>, Value, u16, &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_of_every_kind_gets_its_refusal_and_changes_nothing() {
    let house = House::open().await;
    let patient = house.patient("p1").await;
    let book = "/v1/appointments".to_owned();
    let good = house.booking(&patient, 2, 0);
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let key = |key: &'static str| vec![("idempotency-key", key)];
    let long: &'static str = Box::leak("k".repeat(300).into_boxed_str());
    let undo = format!("/v1/appointments/{NOBODY}/undo");
    let undone = json!({ "to": "booked", "reason": "x" });
    let prices = format!("/v1/hospitals/{}/price-list", house.hospital);
    let cases: Vec<Bad<'_>> = vec![
        ("POST", book.clone(), vec![], good.clone(), 400, "idempotency-key-missing"),
        ("POST", book.clone(), key(long), good.clone(), 400, "idempotency-key-invalid"),
        ("POST", book.clone(), key("1"), with("start", json!(7)), 400, "malformed-body"),
        ("POST", book.clone(), key("1"), with("sevrice", json!("x")), 400, "unknown-field"),
        ("POST", book.clone(), key("1"), json!([1]), 400, "malformed-body"),
        ("POST", book.clone(), key("1"), with("patient", json!(NOBODY)), 404, "patient-unknown"),
        ("POST", book.clone(), key("1"), with("role", json!(NOBODY)), 404, "practitioner-role-unknown"),
        ("POST", book.clone(), key("1"), with("service", json!("surgery")), 422, "price-missing"),
        ("POST", book.clone(), key("1"), with("start", json!("2024-12-02T03:00:00Z")), 409, "slot-not-open"),
        ("POST", book.clone(), key("1"), with("status", json!("fulfilled")), 422, "status-not-bookable"),
        ("POST", format!("/v1/appointments/{NOBODY}/arrive"), key("1"), json!({}), 404, "appointment-unknown"),
        ("POST", "/v1/appointments/here/arrive".to_owned(), key("1"), json!({}), 400, "malformed-body"),
        ("POST", undo.clone(), key("1"), undone.clone(), 428, "if-match-missing"),
        ("POST", undo.clone(), [key("1"), vec![("if-match", "3")]].concat(), undone, 400, "malformed-header"),
        (
            "PUT",
            prices,
            [key("1"), vec![("if-match", "\"1\"")]].concat(),
            json!({ "entries": [] }),
            412,
            "version-differs",
        ),
        (
            "POST",
            "/v1/hospitals".to_owned(),
            key("1"),
            json!({ "name": "X", "zone": "Mars/Base", "currency": "GBP" }),
            422,
            "meaningless-value",
        ),
        (
            "POST",
            "/v1/hospitals".to_owned(),
            key("1"),
            json!({ "name": " ", "zone": "UTC", "currency": "GBP" }),
            422,
            "name-missing",
        ),
        ("GET", "/v1/nothing".to_owned(), vec![], Value::Null, 404, "route-unknown"),
        ("PATCH", book.clone(), key("1"), good.clone(), 405, "method-not-allowed"),
        ("GET", format!("/v1/commands/{NOBODY}"), vec![], Value::Null, 404, "command-unknown"),
        ("GET", format!("/v1/invoices/{NOBODY}"), vec![], Value::Null, 404, "resource-unknown"),
        ("GET", "/v1/events?limit=0".to_owned(), vec![], Value::Null, 400, "malformed-parameter"),
    ];
    let before = house.heads().await;
    for (method, path, headers, body, status, code) in cases {
        let answer = house.call(method, &path, &headers, &body).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{path} {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.body["type"], format!("/docs/errors/{code}"));
        let page = house.call("GET", &format!("/docs/errors/{code}"), &[], &Value::Null).await;
        assert_eq!(page.status, 200, "{code} has no page");
    }
    let keyed = [("idempotency-key", "1"), ("content-type", "application/json")];
    assert_eq!(house.raw("POST", &book, &keyed, b"{".to_vec()).await.body["code"], "malformed-json");
    let large = house.raw("POST", &book, &keyed, vec![b' '; 2 * 1024 * 1024]).await;
    assert_eq!((large.status, large.body["code"].as_str()), (413, Some("body-too-large")));
    let typed =
        house.raw("POST", &book, &[("idempotency-key", "1"), ("content-type", "text/plain")], b"x".to_vec()).await;
    assert_eq!(typed.status, 415);
    assert_eq!(house.heads().await, before, "a refusal wrote something");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_its_work_once_and_for_one_body_only() {
    let house = House::open().await;
    let patient = house.patient("p1").await;
    let first = house.keyed("POST", "/v1/appointments", "k", &house.booking(&patient, 2, 0)).await;
    assert_eq!((first.status, &first.body["repeated"]), (201, &json!(false)));
    let before = house.heads().await;
    let again = house.keyed("POST", "/v1/appointments", "k", &house.booking(&patient, 2, 0)).await;
    assert_eq!((again.status, &again.body["repeated"]), (201, &json!(true)));
    for field in ["id", "version", "token", "events", "stream", "command"] {
        assert_eq!(again.body[field], first.body[field], "{field}");
    }
    let other = house.keyed("POST", "/v1/appointments", "k", &house.booking(&patient, 2, 15)).await;
    assert_eq!((other.status, other.body["code"].as_str()), (422, Some("key-reused")));
    assert_eq!(house.heads().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_remembered() {
    let house = House::open().await;
    let patient = house.patient("p1").await;
    let taken = house.made("/v1/appointments", "a", house.booking(&patient, 2, 0)).await;
    let other = house.patient("p2").await;
    let refused = house.keyed("POST", "/v1/appointments", "b", &house.booking(&other, 2, 0)).await;
    assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("slot-taken")));
    assert_eq!(refused.body["field"], "/start");
    let cancel = format!("/v1/appointments/{taken}/cancel");
    assert_eq!(house.keyed("POST", &cancel, "c", &json!({ "by": "pat" })).await.status, 200);
    let now = house.keyed("POST", "/v1/appointments", "b", &house.booking(&other, 2, 0)).await;
    assert_eq!(now.status, 201, "{}", now.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_goes_its_way_and_each_answer_carries_its_version() {
    let house = House::open().await;
    let patient = house.patient("p1").await;
    let id = house.made("/v1/appointments", "a", house.booking(&patient, 2, 0)).await;
    let on = |action: &str| format!("/v1/appointments/{id}/{action}");
    let arrived = house.keyed("POST", &on("arrive"), "b", &json!({})).await;
    assert_eq!((arrived.status, arrived.header("etag")), (200, "\"2\""), "{}", arrived.body);
    let undo = json!({ "to": "booked", "reason": "the wrong patient" });
    let stale = house.call("POST", &on("undo"), &[("idempotency-key", "c"), ("if-match", "\"1\"")], &undo).await;
    assert_eq!((stale.status, stale.body["code"].as_str()), (412, Some("version-differs")));
    let undone = house.call("POST", &on("undo"), &[("idempotency-key", "c"), ("if-match", "\"2\"")], &undo).await;
    assert_eq!((undone.status, undone.header("etag")), (200, "\"3\""), "{}", undone.body);
    let resource = house.call("GET", &format!("/v1/appointments/{id}"), &[], &Value::Null).await;
    assert_eq!((resource.status, resource.header("etag")), (200, "\"3\""));
    let stream = format!("appointment:{id}").parse().unwrap();
    assert_eq!(house.log.stream_version(&stream).await.unwrap(), Version(3));
    let twice = house.keyed("POST", &on("check-in"), "d", &json!({})).await;
    assert_eq!(twice.status, 200);
    let settled = [("idempotency-key", "e"), ("carelog-wait", "settled; timeout=1")];
    let ended = json!({ "started": "2024-12-01T11:00:00Z", "ended": "2024-12-01T11:30:00Z" });
    let fulfilled = house.call("POST", &on("fulfil"), &settled, &ended).await;
    assert_eq!((fulfilled.status, &fulfilled.body["settled"]), (200, &json!(true)), "{}", fulfilled.body);
    let command = fulfilled.body["command"].as_str().unwrap().to_owned();
    let status = house.call("GET", &format!("/v1/commands/{command}"), &[], &Value::Null).await;
    assert_eq!((status.status, &status.body["settled"]), (200, &json!(true)), "{}", status.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_stands_in_the_log_or_in_an_answer() {
    let house = House::open().await;
    let patient = house.patient("SECRET-77").await;
    let mut booking = house.booking(&patient, 2, 0);
    booking["reason"] = json!("chest pain");
    house.made("/v1/appointments", "a", booking).await;
    let sealed = house.call("GET", "/v1/events?limit=1000", &[], &Value::Null).await.body.to_string();
    for personal in ["Ada Lovelace", "SECRET-77", "chest pain", "Dr Grey"] {
        assert!(!sealed.contains(personal), "{personal} is in the log");
    }
    let opened = house.call("GET", "/v1/events?limit=1000&open=true", &[], &Value::Null).await.body.to_string();
    assert!(opened.contains("Ada Lovelace") && opened.contains("chest pain"));
}
