//! Many commands in one request.

use serde_json::{Value, json};

use super::house::House;

async fn batch(house: &House, lines: &[String]) -> Vec<Value> {
    let body = lines.join("\n").into_bytes();
    let answer = house.raw("POST", "/v1/batch", &[("content-type", "application/x-ndjson")], body).await;
    assert_eq!(answer.status, 200);
    let text = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
    text.lines().map(|line| serde_json::from_str(line).expect("a result")).collect()
}

fn line(id: &str, operation: &str, body: Value) -> String {
    json!({ "id": id, "operation": operation, "key": id, "body": body }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn results_come_in_the_order_of_the_lines_and_a_refused_line_does_not_stop_the_rest() {
    let house = House::open().await;
    let (one, other) = (house.patient("p1").await, house.patient("p2").await);
    let mut lines = vec![];
    for slot in 0..40u32 {
        // Each slot is asked for twice: the first line gets it.
        lines.push(line(&format!("a{slot}"), "BookAppointment", house.booking(&one, 2, slot * 15)));
        lines.push(line(&format!("b{slot}"), "BookAppointment", house.booking(&other, 2, slot * 15)));
    }
    lines.push("{not json".to_owned());
    lines.push(line("x", "FlyToTheMoon", json!({})));
    lines.push(line("y", "BookAppointment", json!({ "role": house.role })));
    lines.push(line("z", "BookAppointment", house.booking(&one, 3, 0)));
    let results = batch(&house, &lines).await;
    assert_eq!(results.len(), lines.len());
    for slot in 0..40 {
        let (first, second) = (&results[slot * 2], &results[slot * 2 + 1]);
        assert_eq!((&first["id"], &first["status"]), (&json!(format!("a{slot}")), &json!(201)), "{first}");
        assert_eq!((&second["status"], &second["problem"]["code"]), (&json!(409), &json!("slot-taken")), "{second}");
    }
    assert_eq!((&results[80]["id"], &results[80]["line"]), (&Value::Null, &json!(81)));
    assert_eq!(results[80]["problem"]["code"], "malformed-line");
    assert_eq!(results[81]["problem"]["code"], "operation-unknown");
    assert_eq!(results[82]["problem"]["field"], "/body/patient");
    assert_eq!(results[83]["status"], 201);
    let again = batch(&house, &lines[83..]).await;
    assert_eq!(
        (&again[0]["result"]["repeated"], &again[0]["result"]["id"]),
        (&json!(true), &results[83]["result"]["id"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_line_may_build_on_the_lines_before_it() {
    let house = House::open().await;
    let one = house.patient("p1").await;
    let booked = house.made("/v1/appointments", "first", house.booking(&one, 2, 0)).await;
    let other = house.patient("p2").await;
    let on = |by: &str| json!({ "appointment": booked, "by": by });
    let results = batch(
        &house,
        &[
            line("1", "CancelAppointment", on("pat")),
            line("2", "BookAppointment", house.booking(&other, 2, 0)),
            line("3", "CancelAppointment", on("pat")),
        ],
    )
    .await;
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 201, 409], "{results:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_importer_says_when_it_happened_and_the_past_stays_in_order() {
    let house = House::open().await;
    let patient = house.patient("p1").await;
    let at = |id: &str, operation: &str, when: &str, body: Value| {
        json!({ "id": id, "operation": operation, "key": id, "occurredAt": when, "occurredAssumed": true, "body": body })
            .to_string()
    };
    let before = house.heads().await;
    let lines = [
        at("1", "BookAppointment", "2024-12-01T11:59:00Z", house.booking(&patient, 2, 0)),
        at("2", "BookAppointment", "2030-01-01T00:00:00Z", house.booking(&patient, 2, 0)),
    ];
    let results = batch(&house, &lines).await;
    assert_eq!(results[0]["problem"]["code"], "occurred-at-before-last", "{}", results[0]);
    assert_eq!(results[1]["problem"]["code"], "occurred-at-in-future", "{}", results[1]);
    assert_eq!(house.heads().await, before);
    let results =
        batch(&house, &[at("3", "BookAppointment", "2024-12-01T12:00:00Z", house.booking(&patient, 2, 0))]).await;
    assert_eq!(results[0]["status"], 201, "{}", results[0]);
}
