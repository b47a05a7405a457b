//! Health, metrics, traces, tokens and stopping.

use std::time::Duration;

use futures::StreamExt;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_how_it_is_and_counts_what_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    assert_eq!(scene.server.get("/health/live").await, (200, json!({ "status": "live" })));
    assert_eq!(scene.server.get("/health/ready").await, (200, json!({ "status": "ready" })));
    let refused =
        command(&scene.server, "POST", "/v1/appointments", "b", &[], &scene.practice.booking(&scene.patient, 0)).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    let metrics = send(&scene.server, "GET", "/metrics", &[], vec![]).await;
    let text = metrics.body.as_str().unwrap();
    let counted = |name: &str, labels: &[&str]| {
        let found =
            text.lines().filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
        found.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>()
    };
    let booked = ["command=\"BookAppointment\""];
    assert_eq!(counted("carelog_commands_total", &booked), 2.0, "{text}");
    assert_eq!(counted("carelog_command_seconds_count", &booked), 2.0, "{text}");
    let stats = heads(&scene.server).await;
    let events: f64 = stats.as_array().unwrap().iter().map(|each| each[1].as_f64().unwrap()).sum();
    assert_eq!(counted("carelog_log_events_total", &[]), events, "{text}");
    for name in ["carelog_saga_steps_total", "carelog_projection_events_total", "carelog_http_request_duration_seconds"]
    {
        assert!(counted(name, &[]) > 0.0, "{name} counts nothing\n{text}");
    }
    for id in [&scene.patient, &scene.appointment, &scene.practice.hospital] {
        assert!(!text.contains(id.as_str()), "an id is a label of a metric");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_a_request_is_kept_with_its_events_and_goes_on_in_the_sagas() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let headers = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")];
    let body = scene.practice.booking(&scene.patient, 8);
    let booked = command(&scene.server, "POST", "/v1/appointments", "traced", &headers, &body).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    scene.server.settle().await;
    let (_, page) = scene.server.get("/v1/events?limit=1000").await;
    let events = page["events"].as_array().unwrap();
    let of_trace = |event: &&Value| event["traceparent"].as_str().is_some_and(|parent| parent.contains(trace));
    let traced: Vec<&str> = events.iter().filter(of_trace).map(|event| event["type"].as_str().unwrap()).collect();
    assert!(traced.contains(&"AppointmentBooked"), "{traced:?}");
    assert!(traced.contains(&"InvoiceDrafted"), "the saga does not go on with the trace: {traced:?}");
    let ours = |event: &&Value| event["correlation"] == booked.body["command"] && event["type"] != "SagaStepRecorded";
    for event in events.iter().filter(ours) {
        assert!(of_trace(&event), "not of the trace: {event}");
    }
    // This process exports nothing; one that does may follow, and asks the flag whether it should.
    let unsampled =
        events.iter().find(|event| !event["traceparent"].as_str().is_some_and(|parent| parent.ends_with("-01")));
    assert!(unsampled.is_none(), "whoever exports would leave this out: {unsampled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lets_a_client_read_what_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    for slot in 10..30 {
        let body = scene.practice.booking(&scene.patient, slot);
        let booked = command(&scene.server, "POST", "/v1/appointments", &format!("t{slot}"), &[], &body).await;
        let (token, id) = (booked.header("carelog-token").to_owned(), booked.id());
        assert_eq!(json!(token), booked.body["token"]);
        let query = json!({ "query": format!("{{ appointment(id: \"{id}\") {{ id status }} }}") }).to_string();
        let headers = [("content-type", "application/json"), ("carelog-token", token.as_str())];
        let answer = send(&scene.server, "POST", "/graphql", &headers, query.into_bytes()).await;
        assert_eq!(answer.body["data"]["appointment"], json!({ "id": id, "status": "BOOKED" }), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_invoices_sees_what_the_sagas_make_of_a_booking() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let query = format!(
        "subscription {{ invoiceChanged(hospital: \"{}\") {{ status kind patient {{ name }} totalGross {{ amount }} }} }}",
        scene.practice.hospital
    );
    let request = scene.server.http.post(format!("{}/graphql/stream", scene.server.base));
    let request = request.header("accept", "text/event-stream").json(&json!({ "query": query }));
    let mut events = request.send().await.unwrap().bytes_stream();
    let mut text = String::new();
    // The head comes before the log is followed: book until one was followed.
    for slot in 10..30 {
        let body = scene.practice.booking(&scene.patient, slot);
        let booked = command(&scene.server, "POST", "/v1/appointments", &format!("w{slot}"), &[], &body).await;
        assert_eq!(booked.status, 201, "{}", booked.body);
        while let Ok(Some(Ok(chunk))) = tokio::time::timeout(Duration::from_secs(1), events.next()).await {
            text.push_str(&String::from_utf8_lossy(&chunk));
            if text.contains("event: next") && text.ends_with("\n\n") {
                break;
            }
        }
        if text.contains("event: next") {
            break;
        }
    }
    let line = text.lines().find(|line| line.starts_with("data: {")).unwrap_or_else(|| panic!("nothing came: {text}"));
    let change: Value = serde_json::from_str(&line["data: ".len()..]).unwrap();
    let invoice = &change["data"]["invoiceChanged"];
    assert_eq!((&invoice["status"], &invoice["kind"]), (&json!("DRAFT"), &json!("VISIT")), "{text}");
    assert_eq!(invoice["patient"]["name"], "Pat");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_descriptions_are_served_without_the_internet() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    for (path, says) in [
        ("/", "Carelog"),
        ("/swagger-ui/", "swagger-ui"),
        ("/graphiql", "graphiql"),
        ("/docs/errors", "slot-taken</a></dt><dd><b>409.</b> The slot is taken.</dd>"),
        ("/favicon.ico", "<svg"),
        ("/openapi.json", "\"/v1/appointments\""),
    ] {
        let page = scene.server.http.get(format!("{}{path}", scene.server.base)).send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        let text = page.text().await.unwrap();
        assert!(text.contains(says), "{path} does not say {says}");
        let sources = text.split(['"', '\'']).filter(|part| part.starts_with("http") || part.starts_with("//"));
        let loaded: Vec<&str> = sources.filter(|link| link.ends_with(".js") || link.ends_with(".css")).collect();
        assert!(loaded.is_empty(), "{path} loads {loaded:?} from elsewhere");
    }
    assert_eq!(scene.server.get("/v1/operations/underway").await, (200, json!({ "operations": [] })));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_description_names_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let (_, description) = scene.server.get("/openapi.json").await;
    let paths = description["paths"].as_object().expect("paths");
    let of = |start: &str| paths.keys().filter(|path| path.starts_with(start)).count();
    assert!(of("/v1/operations/") > 10 && of("/v1/topics") == 2 && of("/health/") == 2, "{:?}", paths.keys());
    for (path, verbs) in paths {
        // Nobody has this id or name.
        let nobody = path.split('/').map(|part| if part.starts_with('{') { "nobody" } else { part });
        let address = nobody.collect::<Vec<_>>().join("/");
        for verb in verbs.as_object().expect("verbs").keys() {
            let headers = [("content-type", "application/json")];
            let answer = send(&scene.server, &verb.to_uppercase(), &address, &headers, b"{}".to_vec()).await;
            assert_ne!(answer.body["code"], "route-unknown", "{verb} {path}");
            assert_ne!(answer.status, 405, "{verb} {path}");
        }
    }
    let unknown = send(&scene.server, "GET", "/v1/operations/nothing", &[], vec![]).await;
    assert_eq!(unknown.body["code"], "route-unknown", "what the others are told apart from");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_listens_does_not_hold_up_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let url = format!("{}/v1/events?from=0:0,1:0,2:0,3:0", scene.server.base);
    let feed = scene.server.http.get(url).header("accept", "text/event-stream").send().await.unwrap();
    let mut feed = feed.bytes_stream();
    let first = String::from_utf8(feed.next().await.unwrap().unwrap().to_vec()).unwrap();
    // A browser's page hears only messages without a name of their own.
    assert!(first.contains("data:") && !first.contains("event:"), "{first}");
    let log = tokio::task::spawn_blocking(move || scene.server.stop()).await.unwrap();
    assert!(!log.contains("did not end in time"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_order_answers_what_was_accepted_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let server = scene.server;
    let (http, base) = (server.http.clone(), server.base.clone());
    let bookings: Vec<Value> = (0..400).map(|n| json!({ "name": { "text": format!("Dr {n}") } })).collect();
    let (begun, mut first) = tokio::sync::mpsc::channel(1);
    let sending = tokio::spawn(async move {
        let send = |(number, body): (usize, Value)| {
            let (http, base, begun) = (http.clone(), base.clone(), begun.clone());
            async move {
                let request =
                    http.post(format!("{base}/v1/practitioners")).header("idempotency-key", number.to_string());
                let answer = request.json(&body).send().await.ok()?;
                let status = answer.status().as_u16();
                // A connection cut in the middle of an answer would make this fail: an answer begun is an answer given.
                let body: Value = answer.json().await.expect("a whole answer");
                let _ = begun.try_send(());
                Some((status, body))
            }
        };
        let requests = futures::stream::iter(bookings.into_iter().enumerate().map(send));
        futures::StreamExt::collect::<Vec<_>>(futures::StreamExt::buffered(requests, 16)).await
    });
    first.recv().await.expect("one answered");
    tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    let answers = tokio::time::timeout(Duration::from_secs(60), sending).await.expect("no request hangs").unwrap();
    let made: Vec<&Value> =
        answers.iter().flatten().filter(|(status, _)| *status == 201).map(|(_, body)| body).collect();
    let refused = answers.len() - made.len();
    assert!(!made.is_empty() && refused > 0, "{} made, {refused} refused: nothing was on its way", made.len());
    let others = answers.iter().flatten().filter(|(status, _)| ![201, 503].contains(status));
    assert_eq!(others.count(), 0);
    let server = Server::start(folder.path(), 4).await;
    for body in made {
        let (status, found) = server.get(&format!("/v1/practitioners/{}", body["id"].as_str().unwrap())).await;
        assert_eq!(status, 200, "acknowledged and gone: {found}");
    }
}
