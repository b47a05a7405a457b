//! A line to DynamoDB with faults: the server is real, what happens on the way to it is chosen by the test,
//! request by request.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a request.
#[derive(Clone, Copy)]
pub enum Fate {
    /// It is carried out and answered.
    Pass,
    /// It is carried out, but the line is cut before the answer.
    Lost,
    /// The line is cut before the server hears of it.
    Cut,
    /// It is answered with this error, as DynamoDB does when more is asked than it takes.
    Refused(&'static str),
    /// Of a batch the first half is carried out, and the other handed back.
    Half,
}

/// Chooses a request's fate by its operation, such as `PutItem`, and its body.
pub type Choose = Box<dyn FnMut(&str, &Value) -> Fate + Send>;

struct Request {
    operation: String,
    head: Vec<String>,
    body: Value,
}

/// Opens such a line; returns its port.
pub async fn faulty_line(server: u16, choose: impl FnMut(&str, &Value) -> Fate + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let choose: Arc<Mutex<Choose>> = Arc::new(Mutex::new(Box::new(choose)));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let choose = Arc::clone(&choose);
            // A line that breaks is what this is for.
            tokio::spawn(async move { drop(carry(client, server, &choose).await) });
        }
    });
    port
}

async fn carry(client: TcpStream, server: u16, choose: &Mutex<Choose>) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let Some(request) = request(&mut client).await? else { return Ok(()) };
        let fate = choose.lock().expect("not poisoned")(&request.operation, &request.body);
        let (status, answer) = match fate {
            Fate::Cut => return Ok(()),
            Fate::Lost => {
                forward(server, &request, &request.body).await;
                return Ok(());
            }
            Fate::Pass => forward(server, &request, &request.body).await,
            Fate::Refused(code) => (400, refusal(code)),
            Fate::Half => half(server, &request).await,
        };
        let head = format!(
            "HTTP/1.1 {status} -\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        client.write_all(&[head.as_bytes(), answer.as_slice()].concat()).await?;
    }
}

fn refusal(code: &str) -> Vec<u8> {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "planted" })
        .to_string()
        .into_bytes()
}

/// The next request of a connection; none at its end.
async fn request(client: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let value = |name: &str| {
        let mut fields = head.iter().filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let length = value("content-length").and_then(|length| length.parse().ok()).expect("the SDK says how long it is");
    let target = value("x-amz-target").expect("an operation of DynamoDB");
    let mut body = vec![0; length];
    client.read_exact(&mut body).await?;
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    Ok(Some(Request { operation, head, body: serde_json::from_slice(&body).expect("JSON") }))
}

/// Sends a request on with this body; returns the answer's status and body.
async fn forward(server: u16, request: &Request, body: &Value) -> (u16, Vec<u8>) {
    let mut post = reqwest::Client::new().post(format!("http://127.0.0.1:{server}/")).body(body.to_string());
    for (field, value) in request.head.iter().skip(1).filter_map(|line| line.split_once(':')) {
        if !["host", "content-length", "connection"].contains(&field.to_lowercase().as_str()) {
            post = post.header(field, value.trim());
        }
    }
    let answer = post.send().await.expect("the server answers");
    (answer.status().as_u16(), answer.bytes().await.expect("an answer").to_vec())
}

/// Does the first half of a batch, rounded down: of a single request nothing.
async fn half(server: u16, request: &Request) -> (u16, Vec<u8>) {
    assert_eq!(request.operation, "BatchWriteItem");
    let tables = request.body["RequestItems"].as_object().expect("tables");
    let (table, requests) = tables.iter().next().expect("one table");
    let requests = requests.as_array().expect("requests");
    let (done, left) = requests.split_at(requests.len() / 2);
    if !done.is_empty() {
        let mut body = request.body.clone();
        body["RequestItems"][table] = json!(done);
        let (status, answer) = forward(server, request, &body).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    }
    (200, json!({ "UnprocessedItems": { table: left } }).to_string().into_bytes())
}
