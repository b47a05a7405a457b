//! Subscriptions over server-sent events and WebSocket, on a real socket.

use std::time::Duration;

use carelog_domain::kernel::{Actor, AppointmentId};
use carelog_domain::scheduling::events::PatientArrived;
use carelog_domain::streams;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::world::{World, at, auditor, auditor_of};

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Longest wait for something that must come.
const SOON: Duration = Duration::from_secs(20);

async fn serve(world: &World, actor: Actor) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let router = world.router(Some(actor));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn arrive(world: &World, appointment: AppointmentId) {
    let here = appointment.slot() == world.ids.north.slot();
    let event = PatientArrived {
        appointment,
        hospital: if here { world.ids.north } else { world.ids.south },
        patient: if here { world.ids.zoe } else { world.ids.carol },
        practitioner: world.ids.ada,
    };
    world.append(at("2024-12-02T08:00:00Z"), &streams::appointment(appointment), vec![event.into()]).await;
}

async fn open(address: &str) -> Socket {
    let mut request = format!("ws://{address}/graphql/ws").into_client_request().expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a header"));
    tokio_tungstenite::connect_async(request).await.expect("a socket").0
}

async fn send(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.expect("sent");
}

async fn next(socket: &mut Socket) -> Value {
    let message = tokio::time::timeout(SOON, socket.next()).await.expect("in time").expect("open").expect("a message");
    serde_json::from_str(message.to_text().expect("text")).expect("json")
}

async fn close_code(socket: &mut Socket) -> u16 {
    let message = tokio::time::timeout(SOON, socket.next()).await.expect("in time").expect("open").expect("a message");
    match message {
        Message::Close(Some(CloseFrame { code, .. })) => code.into(),
        other => panic!("not closed but {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_comes_over_the_socket_once_its_row_is_there() {
    let world = World::with_partitions(4).await;
    let address = serve(&world, auditor()).await;
    let mut socket = open(&address).await;
    send(&mut socket, json!({ "type": "connection_init" })).await;
    assert_eq!(next(&mut socket).await, json!({ "type": "connection_ack" }));
    let query = "subscription($at: ID!) { appointmentChanged(hospital: $at) { id status patient { name } } }";
    let payload = json!({ "query": query, "variables": { "at": world.ids.north } });
    send(&mut socket, json!({ "id": "1", "type": "subscribe", "payload": payload })).await;
    // A query on the same socket is answered after the subscription was begun: then changes can come.
    let count = json!({ "query": "{ hospitals { totalCount } }" });
    send(&mut socket, json!({ "id": "2", "type": "subscribe", "payload": count })).await;
    let answer = next(&mut socket).await;
    assert_eq!((&answer["id"], &answer["payload"]["data"]["hospitals"]["totalCount"]), (&json!("2"), &json!(2)));
    assert_eq!(next(&mut socket).await, json!({ "id": "2", "type": "complete" }));

    // Of another hospital: must not come. Then one that must.
    arrive(&world, world.ids.south_visits[0]).await;
    arrive(&world, world.ids.visits[0]).await;
    let change = next(&mut socket).await;
    assert_eq!((&change["id"], &change["type"]), (&json!("1"), &json!("next")));
    assert_eq!(
        change["payload"]["data"]["appointmentChanged"],
        json!({ "id": world.ids.visits[0], "status": "ARRIVED", "patient": { "name": "Zoë O'Neil" } })
    );
    assert_eq!(change["payload"]["extensions"]["carelog"]["readModels"][0]["name"], "appointments");

    send(&mut socket, json!({ "type": "ping", "payload": { "a": 1 } })).await;
    assert_eq!(next(&mut socket).await, json!({ "type": "pong", "payload": { "a": 1 } }));
    send(&mut socket, json!({ "id": "3", "type": "subscribe", "payload": { "query": "{ nothing }" } })).await;
    let refused = next(&mut socket).await;
    assert_eq!(
        (&refused["type"], &refused["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!("query-invalid"))
    );
    send(&mut socket, json!({ "id": "1", "type": "subscribe", "payload": { "query": "{ __typename }" } })).await;
    assert_eq!(close_code(&mut socket).await, 4409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_breaks_the_protocol_is_closed() {
    let world = World::new().await;
    let address = serve(&world, auditor()).await;
    for (messages, expected) in [
        (vec![json!({ "id": "1", "type": "subscribe", "payload": { "query": "{ __typename }" } })], 4401),
        (vec![json!({ "type": "nonsense" })], 4400),
    ] {
        let mut socket = open(&address).await;
        for message in messages {
            send(&mut socket, message).await;
        }
        assert_eq!(close_code(&mut socket).await, expected);
    }
    let mut socket = open(&address).await;
    send(&mut socket, json!({ "type": "connection_init" })).await;
    assert_eq!(next(&mut socket).await["type"], "connection_ack");
    send(&mut socket, json!({ "type": "connection_init" })).await;
    assert_eq!(close_code(&mut socket).await, 4429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_comes_as_a_server_sent_event() {
    let world = World::new().await;
    let address = serve(&world, auditor_of(world.ids.north)).await;
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ask = |query: String| {
        let request = http.post(format!("http://{address}/graphql/stream")).header("accept", "text/event-stream");
        request.json(&json!({ "query": query })).send()
    };
    let nonsense = ask("subscription { nothing }".to_owned()).await.expect("an answer");
    assert_eq!(nonsense.status(), 400, "a document that is wrong is refused before a stream begins");
    assert!(nonsense.text().await.expect("a text").contains("errors"));
    let south = ask(format!("subscription {{ invoiceChanged(hospital: \"{}\") {{ id }} }}", world.ids.south));
    let refused = south.await.expect("an answer").text().await.expect("a text");
    assert!(refused.contains("outside-reach") && refused.contains("event: complete"), "{refused}");

    let visit = world.ids.visits[0];
    let answer =
        ask(format!("subscription {{ appointmentChanged(appointment: \"{visit}\") {{ id status version }} }}")).await;
    let mut events = answer.expect("an answer").bytes_stream();
    // The stream is open once its head has come, but the log is followed only when it is first polled: keep arriving.
    let mut text = String::new();
    for _ in 0..100 {
        arrive(&world, visit).await;
        let chunk = tokio::time::timeout(Duration::from_millis(500), events.next()).await;
        if let Ok(Some(Ok(chunk))) = chunk {
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
        if text.contains("event: next") && text.contains("ARRIVED") {
            return;
        }
    }
    panic!("no change came: {text}");
}
