//! Queries that cannot be answered: a code each, no data, and nothing written.

use super::*;

/// Asks, and holds the refusal to its status and code; `accept` decides what the status speaks of.
async fn refused(scene: &Scene, body: &[u8], accept: &str, (status, code): (u16, &str)) {
    let answer = send(&scene.server, "POST", "/graphql", &[JSON, ("accept", accept)], body.to_vec()).await;
    let asked = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    has_code(&answer, (status, code), &asked);
    scene.has_page(code).await;
    assert_eq!(heads(&scene.server).await, scene.before, "{asked} wrote something");
}

fn has_code(answer: &Answer, (status, code): (u16, &str), asked: &str) {
    let error = &answer.body["errors"][0];
    assert_eq!((answer.status, error["extensions"]["code"].as_str()), (status, Some(code)), "{asked}\n{}", answer.body);
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", answer.body);
    assert!(!answer.body.to_string().contains(SECRET), "{asked} is repeated: {}", answer.body);
}

const SPEAKING: &str = "application/graphql-response+json";

#[tokio::test(flavor = "multi_thread")]
async fn queries_that_cannot_run_have_a_code_each() {
    let scene = Scene::open().await;
    let inner = nest("{ patient { appointments(first: 1) { nodes", 8);
    let deep = format!("{{ appointments(first: 1) {{ nodes {inner} }} }}");
    let nodes = "nodes { id status patient { id name } practitioner { id name } hospital { id name } }";
    let costly = (0..30).map(|n| format!("a{n}: appointments(first: 100) {{ {nodes} }} ")).collect::<String>();
    let patients =
        |arguments: &str| format!("{{ patients({arguments}) {{ nodes {{ id }} pageInfo {{ endCursor }} }} }}");
    let cases: Vec<(String, &str)> = vec![
        ("{ patients {".to_owned(), "query-invalid"),
        (String::new(), "query-invalid"),
        ("{ patients { nodes { shoeSize } } }".to_owned(), "query-invalid"),
        (format!("{{ patient(id: \"{SECRET}\", x: 1) {{ id }} }}"), "query-invalid"),
        ("mutation { cancelAppointment(id: 1) { id } }".to_owned(), "query-invalid"),
        (deep, "query-too-deep"),
        (format!("{{ {costly} }}"), "query-too-complex"),
        ("subscription { appointmentChanged { position } }".to_owned(), "subscription-needs-stream"),
    ];
    for (query, code) in cases {
        let body = json!({ "query": query }).to_string();
        refused(&scene, body.as_bytes(), SPEAKING, (400, code)).await;
        refused(&scene, body.as_bytes(), "application/json", (200, code)).await;
    }
    let hash = "ab".repeat(32);
    let unknown = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } });
    let other =
        json!({ "query": "{ __typename }", "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } });
    let odd =
        json!({ "query": "{ __typename }", "extensions": { "persistedQuery": { "version": 2, "sha256Hash": "zz" } } });
    let large = json!({ "query": format!("{{ __typename }} #{}", "x".repeat(256 * 1024)) }).to_string();
    for (body, expected) in [
        (unknown.to_string(), (200, "persisted-query-not-found")),
        (other.to_string(), (400, "persisted-query-mismatch")),
        (odd.to_string(), (400, "malformed-body")),
        (json!({ "query": 7 }).to_string(), (400, "malformed-body")),
        (json!({ "query": "{ __typename }", "variables": [1] }).to_string(), (400, "malformed-body")),
        (json!([{ "query": "{ __typename }" }]).to_string(), (400, "malformed-body")),
        ("{}".to_owned(), (400, "malformed-body")),
        ("{".to_owned(), (400, "malformed-json")),
        (large, (413, "body-too-large")),
    ] {
        refused(&scene, body.as_bytes(), SPEAKING, expected).await;
    }
    refused(&scene, b"{\"query\":\"\xff\"}", SPEAKING, (400, "malformed-json")).await;
    refused(&scene, b"{\"query\":\"{ __typename }\"}", "text/html", (406, "not-acceptable")).await;
    let first = scene.server.query(&patients("first: 1"), json!({})).await;
    let cursor = first["patients"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    let mut tampered = cursor.clone().into_bytes();
    let middle = tampered.len() / 2;
    tampered[middle] = if tampered[middle] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    let elsewhere = format!("{{ invoices(after: \"{cursor}\") {{ totalCount nodes {{ id }} }} }}");
    for (query, code) in [
        (patients("first: 101"), "page-size"),
        (patients("first: 0"), "page-size"),
        (patients("last: -1"), "page-size"),
        (patients("first: 1, last: 1"), "page-ambiguous"),
        (patients(&format!("after: \"{tampered}\"")), "cursor-invalid"),
        (patients("after: \"1\""), "cursor-invalid"),
        (elsewhere, "cursor-invalid"),
        (format!("{{ patient(id: \"{SECRET}\") {{ id }} }}"), "malformed-parameter"),
        ("{ availability(from: \"then\", to: \"now\") { totalCount } }".to_owned(), "meaningless-value"),
    ] {
        let body = json!({ "query": query }).to_string();
        let answer = send(&scene.server, "POST", "/graphql", &[JSON, ("accept", SPEAKING)], body.into_bytes()).await;
        has_code(&answer, (answer.status, code), &query);
        assert!([200, 400].contains(&answer.status), "{query}: {}", answer.status);
        scene.has_page(code).await;
    }
    assert_eq!(heads(&scene.server).await, scene.before);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_ways_to_ask_are_refused_as_well() {
    let scene = Scene::open().await;
    let get = async |query: &str| send(&scene.server, "GET", &format!("/graphql?{query}"), &[], vec![]).await;
    has_code(&get("query=mutation%20%7B%20x%20%7D").await, (405, "method-not-allowed"), "a mutation by GET");
    has_code(&get("query=%7B__typename%7D&variables=7").await, (400, "malformed-parameter"), "variables in the URL");
    has_code(&get("variables=%7B%7D").await, (400, "malformed-body"), "no query in the URL");
    let put = send(&scene.server, "PUT", "/graphql", &[JSON], b"{}".to_vec()).await;
    has_code(&put, (405, "method-not-allowed"), "PUT");
    let body = br#"{"query":"{ patients { totalCount } }"}"#;
    for (headers, expected) in [
        (vec![JSON, ("carelog-token", "soon")], (400, "malformed-header")),
        (vec![JSON, ("carelog-wait", "x")], (400, "malformed-header")),
        // A place the log does not have, nor any read model: told in the answer, as the query itself was fine.
        (vec![JSON, ("carelog-token", "99:1")], (200, "token-unknown")),
        (vec![JSON, ("carelog-token", "99:1"), ("carelog-wait", "settled")], (200, "token-unknown")),
    ] {
        let answer = send(&scene.server, "POST", "/graphql", &headers, body.to_vec()).await;
        has_code(&answer, expected, &format!("{headers:?}"));
        scene.has_page(expected.1).await;
    }
    let plain = send(&scene.server, "POST", "/graphql", &[("content-type", "text/plain")], body.to_vec()).await;
    is_problem(&plain, (415, "unsupported-media-type", None), "text/plain");
    assert_eq!(heads(&scene.server).await, scene.before);
}

fn nest(open: &str, times: usize) -> String {
    let mut text = "{ id }".to_owned();
    for _ in 0..times {
        let close = " }".repeat(open.matches('{').count());
        text = format!("{open} {text}{close}");
    }
    text
}
