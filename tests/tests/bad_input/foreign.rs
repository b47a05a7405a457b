//! Requests that a page or a name from elsewhere makes a browser send: none is answered, whatever it asks for and
//! however it is sent.

use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::*;

const FOREIGN: [&str; 4] = ["http://evil.example", "https://localhost:1", "null", "http://127.0.0.1.evil.example"];

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_host_or_origin_is_refused_everywhere() {
    let scene = Scene::open().await;
    let good = scene.booking().to_string().into_bytes();
    let query = br#"{"query":"{ patients { nodes { name } } }"}"#.to_vec();
    let subscription = br#"{"query":"subscription { appointmentChanged { __typename } }"}"#.to_vec();
    let stream = ("accept", "text/event-stream");
    let asked: Vec<(&str, String, Vec<(&str, &str)>, Vec<u8>)> = vec![
        ("POST", "/v1/appointments".to_owned(), vec![JSON, KEY], good),
        ("POST", "/v1/batch".to_owned(), vec![("content-type", "application/x-ndjson")], vec![]),
        ("POST", "/v1/lab-reports".to_owned(), vec![("content-type", "multipart/form-data; boundary=B"), KEY], vec![]),
        ("GET", "/v1/events?open=true".to_owned(), vec![], vec![]),
        ("GET", "/v1/events".to_owned(), vec![stream], vec![]),
        ("POST", "/graphql".to_owned(), vec![JSON], query),
        ("GET", "/graphql?query=%7B__typename%7D".to_owned(), vec![], vec![]),
        ("POST", "/graphql/stream".to_owned(), vec![JSON, stream], subscription),
        ("GET", "/graphql/ws".to_owned(), vec![], vec![]),
        ("GET", "/".to_owned(), vec![], vec![]),
        ("GET", "/graphiql".to_owned(), vec![], vec![]),
        ("GET", "/metrics".to_owned(), vec![], vec![]),
        ("GET", "/v1/operations/status".to_owned(), vec![], vec![]),
        ("POST", "/v1/operations/projections/verify".to_owned(), vec![JSON], b"{}".to_vec()),
    ];
    for (method, path, headers, body) in &asked {
        for host in ["evil.example", "localhost.evil.example:80", "192.0.2.1"] {
            let headers = [headers.clone(), vec![("host", host)]].concat();
            scene.refused(method, path, &headers, body, (421, "foreign-host", None)).await;
        }
        for origin in FOREIGN {
            let headers = [headers.clone(), vec![("origin", origin)]].concat();
            scene.refused(method, path, &headers, body, (403, "foreign-origin", None)).await;
        }
    }
    let own = scene.server.base.clone();
    let ours = send(&scene.server, "GET", "/v1/operations/status", &[("origin", &own)], vec![]).await;
    assert_eq!(ours.status, 200, "{}", ours.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_opens_no_socket() {
    let scene = Scene::open().await;
    let address = scene.server.base.replace("http://", "ws://") + "/graphql/ws";
    let open = async |name: &'static str, value: String| {
        let mut request = address.as_str().into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        request.headers_mut().insert(name, value.parse().unwrap());
        connect_async(request).await
    };
    for (name, value, status) in
        FOREIGN.map(|origin| ("origin", origin, 403)).into_iter().chain([("host", "evil.example", 421)])
    {
        match open(name, value.to_owned()).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), status, "{name}: {value}"),
            other => panic!("{name}: {value}: {other:?}"),
        }
    }
    open("origin", scene.server.base.clone()).await.expect("our own page may");
}
