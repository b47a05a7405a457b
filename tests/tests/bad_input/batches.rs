//! Batches with bad lines among good ones: each line has its own result, in the order of the lines.

use super::*;

async fn batch(scene: &Scene, lines: &[Vec<u8>]) -> Vec<Value> {
    let headers = [("content-type", "application/x-ndjson")];
    let answer = send(&scene.server, "POST", "/v1/batch", &headers, lines.join(&b'\n')).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    // One line alone is JSON by itself.
    let text = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn line(id: &str, operation: &str, body: &Value) -> Vec<u8> {
    json!({ "id": id, "operation": operation, "key": id, "body": body }).to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_do_not_stop_the_rest_and_the_order_is_kept() {
    let scene = Scene::open().await;
    let other = scene.practice.patient(&scene.server, "other", json!({ "name": { "text": SECRET } })).await;
    let book = |id: &str, patient: &str, slot: u32| line(id, "BookAppointment", &scene.practice.booking(patient, slot));
    let used =
        command(&scene.server, "POST", "/v1/appointments", "used", &[], &scene.practice.booking(&other, 12)).await;
    assert_eq!(used.status, 201, "{}", used.body);
    let mut misspelt = scene.booking();
    misspelt["sevrice"] = json!(SECRET);
    let mut typed = scene.booking();
    typed["start"] = json!(7);
    let future = json!({ "id": "f", "operation": "BookAppointment", "key": "f", "occurredAt": "2999-01-01T00:00:00Z",
        "body": scene.practice.booking(&scene.patient, 20) });
    let nobody = json!({ "appointment": NOBODY });
    let lines: Vec<(Vec<u8>, u16, &str, Option<&str>)> = vec![
        (book("one", &scene.patient, 0), 201, "", None),
        (b"{".to_vec(), 400, "malformed-line", None),
        (book("two", &other, 0), 409, "slot-taken", Some("/start")),
        (b"\xff\xfe".to_vec(), 400, "malformed-line", None),
        (line("three", "BookApointment", &json!({})), 400, "operation-unknown", Some("/operation")),
        (line("four", "BookAppointment", &misspelt), 400, "unknown-field", Some("/body/sevrice")),
        (line("five", "BookAppointment", &typed), 400, "malformed-body", Some("/body/start")),
        (
            b"{\"id\":\"six\",\"operation\":\"BookAppointment\",\"body\":{}}".to_vec(),
            400,
            "malformed-line",
            Some("/key"),
        ),
        (line("seven", "Arrive", &nobody), 404, "appointment-unknown", None),
        (future.to_string().into_bytes(), 422, "occurred-at-in-future", None),
        ([b"{\"id\":\"".to_vec(), vec![b'x'; 300 * 1024], b"\"}".to_vec()].concat(), 413, "body-too-large", None),
        (book("used", &other, 4), 422, "key-reused", None),
        (line("", "Arrive", &nobody), 400, "idempotency-key-missing", Some("/key")),
        (book("last", &other, 8), 201, "", None),
    ];
    let sent: Vec<Vec<u8>> = lines.iter().map(|(line, ..)| line.clone()).collect();
    let results = batch(&scene, &sent).await;
    assert_eq!(results.len(), lines.len(), "{results:#?}");
    for (number, (result, (_, status, code, field))) in (1u64..).zip(results.iter().zip(&lines)) {
        assert_eq!((&result["line"], &result["status"]), (&json!(number), &json!(status)), "{result}");
        let problem = &result["problem"];
        assert_eq!(problem["code"].as_str().unwrap_or_default(), *code, "{result}");
        assert!(field.is_none() || problem["field"].as_str() == *field, "{result}");
        assert!(!result.to_string().contains(SECRET), "{result}");
        if !code.is_empty() {
            scene.has_page(code).await;
        }
    }
    scene.server.settle().await;
    let before = heads(&scene.server).await;
    let again = batch(&scene, &sent).await;
    for (first, again) in results.iter().zip(&again) {
        assert_eq!((&first["line"], &first["status"]), (&again["line"], &again["status"]));
        assert_eq!(first["result"]["id"], again["result"]["id"], "a line sent again did something else");
    }
    scene.server.settle().await;
    assert_eq!(heads(&scene.server).await, before);
}
