//! What auditors read.

use std::time::Duration;

use axum::body::Body;
use carelog_domain::kernel::{StreamName, Version};
use futures::StreamExt;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_log_join_without_a_gap_or_a_repeat() {
    let house = House::open().await;
    house.patient("p1").await;
    let all = house.call("GET", "/v1/events?limit=1000", &[], &Value::Null).await;
    let all: Vec<Value> =
        all.body["events"].as_array().unwrap().iter().map(|event| event["position"].clone()).collect();
    assert!(all.len() > 10);
    let (mut paged, mut from) = (vec![], None::<String>);
    loop {
        let path = from.map_or("/v1/events?limit=3".to_owned(), |from| format!("/v1/events?limit=3&from={from}"));
        let page = house.call("GET", &path, &[], &Value::Null).await;
        assert_eq!(page.status, 200, "{}", page.body);
        paged.extend(page.body["events"].as_array().unwrap().iter().map(|event| event["position"].clone()));
        match page.body["next"].as_str() {
            Some(next) => from = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(paged, all);
    let back = house.call("GET", "/v1/events?limit=1000&direction=backward", &[], &Value::Null).await;
    let mut back: Vec<Value> =
        back.body["events"].as_array().unwrap().iter().map(|event| event["position"].clone()).collect();
    back.reverse();
    assert_eq!(back, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_reader_who_comes_back_misses_nothing_and_sees_nothing_twice() {
    let house = House::open().await;
    let patient = house.patient("p1").await;
    let first = live(&house, &[], "/v1/events?from=0:0&type=AppointmentBooked");
    let mut first = first.await;
    house.made("/v1/appointments", "a", house.booking(&patient, 2, 0)).await;
    let (id, event) = next(&mut first).await;
    assert_eq!(event["type"], "AppointmentBooked");
    drop(first);
    house.made("/v1/appointments", "b", house.booking(&patient, 2, 15)).await;
    let mut second = live(&house, &[("last-event-id", &id)], "/v1/events?type=AppointmentBooked").await;
    let (_, missed) = next(&mut second).await;
    house.made("/v1/appointments", "c", house.booking(&patient, 2, 30)).await;
    let (_, fresh) = next(&mut second).await;
    let starts: Vec<_> = [&event, &missed, &fresh].map(|event| event["data"]["period"]["start"].clone()).to_vec();
    assert_eq!(starts, [json!("2024-12-02T08:00:00Z"), json!("2024-12-02T08:15:00Z"), json!("2024-12-02T08:30:00Z")]);
}

struct Live {
    body: axum::body::BodyDataStream,
    text: String,
}

async fn live(house: &House, headers: &[(&str, &str)], path: &str) -> Live {
    let mut request = Request::builder().uri(path).header("accept", "text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = house.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    Live { body: response.into_body().into_data_stream(), text: String::new() }
}

async fn next(live: &mut Live) -> (String, Value) {
    loop {
        if let Some((message, rest)) = live.text.split_once("\n\n") {
            let field = |name: &str| {
                message.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned())
            };
            let found = (field("id:"), field("data:"));
            live.text = rest.to_owned();
            if let (Some(id), Some(data)) = found {
                return (id, serde_json::from_str(&data).expect("an event"));
            }
            continue;
        }
        let chunk = live.body.next().await.expect("the stream goes on").expect("readable");
        live.text.push_str(std::str::from_utf8(&chunk).expect("text"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_what_is_not_durable_yet() {
    let house = House::open().await;
    let hospital = format!("/v1/hospitals/{}", house.hospital);
    let stream = format!("organization:{}", house.hospital);
    let name: StreamName = stream.parse().expect("a stream");
    let look = async |path: &str| house.call("GET", path, &[], &Value::Null).await;
    assert_eq!(look(&hospital).await.header("etag"), "\"2\"");

    house.disk.hold_syncs(true);
    let prices = json!({ "entries": [{ "service": "visit", "display": "Visit",
        "amount": { "amount": "90.00", "currency": "GBP" }, "validFrom": "2024-01-01" }] });
    let path = format!("{hospital}/price-list");
    let headers = [("idempotency-key", "later"), ("if-match", "\"2\"")];
    let changing = house.call("PUT", &path, &headers, &prices);
    let looking = async {
        while house.log.stream_version(&name).await.expect("a version") != Version(3) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (resource, events) = (look(&hospital).await, look(&format!("/v1/streams/{stream}/events")).await);
        house.disk.hold_syncs(false);
        (resource, events)
    };
    let (changed, (resource, events)) = tokio::join!(changing, looking);
    assert_eq!((resource.status, resource.header("etag")), (200, "\"2\""), "accepted, not durable: {}", resource.body);
    assert_eq!(events.body["events"].as_array().unwrap().len(), 2, "{}", events.body);
    assert_eq!((changed.status, changed.header("etag")), (200, "\"3\""), "{}", changed.body);
    assert_eq!(look(&hospital).await.header("etag"), "\"3\"");
}
