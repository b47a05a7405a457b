//! What is let in at once, and how long it may take.

use std::time::Duration;

use axum::body::Body;
use carelog_domain::kernel::{CommandId, Token};
use carelog_domain::ports::{BoxFuture, Failure, Settlement};
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::house::{Answer, House};

async fn book(house: &House, key: &str, patient: &str, minutes: u32) -> Answer {
    house.keyed("POST", "/v1/appointments", key, &house.booking(patient, 2, minutes)).await
}

fn line(house: &House, key: &str, patient: &str, minutes: u32) -> String {
    let body = house.booking(patient, 2, minutes);
    json!({ "id": key, "operation": "BookAppointment", "key": key, "body": body }).to_string() + "\n"
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

async fn booked(house: &House) -> usize {
    let page = house.call("GET", "/v1/events?type=AppointmentBooked&limit=100", &[], &Value::Null).await;
    page.body["events"].as_array().expect("events").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_keeps_its_place_until_its_last_line_is_done() {
    let mut house = House::open().await;
    let patient = house.patient("p").await;
    house.rebuilt(|api| api.limits.requests_max = 1);
    let (lines, body) = futures::channel::mpsc::unbounded::<Result<String, std::io::Error>>();
    let request = Request::post("/v1/batch").header("content-type", "application/x-ndjson");
    let request = request.body(Body::from_stream(body)).expect("a request");
    let response = house.app.clone().oneshot(request).await.expect("an answer");
    assert_eq!(response.status(), 200, "the batch is begun");
    let refused = book(&house, "alone", &patient, 0).await;
    assert_eq!((code(&refused), refused.header("retry-after")), ((503, "too-many-requests"), "1"));
    lines.unbounded_send(Ok(line(&house, "line", &patient, 15))).expect("sent");
    drop(lines);
    let results = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    let result: Value = serde_json::from_slice(&results).expect("one line");
    assert_eq!(result["status"], 201, "{result}");
    let taken = book(&house, "alone", &patient, 0).await;
    assert_eq!(taken.status, 201, "its place is free again, and the refused key is decided afresh: {}", taken.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_takes_too_long_goes_on_and_is_answered_when_it_is_sent_again() {
    let mut house = House::open().await;
    let patient = house.patient("p").await;
    let usual = house.api.limits.command_timeout;
    house.rebuilt(|api| api.limits.command_timeout = Duration::ZERO);
    // A thread may be held up for so long that even no time is enough: then another one is tried.
    let mut late = 0;
    while code(&book(&house, &format!("late {late}"), &patient, late * 15).await) != (503, "timed-out") {
        late += 1;
        assert!(late < 20, "no command took too long");
    }
    let mut line = 20;
    loop {
        let result = sent_as_a_line(&house, &patient, line).await;
        if result["status"] != 201 {
            assert_eq!((&result["status"], &result["problem"]["code"]), (&json!(503), &json!("timed-out")), "{result}");
            break;
        }
        line += 1;
        assert!(line < 40, "no line took too long");
    }
    house.rebuilt(|api| api.limits.command_timeout = usual);
    // Sent again too soon it is still running, as whoever comes is told.
    let again = loop {
        let again = book(&house, &format!("late {late}"), &patient, late * 15).await;
        if code(&again) != (409, "still-running") {
            break again;
        }
        assert_eq!(again.header("retry-after"), "1");
    };
    assert_eq!(again.status, 201, "{}", again.body);
    let again = loop {
        let again = sent_as_a_line(&house, &patient, line).await;
        if again["problem"]["code"] != "still-running" {
            break again;
        }
    };
    assert_eq!(again["status"], 201, "{again}");
    assert_eq!(booked(&house).await, (late + 1 + line - 20 + 1) as usize, "each was done once");
}

async fn sent_as_a_line(house: &House, patient: &str, quarter: u32) -> Value {
    let headers = [("content-type", "application/x-ndjson")];
    let line = line(house, &format!("line {quarter}"), patient, quarter * 15);
    house.raw("POST", "/v1/batch", &headers, line.into_bytes()).await.body
}

/// Sagas that take longer than a command may.
struct Slow;

impl Settlement for Slow {
    fn settled(&self, _: CommandId, written: &Token, _: Duration) -> BoxFuture<'_, Result<Option<Token>, Failure>> {
        let written = written.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            Ok(Some(written))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_sagas_waits_as_long_as_they_said() {
    let mut house = House::open().await;
    let patient = house.patient("p").await;
    house.rebuilt(|api| {
        api.limits.command_timeout = Duration::from_secs(2);
        api.settlement = std::sync::Arc::new(Slow);
    });
    let headers = [("idempotency-key", "a"), ("carelog-wait", "settled; timeout=5")];
    let answer = house.call("POST", "/v1/appointments", &headers, &house.booking(&patient, 2, 0)).await;
    assert_eq!((answer.status, &answer.body["settled"]), (201, &json!(true)), "{}", answer.body);
}
