//! A small practice on a running server, set up as a client does it: one hospital, one practitioner with free slots,
//! patients on demand. Also what a proof needs to see of an answer: status, headers, body, problem details.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::server::Server;

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as JSON when it is, else as a text.
    pub body: Value,
}

impl Answer {
    /// A header's text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The code of a problem, empty when there is none.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The id of what was made or changed.
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {} {}", self.status, self.body)).to_owned()
    }
}

/// Sends these bytes with these headers and nothing else.
pub async fn send(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let method = method.parse().expect("a method");
    let mut request = server.http.request(method, format!("{}{path}", server.base)).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap_or_else(|error| panic!("{path}: no answer: {error:?}"));
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

/// Sends JSON with a key and these headers.
pub async fn command(
    server: &Server,
    method: &str,
    path: &str,
    key: &str,
    more: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut headers = vec![("content-type", "application/json"), ("idempotency-key", key)];
    headers.extend(more);
    send(server, method, path, &headers, body.to_string().into_bytes()).await
}

/// Hands a lab report's file in for a patient, with a key and these headers.
pub async fn hand_in(
    server: &Server,
    hospital: &str,
    patient: &str,
    key: &str,
    more: &[(&str, &str)],
    file: &[u8],
) -> Answer {
    let mut body = Vec::new();
    for (name, value) in [("hospital", hospital), ("patient", patient)] {
        body.extend(format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    body.extend(b"--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"secret-name.pdf\"\r\n");
    body.extend(b"Content-Type: application/pdf\r\n\r\n");
    body.extend(file);
    body.extend(b"\r\n--B--\r\n");
    let mut headers = vec![("content-type", "multipart/form-data; boundary=B"), ("idempotency-key", key)];
    headers.extend(more);
    send(server, "POST", "/v1/lab-reports", &headers, body).await
}

/// What stands in the log: events and Merkle root of each partition.
pub async fn heads(server: &Server) -> Value {
    let (status, stats) = server.get("/v1/operations/log/stats").await;
    assert_eq!(status, 200, "{stats}");
    let partitions = stats["partitions"].as_array().expect("partitions").iter();
    partitions.map(|each| json!([each["partition"], each["events"], each["root"]])).collect()
}

/// A practice.
pub struct Practice {
    /// Its hospital, in UTC and GBP.
    pub hospital: String,
    /// Its practitioner's role: slots of 15 minutes, every day from 08:00 to 18:00, for 90 days.
    pub role: String,
    /// The practitioner.
    pub practitioner: String,
    name: String,
}

impl Practice {
    /// Sets one up; the name keeps the keys of two practices apart.
    pub async fn set_up(server: &Server, name: &str) -> Practice {
        let made = async |path: &str, step: &str, body: Value| {
            let answer = command(server, "POST", path, &format!("{name}/{step}"), &[], &body).await;
            assert_eq!(answer.status, 201, "{path}: {}", answer.body);
            answer.id()
        };
        let hospital = json!({ "name": name, "zone": "UTC", "currency": "GBP" });
        let hospital = made("/v1/hospitals", "hospital", hospital).await;
        let prices = json!({ "entries": [{ "service": "visit", "display": "Visit", "validFrom": "2020-01-01",
            "amount": { "amount": "80.00", "currency": "GBP" } }] });
        let path = format!("/v1/hospitals/{hospital}/price-list");
        let priced = command(server, "PUT", &path, &format!("{name}/prices"), &[("if-match", "\"1\"")], &prices).await;
        assert_eq!(priced.status, 200, "{}", priced.body);
        let practitioner = json!({ "name": { "text": "Dr Sealed Practitioner" } });
        let practitioner = made("/v1/practitioners", "practitioner", practitioner).await;
        let role = json!({ "practitioner": practitioner, "hospital": hospital, "specialty": "cardiology" });
        let role = made("/v1/practitioner-roles", "role", role).await;
        let block = |day: &str| json!({ "weekday": day, "start": "08:00", "end": "18:00", "slotMinutes": 15 });
        let blocks: Vec<Value> = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map(block).to_vec();
        let schedule = json!({ "effectiveFrom": "2020-01-01", "blocks": blocks });
        let path = format!("/v1/practitioner-roles/{role}/schedule");
        let set = command(server, "PUT", &path, &format!("{name}/schedule"), &[], &schedule).await;
        assert_eq!(set.status, 200, "{}", set.body);
        server.settle().await; // The saga opens the days.
        Practice { hospital, role, practitioner, name: name.to_owned() }
    }

    /// Registers a patient under this key.
    pub async fn patient(&self, server: &Server, key: &str, mut person: Value) -> String {
        person["hospital"] = json!(self.hospital);
        let key = format!("{}/patient/{key}", self.name);
        let answer = command(server, "POST", "/v1/patients", &key, &[], &person).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.id()
    }

    /// What books the n-th slot of the day after tomorrow.
    pub fn booking(&self, patient: &str, slot: u32) -> Value {
        json!({ "role": self.role, "patient": patient, "start": self.slot(slot), "service": "visit" })
    }

    /// The n-th slot of the day after tomorrow.
    pub fn slot(&self, slot: u32) -> String {
        let since = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
        let today = chrono::DateTime::from_timestamp(since as i64, 0).expect("a date").date_naive();
        let day = today + chrono::Days::new(2);
        format!("{day}T{:02}:{:02}:00Z", 8 + slot / 4, 15 * (slot % 4))
    }
}
