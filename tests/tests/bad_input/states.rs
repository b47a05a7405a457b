//! Requests that are good by themselves and come at the wrong time: a key that is used up, a state that forbids it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_means_one_request_for_ever_also_at_another_hospital() {
    let mut scene = Scene::open().await;
    let others = [Practice::set_up(&scene.server, "st-bee").await, Practice::set_up(&scene.server, "st-clare").await];
    let server = &scene.server;
    let first = command(server, "POST", "/v1/appointments", "bad", &[], &scene.booking()).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let asked = json!({ "hospital": scene.practice.hospital, "name": { "text": SECRET } });
    let registered = command(server, "POST", "/v1/patients", "bad", &[], &asked).await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    let mut elsewhere = vec![];
    for (number, other) in others.iter().enumerate() {
        let patient = other.patient(server, &format!("p{number}"), json!({ "name": { "text": SECRET } })).await;
        elsewhere.push((other.hospital.clone(), other.booking(&patient, 0)));
    }
    server.settle().await;
    scene.before = heads(server).await;
    let reused = (422, "key-reused", Some("Idempotency-Key"));
    scene.refused_json("POST", "/v1/appointments", &scene.practice.booking(&scene.patient, 1), reused).await;
    scene.refused_json("POST", "/v1/appointments", &scene.booking_with("reason", json!("x")), reused).await;
    for (hospital, booking) in elsewhere {
        scene.refused_json("POST", "/v1/appointments", &booking, reused).await;
        let mut person = asked.clone();
        person["hospital"] = json!(hospital);
        scene.refused_json("POST", "/v1/patients", &person, reused).await;
    }
    for (path, body, first) in [("/v1/appointments", scene.booking(), first), ("/v1/patients", asked, registered)] {
        let again = command(&scene.server, "POST", path, "bad", &[], &body).await;
        assert_eq!((again.id(), &again.body["repeated"]), (first.id(), &json!(true)), "{}", again.body);
    }
    assert_eq!(heads(&scene.server).await, scene.before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_state_does_not_allow_is_409() {
    let mut scene = Scene::open().await;
    let server = &scene.server;
    let taken = command(server, "POST", "/v1/appointments", "taken", &[], &scene.booking()).await.id();
    let other = scene.practice.patient(server, "other", json!({ "name": { "text": "Other" } })).await;
    let gone = command(server, "POST", "/v1/appointments", "gone", &[], &scene.practice.booking(&other, 4)).await.id();
    let cancel = format!("/v1/appointments/{gone}/cancel");
    let cancelled = command(server, "POST", &cancel, "cancel", &[], &json!({ "by": "pat", "reason": SECRET })).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    server.settle().await;
    scene.before = heads(server).await;
    let same_slot = scene.practice.booking(&other, 0);
    scene.refused_json("POST", "/v1/appointments", &same_slot, (409, "slot-taken", Some("/start"))).await;
    let hold = json!({ "role": scene.practice.role, "start": scene.practice.slot(0) });
    scene.refused_json("POST", "/v1/holds", &hold, (409, "slot-taken", Some("/start"))).await;
    let on = |id: &str, what: &str| format!("/v1/appointments/{id}/{what}");
    let status = (409, "appointment-status", None);
    scene.refused_json("POST", &on(&gone, "arrive"), &json!({}), status).await;
    scene.refused_json("POST", &on(&gone, "check-in"), &json!({}), status).await;
    let past = json!({ "started": "2024-12-01T11:00:00Z", "ended": "2024-12-01T11:30:00Z" });
    scene.refused_json("POST", &on(&taken, "fulfil"), &past, status).await;
    scene.refused_json("POST", &on(&taken, "no-show"), &json!({}), (409, "no-show-too-early", None)).await;
    let link = json!({ "hospital": scene.practice.hospital });
    let links = format!("/v1/patients/{}/links", scene.patient);
    scene.refused_json("POST", &links, &link, (409, "already-registered", None)).await;
}
