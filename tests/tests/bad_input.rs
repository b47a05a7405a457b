//! Bad input of every kind, sent to the program itself: each gets its 4xx as a problem (RFC 9457) with its stable code,
//! the field at fault and a page about it, repeats nothing that was sent, and leaves the log as it was.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "bad_input/batches.rs"]
mod batches;
#[path = "bad_input/foreign.rs"]
mod foreign;
#[path = "bad_input/graphql.rs"]
mod graphql;
#[path = "bad_input/states.rs"]
mod states;

use carelog_tests::practice::{Answer, Practice, command, heads, send};
use carelog_tests::server::Server;
use serde_json::{Value, json};

/// An id in the right shape that nothing has.
const NOBODY: &str = "0193a000-0000-8abc-8000-000000000001";
/// A name that no answer may repeat.
const SECRET: &str = "Zebedee Quillfeather";

const JSON: (&str, &str) = ("content-type", "application/json");
const KEY: (&str, &str) = ("idempotency-key", "bad");

/// Status, code and field to expect.
type Expected<'a> = (u16, &'a str, Option<&'a str>);

/// A server with a practice, and the log's head once all is quiet.
struct Scene {
    server: Server,
    practice: Practice,
    patient: String,
    before: Value,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn open() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), 4).await;
        let practice = Practice::set_up(&server, "st-anne").await;
        let patient = practice.patient(&server, "p", json!({ "name": { "text": SECRET } })).await;
        server.settle().await;
        let before = heads(&server).await;
        Scene { server, practice, patient, before, _folder: folder }
    }

    /// Sends it, and holds the answer to all that a refusal promises.
    async fn refused(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8], expected: Expected<'_>) {
        let answer = send(&self.server, method, path, headers, body.to_vec()).await;
        let sent = || format!("{method} {path} {headers:?} {}", String::from_utf8_lossy(&body[..body.len().min(300)]));
        is_problem(&answer, expected, &sent());
        assert!(!answer.body.to_string().contains(SECRET), "{}: repeats what was sent: {}", sent(), answer.body);
        self.has_page(expected.1).await;
        assert_eq!(heads(&self.server).await, self.before, "{} wrote something", sent());
    }

    /// The same for a command with a good key and a JSON body.
    async fn refused_json(&self, method: &str, path: &str, body: &Value, expected: Expected<'_>) {
        self.refused(method, path, &[JSON, KEY], body.to_string().as_bytes(), expected).await;
    }

    async fn has_page(&self, code: &str) {
        let page = send(&self.server, "GET", &format!("/docs/errors/{code}"), &[], vec![]).await;
        assert_eq!(page.status, 200, "{code} has no page");
        assert!(
            page.body.as_str().is_some_and(|text| text.contains(code)),
            "the page of {code} is about something else"
        );
    }

    fn booking(&self) -> Value {
        self.practice.booking(&self.patient, 0)
    }

    /// A good booking with one field put differently.
    fn booking_with(&self, field: &str, value: Value) -> Value {
        let mut body = self.booking();
        body[field] = value;
        body
    }
}

fn is_problem(answer: &Answer, (status, code, field): Expected<'_>, sent: &str) {
    let body = &answer.body;
    assert_eq!((answer.status, answer.code()), (status, code), "{sent}\n{body}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{sent}\n{body}");
    assert_eq!(body["type"], format!("/docs/errors/{code}"), "{sent}\n{body}");
    assert_eq!(body["status"], json!(status), "{sent}\n{body}");
    assert!(["title", "detail"].iter().all(|name| body[name].as_str().is_some_and(|text| !text.is_empty())), "{body}");
    if field.is_some() {
        assert_eq!(body["field"].as_str(), field, "{sent}\n{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_cannot_be_meant_are_refused_by_name() {
    let scene = Scene::open().await;
    let book = "/v1/appointments";
    let good = scene.booking().to_string();
    let long = "k".repeat(300);
    let cancel = format!("/v1/appointments/{NOBODY}/undo");
    let cases: &[(&str, &[(&str, &str)], Expected<'_>)] = &[
        (book, &[JSON], (400, "idempotency-key-missing", Some("Idempotency-Key"))),
        (book, &[JSON, ("idempotency-key", " ")], (400, "idempotency-key-missing", Some("Idempotency-Key"))),
        (book, &[JSON, ("idempotency-key", &long)], (400, "idempotency-key-invalid", Some("Idempotency-Key"))),
        (book, &[JSON, KEY, ("idempotency-key", "two")], (400, "malformed-header", Some("idempotency-key"))),
        (book, &[JSON, KEY, ("if-match", "3")], (400, "malformed-header", Some("If-Match"))),
        (book, &[JSON, KEY, ("if-match", "*")], (400, "malformed-header", Some("If-Match"))),
        (
            book,
            &[JSON, KEY, ("carelog-occurred-at", "yesterday")],
            (400, "malformed-header", Some("Carelog-Occurred-At")),
        ),
        (book, &[JSON, KEY, ("carelog-occurred-at", "2999-01-01T00:00:00Z")], (422, "occurred-at-in-future", None)),
        (book, &[JSON, KEY, ("carelog-wait", "for ever")], (400, "malformed-header", Some("Carelog-Wait"))),
        (book, &[JSON, KEY, ("carelog-wait", "settled; timeout=1e9")], (400, "malformed-header", Some("Carelog-Wait"))),
        (book, &[("content-type", "text/plain"), KEY], (415, "unsupported-media-type", None)),
        (book, &[KEY], (415, "unsupported-media-type", None)),
        (book, &[("content-type", "application/x-ndjson"), KEY], (415, "unsupported-media-type", Some("Content-Type"))),
        (book, &[("content-type", "multipart/form-data; boundary=B"), KEY], (415, "unsupported-media-type", None)),
        ("/v1/batch", &[JSON], (415, "unsupported-media-type", Some("Content-Type"))),
        ("/v1/lab-reports", &[JSON, KEY], (415, "unsupported-media-type", Some("Content-Type"))),
        (&cancel, &[JSON, KEY], (428, "if-match-missing", Some("If-Match"))),
    ];
    for (path, headers, expected) in cases {
        scene.refused("POST", path, headers, good.as_bytes(), *expected).await;
    }
    let prices = format!("/v1/hospitals/{}/price-list", scene.practice.hospital);
    let stale = [JSON, KEY, ("if-match", "\"1\"")];
    scene.refused("PUT", &prices, &stale, br#"{"entries":[]}"#, (412, "version-differs", Some("If-Match"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_cannot_be_read_are_refused_by_field() {
    let scene = Scene::open().await;
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let nested = (0..100).fold(json!(1), |inner, _| json!({ "a": inner }));
    let large = format!("{{\"reason\":\"{}\"}}", "x".repeat(1024 * 1024));
    let huge = r#"{"role":"x","start":"2026-01-01T00:00:00Z","minutes":1e999}"#;
    let raw: &[(&[u8], Expected<'_>)] = &[
        (b"{", (400, "malformed-json", None)),
        (b"{} {}", (400, "malformed-json", None)),
        (b"\xff\xfe{}", (400, "malformed-json", None)),
        (b"{\"reason\":\"\xc3\x28\"}", (400, "malformed-json", None)),
        (b"{\"reason\":\"\\ud800\"}", (400, "malformed-json", None)),
        (&deep, (400, "malformed-json", None)),
        (large.as_bytes(), (413, "body-too-large", None)),
        (huge.as_bytes(), (400, "malformed-json", None)),
        (b"", (400, "malformed-body", Some("/role"))),
        (b"null", (400, "malformed-body", Some("/"))),
        (b"[1]", (400, "malformed-body", Some("/"))),
        (b"\"Zebedee Quillfeather\"", (400, "malformed-body", Some("/"))),
    ];
    for (body, expected) in raw {
        scene.refused("POST", "/v1/appointments", &[JSON, KEY], body, *expected).await;
    }
    let fields: Vec<(&str, Value, Expected<'_>)> = vec![
        ("start", json!(7), (400, "malformed-body", Some("/start"))),
        ("start", json!("tomorrow"), (400, "malformed-body", Some("/start"))),
        ("start", json!("2026-02-30T09:00:00Z"), (400, "malformed-body", Some("/start"))),
        ("role", json!(true), (400, "malformed-body", Some("/role"))),
        ("role", json!("' OR 1=1 --"), (400, "malformed-body", Some("/role"))),
        ("patient", json!(SECRET), (400, "malformed-body", Some("/patient"))),
        ("patient", Value::Null, (400, "malformed-body", Some("/patient"))),
        ("service", json!({}), (400, "malformed-body", Some("/service"))),
        ("status", json!("FULFILLED"), (400, "malformed-body", Some("/status"))),
        ("reason", nested, (400, "malformed-body", Some("/reason"))),
        ("sevrice", json!("visit"), (400, "unknown-field", Some("/sevrice"))),
        (SECRET_FIELD, json!("visit"), (400, "unknown-field", None)),
    ];
    for (field, value, expected) in fields {
        let body = scene.booking_with(field, value);
        scene.refused_json("POST", "/v1/appointments", &body, expected).await;
    }
    let person = |more: Value| {
        let mut body = json!({ "hospital": scene.practice.hospital, "name": { "text": SECRET } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let identifier = json!({ "system": "urn:x", "kind": "MR", "value": "1" });
    let people: Vec<(Value, Expected<'_>)> = vec![
        (json!({ "name": SECRET }), (400, "malformed-body", Some("/name"))),
        (json!({ "name": { "text": SECRET, "family": "Q" } }), (400, "unknown-field", Some("/name/family"))),
        (json!({ "gender": "F" }), (400, "malformed-body", Some("/gender"))),
        (json!({ "birthDate": "2024-13-01" }), (400, "malformed-body", Some("/birthDate"))),
        (json!({ "birthDate": 19_700_101 }), (400, "malformed-body", Some("/birthDate"))),
        (json!({ "birthDate": "2999-01-01" }), (422, "birth-date-invalid", Some("/birthDate"))),
        (json!({ "name": { "text": "  " } }), (422, "name-missing", Some("/name"))),
        (json!({ "name": { "text": "x".repeat(301) } }), (422, "name-too-long", Some("/name"))),
        (
            json!({ "identifiers": [identifier.clone(), identifier] }),
            (422, "identifier-repeated", Some("/identifiers")),
        ),
        (
            json!({ "contacts": [{ "system": "fax", "value": "1" }] }),
            (400, "malformed-body", Some("/contacts/0/system")),
        ),
    ];
    for (more, expected) in people {
        scene.refused_json("POST", "/v1/patients", &person(more), expected).await;
    }
    let identifier = |more: Value| {
        let mut body = json!({ "system": "urn:x", "kind": "MR", "value": SECRET });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let identifiers = format!("/v1/patients/{}/identifiers", scene.patient);
    for (more, expected) in [
        (json!({ "value": 7 }), (400, "malformed-body", Some("/value"))),
        (json!({ "system": Value::Null }), (400, "malformed-body", Some("/system"))),
        (json!({ "type": "MR" }), (400, "unknown-field", Some("/type"))),
        (json!({ "value": " - " }), (422, "identifier-invalid", Some("/identifiers"))),
        (json!({ "kind": "" }), (422, "identifier-invalid", Some("/identifiers"))),
        (json!({ "system": "x".repeat(201) }), (422, "identifier-invalid", Some("/identifiers"))),
    ] {
        scene.refused_json("POST", &identifiers, &identifier(more), expected).await;
    }
    let hold =
        |minutes: Value| json!({ "role": scene.practice.role, "start": scene.practice.slot(0), "minutes": minutes });
    for (minutes, expected) in [
        (json!(70_000), (400, "malformed-body", Some("/minutes"))),
        (json!(-1), (400, "malformed-body", Some("/minutes"))),
        (json!(1.5), (400, "malformed-body", Some("/minutes"))),
        (json!(1e300), (400, "malformed-body", Some("/minutes"))),
        (json!("5"), (400, "malformed-body", Some("/minutes"))),
        (json!(0), (422, "hold-minutes", Some("/minutes"))),
        (json!(31), (422, "hold-minutes", Some("/minutes"))),
    ] {
        scene.refused_json("POST", "/v1/holds", &hold(minutes), expected).await;
    }
}

/// An unknown field, whose name may be whatever a client puts there.
const SECRET_FIELD: &str = "a/b~c";

#[tokio::test(flavor = "multi_thread")]
async fn values_that_mean_nothing_are_refused_by_field() {
    let scene = Scene::open().await;
    let hospital = |name: &str, zone: &str, currency: &str| json!({ "name": name, "zone": zone, "currency": currency });
    for (body, expected) in [
        (hospital("Nul\0", "UTC", "GBP"), (422, "meaningless-value", Some("/name"))),
        (hospital("X", "Mars/Base", "GBP"), (422, "meaningless-value", Some("/zone"))),
        (hospital("X", "UTC", "XXL"), (422, "meaningless-value", Some("/currency"))),
        (hospital(" ", "UTC", "GBP"), (422, "name-missing", Some("/name"))),
    ] {
        scene.refused_json("POST", "/v1/hospitals", &body, expected).await;
    }
    let entry = |field: &str, value: Value| {
        let mut entry = json!({ "service": "visit", "display": "Visit", "validFrom": "2024-01-01",
            "amount": { "amount": "80.00", "currency": "GBP" } });
        *entry.pointer_mut(field).unwrap() = value;
        json!({ "entries": [entry] }).to_string()
    };
    let prices = format!("/v1/hospitals/{}/price-list", scene.practice.hospital);
    let now = [JSON, KEY, ("if-match", "\"2\"")];
    for (field, value, expected) in [
        ("/amount/amount", json!("80.005"), (422, "meaningless-value", Some("/entries/0/amount/amount"))),
        ("/amount/amount", json!("8e1"), (422, "meaningless-value", Some("/entries/0/amount/amount"))),
        ("/amount/amount", json!("9".repeat(400)), (422, "meaningless-value", Some("/entries/0/amount/amount"))),
        ("/amount/amount", json!(80), (400, "malformed-body", Some("/entries/0/amount/amount"))),
        ("/amount/amount", json!("-1.00"), (422, "price-list-negative", None)),
        ("/amount/currency", json!("gbp"), (422, "meaningless-value", Some("/entries/0/amount/currency"))),
        ("/amount/currency", json!("EUR"), (422, "price-currency", None)),
        ("/validFrom", json!("2024-02-30"), (400, "malformed-body", Some("/entries/0/validFrom"))),
    ] {
        scene.refused("PUT", &prices, &now, entry(field, value).as_bytes(), expected).await;
    }
    let schedule = format!("/v1/practitioner-roles/{}/schedule", scene.practice.role);
    let block = |field: &str, value: Value| {
        let mut block = json!({ "weekday": "Mon", "start": "08:00", "end": "09:00", "slotMinutes": 15 });
        block[field] = value;
        json!({ "effectiveFrom": "2027-01-01", "blocks": [block] })
    };
    for (field, value, expected) in [
        ("weekday", json!("Moonday"), (422, "meaningless-value", Some("/blocks/0/weekday"))),
        ("start", json!("25:00"), (422, "meaningless-value", Some("/blocks/0/start"))),
        ("slotMinutes", json!(0), (422, "slot-minutes", None)),
        ("slotMinutes", json!(90), (422, "block-too-short", None)),
        ("capacity", json!(0), (422, "slot-capacity", None)),
    ] {
        scene.refused_json("PUT", &schedule, &block(field, value), expected).await;
    }
    let days = format!("/v1/practitioner-roles/{}/open-days", scene.practice.role);
    let range = json!({ "from": "2027-02-01", "to": "2027-01-01" });
    scene.refused_json("POST", &days, &range, (422, "days-range", None)).await;
    for year in ["+12000", "-0044", "0000"] {
        let range = json!({ "from": format!("{year}-01-01"), "to": format!("{year}-01-02") });
        scene.refused_json("POST", &days, &range, (400, "malformed-body", Some("/from"))).await;
    }
    // Four digits as written, but none that UTC has.
    let visit = json!({ "started": "0000-01-01T00:00:00+01:00", "ended": "2024-01-01T00:00:00Z" });
    let fulfil = format!("/v1/appointments/{NOBODY}/fulfil");
    scene.refused_json("POST", &fulfil, &visit, (400, "malformed-body", Some("/started"))).await;
    let leave = json!({ "from": "2027-01-01T00:00:00Z", "to": "9999-12-31T23:59:59-23:00", "reason": "x" });
    let leaves = format!("/v1/practitioner-roles/{}/leave", scene.practice.role);
    scene.refused_json("POST", &leaves, &leave, (400, "malformed-body", Some("/to"))).await;
    for (field, value, expected) in [
        ("service", json!("surgery"), (422, "price-missing", Some("/service"))),
        ("status", json!("fulfilled"), (422, "status-not-bookable", Some("/status"))),
        ("start", json!("2020-01-01T03:00:00Z"), (409, "slot-not-open", Some("/start"))),
        ("reason", json!("x".repeat(2_001)), (422, "reason-too-long", Some("/reason"))),
    ] {
        scene.refused_json("POST", "/v1/appointments", &scene.booking_with(field, value), expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_404_and_what_cannot_be_done_there_405() {
    let scene = Scene::open().await;
    let reason = json!({ "reason": "x" });
    let amount = json!({ "amount": { "amount": "1.00", "currency": "GBP" }, "method": "cash" });
    let commands: Vec<(&str, String, Value, &str)> = vec![
        ("PUT", format!("/v1/hospitals/{NOBODY}/price-list"), json!({ "entries": [] }), "hospital-unknown"),
        ("POST", "/v1/appointments".to_owned(), scene.booking_with("role", json!(NOBODY)), "practitioner-role-unknown"),
        ("POST", "/v1/appointments".to_owned(), scene.booking_with("patient", json!(NOBODY)), "patient-unknown"),
        ("POST", format!("/v1/appointments/{NOBODY}/arrive"), json!({}), "appointment-unknown"),
        ("POST", format!("/v1/appointments/{NOBODY}/cancel"), json!({ "by": "pat" }), "appointment-unknown"),
        ("DELETE", format!("/v1/holds/{NOBODY}"), json!({}), "hold-unknown"),
        (
            "POST",
            format!("/v1/patients/{NOBODY}/corrections"),
            json!({ "reason": "x", "gender": "male" }),
            "patient-unknown",
        ),
        (
            "POST",
            format!("/v1/patients/{NOBODY}/identifiers"),
            json!({ "system": "urn:x", "kind": "MR", "value": "1" }),
            "patient-unknown",
        ),
        ("PUT", format!("/v1/accounts/{NOBODY}/guarantor"), json!({ "name": SECRET }), "account-unknown"),
        ("POST", format!("/v1/lab-reports/{NOBODY}/retry"), json!({}), "lab-report-unknown"),
        ("POST", format!("/v1/lab-reports/{NOBODY}/cancel"), reason, "lab-report-unknown"),
        ("POST", format!("/v1/observations/{NOBODY}-1/acknowledge"), json!({ "valueSeen": "1" }), "lab-report-unknown"),
        ("POST", format!("/v1/invoices/{NOBODY}/payments"), amount, "invoice-unknown"),
    ];
    for (method, path, body, code) in commands {
        let headers = [JSON, KEY, ("if-match", "\"1\"")];
        scene.refused(method, &path, &headers, body.to_string().as_bytes(), (404, code, None)).await;
    }
    for (path, code) in [
        ("/v1/nothing".to_owned(), "route-unknown"),
        (format!("/v1/commands/{NOBODY}"), "command-unknown"),
        (format!("/v1/invoices/{NOBODY}"), "resource-unknown"),
        (format!("/v1/streams/appointment:{NOBODY}/events"), "stream-unknown"),
        ("/v1/streams/nonsense/events".to_owned(), "stream-unknown"),
        ("/docs/errors/no-such-code".to_owned(), "error-page-unknown"),
        (format!("/v1/operations/sagas/appointment-billing/{NOBODY}"), "saga-unknown"),
    ] {
        scene.refused("GET", &path, &[], b"", (404, code, None)).await;
    }
    for what in ["rebuild", "diff", "retry"] {
        let path = format!("/v1/operations/projections/nothing/{what}");
        scene.refused("POST", &path, &[JSON], b"{}", (404, "read-model-unknown", None)).await;
    }
    for (method, path) in [
        ("PATCH", "/v1/appointments".to_owned()),
        ("DELETE", "/v1/batch".to_owned()),
        ("GET", format!("/v1/appointments/{NOBODY}/cancel")),
        ("POST", "/v1/events".to_owned()),
        ("PUT", "/health/live".to_owned()),
        ("GET", "/v1/operations/log/verify".to_owned()),
    ] {
        scene.refused(method, &path, &[JSON, KEY], b"{}", (405, "method-not-allowed", None)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_parameters_that_cannot_be_read_are_refused() {
    let scene = Scene::open().await;
    for query in ["limit=0", "limit=1001", "limit=many", "partition=99", "from=here", "direction=sideways", "sort=asc"]
    {
        let name = query.split('=').next().unwrap();
        let path = format!("/v1/events?{query}");
        scene.refused("GET", &path, &[], b"", (400, "malformed-parameter", Some(name))).await;
    }
    for path in [
        format!("/v1/streams/appointment:{NOBODY}/events?limit=many"),
        format!("/v1/streams/appointment:{NOBODY}/events?sort=asc"),
        "/v1/operations/ledger/journal?hospital=here".to_owned(),
    ] {
        scene.refused("GET", &path, &[], b"", (400, "malformed-parameter", None)).await;
    }
    let arrive = (400, "malformed-body", Some("/appointment"));
    scene.refused("POST", "/v1/appointments/here/arrive", &[JSON, KEY], b"{}", arrive).await;
    scene.refused("POST", "/v1/appointments/%ff/arrive", &[JSON, KEY], b"{}", (400, "malformed-parameter", None)).await;
    let twice = format!("/v1/appointments/{NOBODY}/arrive");
    let body = json!({ "appointment": NOBODY }).to_string();
    let expected = (400, "unknown-field", Some("/appointment"));
    scene.refused("POST", &twice, &[JSON, KEY], body.as_bytes(), expected).await;
    for (path, body) in [
        ("/v1/operations/projections/verify", "{"),
        ("/v1/operations/projections/verify", r#"{"deep":"very"}"#),
        ("/v1/operations/sagas/wait", r#"{"timeoutSeconds":-1}"#),
        ("/v1/operations/projections/invoices/skip", r#"{"position":"here","reason":"x"}"#),
        ("/v1/operations/sagas/appointment-billing/x/retry", "{}"),
    ] {
        let code = if body == "{" { "malformed-json" } else { "malformed-body" };
        scene.refused("POST", path, &[JSON], body.as_bytes(), (400, code, None)).await;
    }
}
