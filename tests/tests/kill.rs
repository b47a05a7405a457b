//! The server killed (SIGKILL) at random moments: what was acknowledged is there, what was half done is done once.
//!
//! Moments are drawn from a seed, which is printed when a test fails; `CARELOG_TEST_SEED` replays them.
//! `CARELOG_TEST_DAYS=2023-12-01..2025-12-01` kills during the import of other days than these tests' own, such as a whole
//! year, which takes its time.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use carelog_domain::kernel::Timestamp;
use carelog_tests::canonical::{self, Canonical, settle_with_days_ahead};
use carelog_tests::clinic::{Clinic, SERVICE};
use carelog_tests::server::{Server, program};
use carelog_tests::year;
use chrono::{Days, NaiveDate, TimeDelta, Utc};
use futures::future::join_all;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

/// How often the server is killed during one import.
const SERVER_KILLS: usize = 25;
/// How often, on top, the importing process is.
const IMPORTER_KILLS: usize = 6;
/// The practitioner whose rows are imported, and the first and last day of them: around the ref date, so that there
/// are visits, no-shows, cancellations and what is still to come.
const PRACTITIONER: &str = "cardiology";
const DAYS: &str = "2024-11-18..2024-12-13";
/// Longest an import may stand still; a debug build on busy cores.
const STANDSTILL_MAX: Duration = Duration::from_secs(120);

fn random() -> SmallRng {
    let seed = std::env::var("CARELOG_TEST_SEED").ok().map(|text| text.parse().expect("a number"));
    let seed = seed.unwrap_or_else(rand::random);
    eprintln!("CARELOG_TEST_SEED={seed}");
    SmallRng::seed_from_u64(seed)
}

/// An import in a process of its own.
fn begin_import(server: &Server, folder: &Path) -> Child {
    let mut command = Command::new(program());
    command.arg("import").arg(folder).args(["--json", "--server", &server.base]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started")
}

/// The report of an import that ended well.
fn report(output: &Output, server: &Server) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the import failed: {error}\n{}", server.log());
    let report: Value = serde_json::from_slice(&output.stdout).expect("json");
    assert_eq!(report["refusedRows"], json!(0), "{report}");
    report
}

/// How many events the log holds.
async fn events(server: &Server) -> u64 {
    let (_, stats) = server.get("/v1/operations/log/stats").await;
    let partitions = stats["partitions"].as_array().expect("partitions").iter();
    partitions.map(|each| each["events"].as_u64().expect("a number")).sum()
}

/// Waits until the log holds so many events, while the import runs.
async fn reach(server: &Server, importer: &mut Child, wanted: u64) {
    let (mut seen, mut since) = (0, Instant::now());
    loop {
        let now = events(server).await;
        if now >= wanted {
            return;
        }
        let ended = importer.try_wait().expect("asked");
        assert!(ended.is_none(), "the import ended ({ended:?}) at {now} of {wanted} events\n{}", server.log());
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < STANDSTILL_MAX, "it stands still at {now} of {wanted} events\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

fn succeeds(server: &Server, arguments: &[&str]) {
    let output = server.run(arguments);
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}\n{out}\n{error}\n{}", server.log());
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Victim {
    Importer,
    Server,
}

/// When whom to kill: at how many events, drawn over the whole import but its last part, which may be through before
/// the blow falls.
fn blows(random: &mut SmallRng, events: u64) -> Vec<(u64, Victim)> {
    let victims = [Victim::Server].repeat(SERVER_KILLS).into_iter().chain([Victim::Importer].repeat(IMPORTER_KILLS));
    let mut blows: Vec<_> = victims.map(|victim| (random.random_range(1..events * 85 / 100), victim)).collect();
    blows.sort();
    blows
}

async fn killed_at_random_moments(partitions: u16) {
    let mut random = random();
    let begun = Timestamp::from_micros(Utc::now().timestamp_micros());
    let work = tempfile::tempdir().expect("a folder");
    let folder = work.path().join("days");
    let days = std::env::var("CARELOG_TEST_DAYS").unwrap_or_else(|_| DAYS.to_owned());
    let (first, last) = days.split_once("..").expect("FIRST..LAST");
    year::days_of_year(&folder, PRACTITIONER, [first, last]);

    let calm = work.path().join("calm");
    let calm_server = Server::start(&calm, partitions).await;
    let output = begin_import(&calm_server, &folder).wait_with_output().expect("ended");
    let undisturbed = report(&output, &calm_server);
    let total = events(&calm_server).await;

    let hit = work.path().join("hit");
    let mut server = Server::start(&hit, partitions).await;
    let mut importer = begin_import(&server, &folder);
    let mut dying = Vec::new();
    for (wanted, victim) in blows(&mut random, total) {
        reach(&server, &mut importer, wanted).await;
        // Anywhere in the work on a request, not only where a count was just answered.
        tokio::time::sleep(Duration::from_micros(random.random_range(0..20_000))).await;
        let ended = importer.try_wait().expect("asked");
        assert!(ended.is_none(), "the import had ended ({ended:?}) before the {victim:?} was killed at {wanted}");
        match victim {
            Victim::Server => {
                server.kill();
                server = Server::start(&hit, partitions).await;
                // It tries a few times more to reach the server that is gone; the next one need not wait for that.
                dying.push(importer);
            }
            Victim::Importer => {
                importer.kill().expect("killed");
                importer.wait().expect("ended");
            }
        }
        importer = begin_import(&server, &folder);
    }
    let last = report(&importer.wait_with_output().expect("ended"), &server);
    assert_eq!((&last["commands"], &last["hospital"]), (&undisturbed["commands"], &undisturbed["hospital"]));
    for importer in dying {
        let output = importer.wait_with_output().expect("ended");
        assert!(!output.status.success(), "an import did not notice that its server died");
    }

    let mut histories = Vec::new();
    for server in [&server, &calm_server] {
        settle_with_days_ahead(server).await;
        histories.push(canonical::events(server, begun).await);
    }
    assert!(!histories[0].is_empty());
    canonical::assert_same_events(&histories[0], &histories[1]);
    succeeds(&server, &["log", "verify"]);
    succeeds(&server, &["projections", "verify", "--deep"]);
    succeeds(&server, &["ledger", "check"]);
    server.stop();
    calm_server.stop();
    Canonical::of(&hit).await.assert_same(&Canonical::of(&calm).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_killed_at_random_moments_ends_like_an_undisturbed_one_on_one_partition() {
    killed_at_random_moments(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_killed_at_random_moments_ends_like_an_undisturbed_one_on_four_partitions() {
    killed_at_random_moments(4).await;
}

/// Clients that book at once; as many seats has each slot, so that nobody is refused.
const CLIENTS: usize = 8;
/// How often the server is killed under them.
const ROUNDS: usize = 5;
const SLOTS_A_DAY: usize = 40;
const OPEN_DAYS: usize = 60;

/// A booking that was sent, and what it was answered before the server died, if anything.
struct Sent {
    key: String,
    body: Value,
    answer: Option<Value>,
}

/// One client: books slot after slot until the server is gone.
async fn book_until_the_end(server: (reqwest::Client, String), mut next: impl FnMut() -> (String, Value)) -> Vec<Sent> {
    let mut sent = Vec::new();
    loop {
        let (key, body) = next();
        let request =
            server.0.post(format!("{}/v1/appointments", server.1)).header("idempotency-key", &key).json(&body);
        let answer = async {
            let response = request.send().await.ok()?;
            // A 201 counts from its first byte on: the client has seen that it is done.
            let status = response.status().as_u16();
            Some((status, response.json::<Value>().await.ok()))
        };
        let Some((status, answer)) = answer.await else {
            sent.push(Sent { key, body, answer: None });
            return sent;
        };
        assert_eq!(status, 201, "{answer:?}");
        let done = answer.is_none();
        sent.push(Sent { key, body, answer: Some(answer.unwrap_or(Value::Null)) });
        if done {
            return sent;
        }
    }
}

/// Sent again with its key: what was acknowledged is answered with the same ids, and every booking is in the log once.
async fn check_again(server: &Server, sent: &Sent) -> String {
    let (status, again) = server.command("/v1/appointments", &sent.key, &sent.body).await;
    assert_eq!(status, 201, "{}: {again}", sent.key);
    if let Some(before) = &sent.answer {
        assert_eq!(again["repeated"], json!(true), "{}: acknowledged, and then forgotten: {again}", sent.key);
        for same in ["id", "stream", "version", "token", "command", "events"] {
            assert!(before.is_null() || before[same] == again[same], "{}: {same}: {before} {again}", sent.key);
        }
    }
    let stream = again["stream"].as_str().expect("a stream");
    let (_, page) = server.get(&format!("/v1/streams/{stream}/events")).await;
    let ids: Vec<&Value> = page["events"].as_array().expect("events").iter().map(|event| &event["id"]).collect();
    assert!(ids.contains(&&again["events"][0]) && ids.len() as u64 == again["version"], "{}: {page}", sent.key);
    again["id"].as_str().expect("an id").to_owned()
}

async fn acknowledged_is_durable(partitions: u16) {
    let mut random = random();
    let work = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(work.path(), partitions).await;
    let clinic = Clinic::open(&server, "Durable", "UTC", None).await;
    let from = Utc::now().date_naive() + Days::new(7);
    let role = clinic.role("Dr. Steady", CLIENTS as u16, from, from + Days::new(OPEN_DAYS as u64 - 1)).await;
    let patients = clinic.patients(CLIENTS).await;
    let hospital = clinic.hospital.clone();

    let mut slots = [0; CLIENTS];
    let (mut ids, mut acknowledged) = (std::collections::BTreeSet::new(), 0);
    for round in 0..ROUNDS {
        let reached = (server.http.clone(), server.base.clone());
        let clients = slots.iter_mut().enumerate().map(|(client, slot)| {
            let (role, patient) = (&role, &patients[client]);
            let next = move || {
                let start = start_of(from, *slot);
                let key = format!("durable/{client}/{slot}");
                *slot += 1;
                (key, json!({ "role": role, "patient": patient, "start": start, "service": SERVICE }))
            };
            book_until_the_end(reached.clone(), next)
        });
        let moment = Duration::from_millis(random.random_range(20..400));
        let kill = async {
            tokio::time::sleep(moment).await;
            tokio::task::spawn_blocking(move || server.kill()).await.expect("killed");
        };
        let (sent, ()) = tokio::join!(join_all(clients), kill);
        server = Server::start(work.path(), partitions).await;
        let sent: Vec<Sent> = sent.into_iter().flatten().collect();
        let round_acknowledged = sent.iter().filter(|sent| sent.answer.is_some()).count();
        assert!(round_acknowledged > 0, "round {round}: nothing was acknowledged in {moment:?}");
        acknowledged += round_acknowledged;
        ids.extend(join_all(sent.iter().map(|sent| check_again(&server, sent))).await);
    }
    let expected: usize = slots.iter().sum();
    assert_eq!(ids.len(), expected, "two keys made one appointment");
    assert!(acknowledged <= expected && slots.iter().all(|slot| *slot <= SLOTS_A_DAY * OPEN_DAYS));

    server.settle().await;
    let found = server
        .query(
            "query($hospital: ID!) { appointments(filter: { hospital: $hospital, statuses: [BOOKED] }) { totalCount } }",
            json!({ "hospital": hospital }),
        )
        .await;
    assert_eq!(found["appointments"]["totalCount"], json!(expected));
    for id in &ids {
        let found = server.query("query($id: ID!) { appointment(id: $id) { id } }", json!({ "id": id })).await;
        assert_eq!(found["appointment"]["id"], json!(id));
    }
    succeeds(&server, &["log", "verify"]);
    succeeds(&server, &["projections", "verify", "--deep"]);
    server.stop();
}

/// The start of a slot in UTC, counted from the first day's 08:00.
fn start_of(from: NaiveDate, slot: usize) -> chrono::DateTime<Utc> {
    let day = from + Days::new((slot / SLOTS_A_DAY) as u64);
    let morning = day.and_hms_opt(8, 0, 0).expect("a time").and_utc();
    morning + TimeDelta::minutes(15 * (slot % SLOTS_A_DAY) as i64)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_kill_is_there_after_it_on_one_partition() {
    acknowledged_is_durable(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_kill_is_there_after_it_on_four_partitions() {
    acknowledged_is_durable(4).await;
}
