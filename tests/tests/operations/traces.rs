//! Spans as a collector of traces receives them over OTLP: one trace leads from the request through the log and the
//! sagas to the read models.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::*;

type Received = Arc<Mutex<Vec<Span>>>;

/// Listens where an OTLP collector would (OTLP/HTTP, protobuf) and keeps the spans.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let keep = async |State(received): State<Received>, body: Bytes| {
        let told = ExportTraceServiceRequest::decode(body).expect("OTLP's protobuf");
        let scopes = told.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        received.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(keep)).with_state(Arc::clone(&received));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, received)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_request_to_the_read_models() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const CLIENT: &str = "00f067aa0ba902b7";
    let folder = tempfile::tempdir().unwrap();
    let (address, received) = collector().await;
    let server = Server::start_with(folder.path(), 4, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &address)]).await;
    let practice = Practice::set_up(&server, "st-anne").await;
    let patient = practice.patient(&server, "p", json!({ "name": { "text": "Pat Traced" } })).await;
    server.settle().await;
    let traceparent = format!("00-{TRACE}-{CLIENT}-01");
    let headers = [("traceparent", traceparent.as_str())];
    let booked = command(&server, "POST", "/v1/appointments", "a", &headers, &practice.booking(&patient, 0)).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    server.settle().await;
    let query = json!({ "query": "query Traced { appointments(first: 1) { nodes { id } } }" }).to_string();
    let headers = [("content-type", "application/json"), ("traceparent", traceparent.as_str())];
    send(&server, "POST", "/graphql", &headers, query.into_bytes()).await;
    server.stop();

    let spans = received.lock().unwrap();
    let ours: Vec<&Span> = spans.iter().filter(|span| hex::encode(&span.trace_id) == TRACE).collect();
    let names: BTreeSet<&str> = ours.iter().map(|span| span.name.as_str()).collect();
    let expected = [
        "POST /v1/appointments",
        "BookAppointment",
        "log append",
        "saga_step",
        "DraftInvoice",
        "projection_batch",
        "graphql query",
    ];
    let missing: Vec<_> = expected.into_iter().filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "no span {missing:?} among {names:?}");
    let known: BTreeSet<&[u8]> = ours.iter().map(|span| span.span_id.as_slice()).collect();
    for span in &ours {
        let parent = span.parent_span_id.as_slice();
        assert!(known.contains(parent) || hex::encode(parent) == CLIENT, "{} hangs in the air", span.name);
    }
    assert!(!format!("{spans:?}").contains("Pat Traced"), "a name is in a trace");
}
