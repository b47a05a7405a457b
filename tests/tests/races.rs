//! Clients that want the same at once, over HTTP: one wins a slot, one command is one command however often it is sent,
//! and numbers that are given one after the other have no gap.

use carelog_tests::canonical::assert_gapless;
use carelog_tests::clinic::{Clinic, SERVICE};
use carelog_tests::server::Server;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use futures::future::join_all;
use serde_json::{Value, json};

const SLOTS: usize = 100;
const SLOTS_A_DAY: usize = 40;
const REPEATS: usize = 50;
const CLIENTS: usize = 64;

/// A client with connections of its own.
struct Client {
    http: reqwest::Client,
    base: String,
}

/// What a client was answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: Value,
}

impl Client {
    fn of(server: &Server) -> Client {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Client { http, base: server.base.clone() }
    }

    async fn send(&self, path: &str, key: &str, body: &Value, more: &[(&str, &str)]) -> Answer {
        let mut request = self.http.post(format!("{}{path}", self.base)).header("idempotency-key", key).json(body);
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        let retry_after = response.headers().get("retry-after").map(|seconds| seconds.to_str().expect("a text"));
        let retry_after = retry_after.map(|seconds| seconds.parse().expect("seconds"));
        Answer { status: response.status().as_u16(), retry_after, body: response.json().await.expect("json") }
    }

    /// Sends it until it is not told to wait; what was done before is answered again.
    async fn send_until_done(&self, path: &str, key: &str, body: &Value) -> Answer {
        loop {
            let answer = self.send(path, key, body, &[]).await;
            if answer.body["code"] != json!("still-running") {
                return answer;
            }
            assert_eq!(answer.status, 409, "{answer:?}");
            let seconds = answer.retry_after.expect("Retry-After says when");
            tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
        }
    }
}

/// The start of a slot of a clinic in UTC, counted from the first day's 08:00.
fn slot(from: NaiveDate, number: usize) -> DateTime<Utc> {
    let day = from + Days::new((number / SLOTS_A_DAY) as u64);
    let morning = day.and_hms_opt(8, 0, 0).expect("a time").and_utc();
    morning + TimeDelta::minutes(15 * (number % SLOTS_A_DAY) as i64)
}

async fn events_of_type(server: &Server, name: &str) -> Vec<Value> {
    let (status, page) = server.get(&format!("/v1/events?type={name}&limit=1000")).await;
    assert_eq!((status, &page["next"]), (200, &Value::Null), "{page}");
    page["events"].as_array().expect("events").clone()
}

async fn two_race_for_each_slot(partitions: u16) {
    let work = tempfile::tempdir().expect("a folder");
    let server = Server::start(work.path(), partitions).await;
    let clinic = Clinic::open(&server, "Race", "UTC", None).await;
    let from = Utc::now().date_naive() + Days::new(7);
    let role = clinic.role("Dr. Fast", 1, from, from + Days::new(2)).await;
    let patients = clinic.patients(2).await;
    let clients = [Client::of(&server), Client::of(&server)];
    let book = async |client: usize, number: usize| {
        let body = json!({
            "role": role, "patient": patients[client], "start": slot(from, number), "service": SERVICE,
        });
        clients[client].send("/v1/appointments", &format!("race/{client}/{number}"), &body, &[]).await
    };
    let mut won = [0, 0];
    for number in 0..SLOTS {
        // Whoever is polled first sends first, so they take turns.
        let (first, second) = (number % 2, (number + 1) % 2);
        let (one, other) = tokio::join!(book(first, number), book(second, number));
        let statuses = (one.status, other.status);
        assert!(statuses == (201, 409) || statuses == (409, 201), "slot {number}: {one:?} {other:?}");
        let (winner, loser) = if one.status == 201 { (first, &other) } else { (second, &one) };
        assert_eq!(loser.body["code"], json!("slot-taken"), "slot {number}: {loser:?}");
        won[winner] += 1;
    }
    assert!(won[0] > 0 && won[1] > 0, "one client won every race, so nothing was raced: {won:?}");
    assert_eq!(events_of_type(&server, "AppointmentBooked").await.len(), SLOTS);

    server.settle().await;
    let answer = server
        .query(
            "query($hospital: ID!, $from: DateTime!, $to: DateTime!) {
               booked: appointments(filter: { hospital: $hospital, statuses: [BOOKED] }) { totalCount }
               all: availability(from: $from, to: $to, hospital: $hospital, all: true) { totalCount }
               free: availability(from: $from, to: $to, hospital: $hospital) { totalCount } }",
            json!({ "hospital": clinic.hospital, "from": slot(from, 0), "to": slot(from, 3 * SLOTS_A_DAY) }),
        )
        .await;
    assert_eq!(answer["booked"]["totalCount"], json!(SLOTS));
    assert_eq!(answer["all"]["totalCount"], json!(3 * SLOTS_A_DAY));
    assert_eq!(answer["free"]["totalCount"], json!(3 * SLOTS_A_DAY - SLOTS));
    server.stop();
}

/// Sends one command many times at once; every answer is the same, and one of them is the first.
async fn many_times_at_once(server: &Server, path: &str, key: &str, body: &Value) -> Value {
    let clients: Vec<Client> = (0..REPEATS).map(|_| Client::of(server)).collect();
    let answers = join_all(clients.iter().map(|client| client.send_until_done(path, key, body))).await;
    for answer in &answers {
        assert_eq!(answer.status, 201, "{path}: {answer:?}");
        for same in ["id", "version", "stream", "token", "command", "events"] {
            assert_eq!(answer.body[same], answers[0].body[same], "{path}: {same}");
        }
    }
    let firsts = answers.iter().filter(|answer| answer.body["repeated"] == json!(false)).count();
    assert_eq!(firsts, 1, "{path}: so many of {REPEATS} answers say that they were the first");
    answers[0].body.clone()
}

async fn one_command_many_times(partitions: u16) {
    let work = tempfile::tempdir().expect("a folder");
    let server = Server::start(work.path(), partitions).await;
    let clinic = Clinic::open(&server, "Echo", "UTC", None).await;
    let from = Utc::now().date_naive() + Days::new(7);
    // Room for all of them, so that a second booking would not be refused for want of a seat.
    let role = clinic.role("Dr. Echo", REPEATS as u16, from, from).await;
    let patient = clinic.patients(1).await.remove(0);

    let hospital = json!({ "name": "Second", "zone": "UTC", "currency": "GBP" });
    many_times_at_once(&server, "/v1/hospitals", "echo/hospital", &hospital).await;
    assert_eq!(events_of_type(&server, "HospitalRegistered").await.len(), 2);

    let start = slot(from, 0);
    let booking = json!({ "role": role, "patient": patient, "start": start, "service": SERVICE });
    let booked = many_times_at_once(&server, "/v1/appointments", "echo/booking", &booking).await;
    let bookings = events_of_type(&server, "AppointmentBooked").await;
    assert_eq!(bookings.len(), 1, "{bookings:?}");

    // Money above all: the invoice of that visit is paid into its account once.
    server.settle().await;
    let accounts = server
        .query(
            "query($patient: ID!) { accounts(filter: { patient: $patient }) { nodes { id } } }",
            json!({ "patient": patient }),
        )
        .await;
    let account =
        accounts["accounts"]["nodes"][0]["id"].as_str().expect("the account that the booking opened").to_owned();
    let payment = json!({ "amount": { "amount": "25.00", "currency": "GBP" }, "method": "cash" });
    many_times_at_once(&server, &format!("/v1/accounts/{account}/payments"), "echo/payment", &payment).await;
    server.settle().await;
    let payments: Vec<Value> = events_of_type(&server, "PaymentRecorded").await;
    assert_eq!(payments.len(), 1, "{payments:?}");
    let (_, events) = server.get(&format!("/v1/streams/{}/events", booked["stream"].as_str().expect("a stream"))).await;
    assert_eq!(events["events"].as_array().expect("events").len() as u64, booked["version"], "{events}");
    server.stop();
}

/// Visits of the past, so that they can have ended: booked, arrived and checked in by an importer, then ended by as
/// many clients as there are visits, all at once.
async fn all_are_invoiced_at_once(partitions: u16) {
    let work = tempfile::tempdir().expect("a folder");
    let server = Server::start(work.path(), partitions).await;
    let clinic = Clinic::open(&server, "Busy", "UTC", Some("2024-11-01T00:00:00Z")).await;
    let day = NaiveDate::from_ymd_opt(2024, 12, 2).expect("a date");
    let role = clinic.role("Dr. Busy", CLIENTS as u16, day, day).await;
    let patients = clinic.patients(CLIENTS).await;
    let start = slot(day, 0);
    let line = |operation: &str, number: usize, at: DateTime<Utc>, body: Value| {
        let key = format!("{operation}/{number}");
        json!({ "id": key, "operation": operation, "key": key, "occurredAt": at, "body": body })
    };
    let book = |(number, patient): (usize, &String)| {
        let body = json!({ "role": role, "patient": patient, "start": start, "service": SERVICE });
        line("BookAppointment", number, start - TimeDelta::days(1), body)
    };
    let booked = server.batch(&patients.iter().enumerate().map(book).collect::<Vec<_>>()).await;
    let visits: Vec<&str> = booked.iter().map(|each| each["result"]["id"].as_str().expect("booked")).collect();
    for operation in ["Arrive", "CheckIn"] {
        let on = |(number, visit): (usize, &&str)| line(operation, number, start, json!({ "appointment": visit }));
        let results = server.batch(&visits.iter().enumerate().map(on).collect::<Vec<_>>()).await;
        results.iter().for_each(|result| assert_eq!(result["status"], json!(200), "{result}"));
    }

    let clients: Vec<Client> = (0..CLIENTS).map(|_| Client::of(&server)).collect();
    let end = start + TimeDelta::minutes(10);
    let (end_text, body) = (end.to_rfc3339(), json!({ "started": start, "ended": end }));
    let headers = [("carelog-occurred-at", end_text.as_str()), ("carelog-wait", "settled; timeout=60")];
    let fulfil = async |client: &Client, visit: &str| {
        let path = format!("/v1/appointments/{visit}/fulfil");
        client.send(&path, &format!("fulfil/{visit}"), &body, &headers).await
    };
    let answers = join_all(clients.iter().zip(&visits).map(|(client, visit)| fulfil(client, visit))).await;
    for answer in answers {
        assert_eq!((answer.status, &answer.body["settled"]), (200, &json!(true)), "{answer:?}");
    }

    server.settle().await;
    let page = server
        .query(
            "query($hospital: ID!) { invoices(filter: { hospital: $hospital }, first: 100) {
               nodes { sequence series issueDate status } } }",
            json!({ "hospital": clinic.hospital }),
        )
        .await;
    let nodes = page["invoices"]["nodes"].as_array().expect("nodes");
    let mut numbers: Vec<(i64, String)> = Vec::new();
    for node in nodes {
        assert_eq!((&node["status"], &node["series"]), (&json!("ISSUED"), &nodes[0]["series"]), "{node}");
        let date = node["issueDate"].as_str().expect("a date").to_owned();
        numbers.push((node["sequence"].as_i64().expect("a number"), date));
    }
    numbers.sort();
    assert_eq!(numbers.len(), CLIENTS);
    let series = nodes[0]["series"].as_str().expect("a series").to_owned();
    assert_gapless(&(clinic.hospital.clone(), series, "2024".to_owned()), &numbers);
    let check = server.run(&["ledger", "check"]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_clients_that_race_for_a_slot_one_gets_it_on_one_partition() {
    two_race_for_each_slot(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_clients_that_race_for_a_slot_one_gets_it_on_four_partitions() {
    two_race_for_each_slot(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_sent_many_times_at_once_does_one_thing_on_one_partition() {
    one_command_many_times(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_sent_many_times_at_once_does_one_thing_on_four_partitions() {
    one_command_many_times(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invoices_of_many_clients_at_once_have_no_gap_and_nobody_sees_a_conflict_on_one_partition() {
    all_are_invoiced_at_once(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invoices_of_many_clients_at_once_have_no_gap_and_nobody_sees_a_conflict_on_four_partitions() {
    all_are_invoiced_at_once(4).await;
}
