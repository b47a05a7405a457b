//! GraphQL over HTTP as its specification says, and the limits.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use crate::world::{World, auditor, code, post};

const NEW: &str = "application/graphql-response+json";
const GOOD: &str = "{\"query\":\"{ __typename }\"}";

fn request(method: Method, accept: Option<&str>, body: &str) -> Request<Body> {
    let builder = Request::builder().method(method).uri("/graphql").header("content-type", "application/json");
    let builder = match accept {
        Some(accept) => builder.header("accept", accept),
        None => builder,
    };
    builder.body(Body::from(body.to_owned())).expect("a request")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_speaks_of_the_operation_or_of_the_request() {
    let world = World::new().await;
    let invalid = "{\"query\":\"{ nothing }\"}";
    let broken = "{\"query\":\"{ \"}";
    let failing = "{\"query\":\"{ appointment(id: \\\"x\\\") { id } }\"}";
    for (body, accept, status, has_data) in [
        (GOOD, Some(NEW), 200, true),
        (GOOD, Some("application/json"), 200, true),
        (GOOD, None, 200, true),
        (failing, Some(NEW), 200, true),
        (invalid, Some(NEW), 400, false),
        (invalid, Some("application/json"), 200, false),
        (broken, Some(NEW), 400, false),
        (broken, None, 200, false),
        ("{}", Some(NEW), 400, false),
        ("[]", None, 400, false),
        ("not json", Some(NEW), 400, false),
        ("{\"query\": 1}", None, 400, false),
        ("{\"query\":\"{ __typename }\",\"variables\":\"x\"}", Some(NEW), 400, false),
        ("{\"query\":\"{ __typename }\",\"operationName\":7}", Some(NEW), 400, false),
        ("{\"query\":\"{ __typename }\",\"extensions\":[]}", Some(NEW), 400, false),
        (
            "{\"query\":\"{ __typename }\",\"variables\":null,\"operationName\":null,\"extensions\":null}",
            Some(NEW),
            200,
            true,
        ),
    ] {
        let answer = world.send(Some(auditor()), request(Method::POST, accept, body)).await;
        assert_eq!((answer.status, answer.body.get("data").is_some()), (status, has_data), "{body} as {accept:?}");
        if answer.status == 200 {
            let expected = if accept == Some(NEW) { NEW } else { "application/json" };
            assert!(answer.content_type.starts_with(expected), "{}", answer.content_type);
        }
        if !has_data {
            assert!(!code(&answer.body).is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_http_itself_can_refuse_is_refused() {
    let world = World::new().await;
    let send = |request: Request<Body>| world.send(Some(auditor()), request);
    assert_eq!(send(request(Method::PUT, None, GOOD)).await.status, 405);
    assert_eq!(send(request(Method::POST, Some("text/html"), GOOD)).await.status, 406);
    let form = Request::post("/graphql").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(form.body(Body::from("query={a}")).expect("a request")).await.status, 415);
    let large = format!("{{\"query\":\"{{ __typename }}\",\"variables\":{{\"x\":\"{}\"}}}}", "x".repeat(300_000));
    assert_eq!(send(request(Method::POST, None, &large)).await.status, 413);
    let nobody = world.send(None, request(Method::POST, None, GOOD)).await;
    assert_eq!((nobody.status, code(&nobody.body)), (401, "credentials-missing".to_owned()));
    let bad = post().header("carelog-token", "x").body(Body::from(GOOD)).expect("a request");
    assert_eq!(send(bad).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_can_be_asked_by_get_and_nothing_can_be_changed() {
    let world = World::new().await;
    let get = |query: &str| {
        let uri = format!("/graphql?{query}");
        world.send(Some(auditor()), Request::get(uri).header("accept", NEW).body(Body::empty()).expect("a request"))
    };
    let answer =
        get("query=query+A%7B__typename%7D+query+B%7Bhospitals%7BtotalCount%7D%7D&operationName=B&variables=%7B%7D")
            .await;
    assert_eq!((answer.status, &answer.body["data"]["hospitals"]["totalCount"]), (200, &json!(2)));
    assert_eq!(get("variables=%7B%7D").await.status, 400);
    assert_eq!(get("query=%7B__typename%7D&variables=7").await.status, 400);
    let mutation = get("query=mutation%7Ba%7D").await;
    assert_eq!((mutation.status, mutation.body.get("data")), (405, None));
    let browser = Request::get("/graphql").header("accept", "text/html").body(Body::empty()).expect("a request");
    assert_eq!(world.send(Some(auditor()), browser).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_asks_for_too_much_is_told_so() {
    let world = World::new().await;
    for (query, expected) in [
        ("{ appointments(first: 101) { totalCount } }".to_owned(), "page-size"),
        ("{ appointments(first: 0) { totalCount } }".to_owned(), "page-size"),
        ("{ appointments(first: 1, last: 1) { totalCount } }".to_owned(), "page-ambiguous"),
        (
            "{ patients(first: 100) { nodes { appointments(first: 100) { nodes { id status patient { name } } } } } }"
                .to_owned(),
            "query-too-complex",
        ),
        (
            format!(
                "{{ appointments(first: 1) {{ nodes {} id {} }} }}",
                "{ patient { appointments(first: 1) { nodes ".repeat(6),
                "} } }".repeat(6)
            ),
            "query-too-deep",
        ),
        ("{ appointment(id: \"x\") { id } }".to_owned(), "malformed-parameter"),
        ("subscription { appointmentChanged { id } }".to_owned(), "subscription-needs-stream"),
        ("{ nothing }".to_owned(), "query-invalid"),
    ] {
        assert_eq!(world.refusal(&auditor(), &query).await, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_valid_before_is_judged_by_what_comes_with_it_now() {
    let (world, nothing_known) = (World::new().await, World::new().await);
    let query = "query A($first: Int!, $statuses: [AppointmentStatus!]) { \
                 appointments(first: $first, filter: { statuses: $statuses }) { totalCount nodes { id \
                 patient { appointments(first: $first) { nodes { id status patient { name } } } } } } }";
    let asked = |variables: &serde_json::Value, operation: &str| {
        let body = json!({ "query": query, "variables": variables, "operationName": operation }).to_string();
        request(Method::POST, Some(NEW), &body)
    };
    let ask = |variables: serde_json::Value| world.send(Some(auditor()), asked(&variables, "A"));
    let refusals = [
        (json!({ "first": "1" }), "A", "query-invalid"),
        (json!({}), "A", "query-invalid"),
        (json!({ "first": 1, "statuses": ["NOT_A_STATUS"] }), "A", "query-invalid"),
        (json!({ "first": 1 }), "B", "query-invalid"),
        (json!({ "first": 100 }), "A", "query-too-complex"),
    ];
    let first = ask(json!({ "first": 1 })).await;
    assert_eq!((first.status, first.body["data"]["appointments"]["nodes"].as_array().map(Vec::len)), (200, Some(1)));
    for _ in 0..2 {
        let again = ask(json!({ "first": 1 })).await;
        assert_eq!((again.status, &again.body["data"]), (200, &first.body["data"]));
        for (variables, operation, expected) in &refusals {
            let refused = world.send(Some(auditor()), asked(variables, operation)).await;
            assert_eq!((refused.status, code(&refused.body).as_str()), (400, *expected), "{variables} of {operation}");
            let at_first = nothing_known.send(Some(auditor()), asked(variables, operation)).await;
            assert_eq!(refused.body, at_first.body, "{variables} of {operation}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_needs_nothing_from_elsewhere() {
    let world = World::new().await;
    for (path, content_type) in [
        ("/graphiql", "text/html"),
        ("/graphiql/graphiql.js", "text/javascript"),
        ("/graphiql/graphiql.css", "text/css"),
    ] {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = world.send(None, request).await;
        assert!(answer.status == 200 && answer.content_type.starts_with(content_type), "{path}");
    }
}
