//! Stores taken from a running server, one after the other, under live commands: what does not need a store goes on, what
//! needs it is refused and can be sent again, read models and sagas wait and catch up by themselves, and readiness names
//! what is missing. At the end nothing is lost and nothing there twice.
//!
//! `CARELOG_TEST_OUTAGE_SECONDS=60` keeps each of them away for a minute.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use carelog_tests::clinic::{Clinic, SERVICE};
use carelog_tests::practice::{self, Answer};
use carelog_tests::server::{Server, program, root};
use carelog_tests::servers::chain::ChainStores;
use chrono::{Days, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

const SLOTS_A_DAY: usize = 40;
const OPEN_DAYS: u64 = 85;
/// Ten bookings a second last for minutes.
const BOOKED_EVERY: Duration = Duration::from_millis(100);
/// Longest that anything may take on busy cores.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Files handed in, and patients registered, at the moment that a store goes away.
const BURST: usize = 6;

fn away_for() -> Duration {
    let given = std::env::var("CARELOG_TEST_OUTAGE_SECONDS").ok();
    Duration::from_secs(given.map_or(4, |text| text.parse().expect("a number")))
}

/// Somebody who books slot after slot, whatever is away.
struct Booker {
    booked: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Booker {
    fn begin(http: reqwest::Client, base: String, role: String, patient: String, from: NaiveDate) -> Booker {
        let (booked, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (booked.clone(), enough.clone());
        let task = tokio::spawn(async move {
            while !end.load(Ordering::SeqCst) {
                let slot = count.load(Ordering::SeqCst);
                assert!(slot < SLOTS_A_DAY * OPEN_DAYS as usize, "no slot is left");
                let body =
                    json!({ "role": role, "patient": patient, "start": start_of(from, slot), "service": SERVICE });
                let request = http.post(format!("{base}/v1/appointments")).json(&body);
                let answer = request.header("idempotency-key", format!("slot/{slot}")).send().await.expect("an answer");
                let status = answer.status().as_u16();
                assert_eq!(status, 201, "slot {slot}: {}", answer.text().await.unwrap_or_default());
                count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(BOOKED_EVERY).await;
            }
        });
        Booker { booked, enough, task }
    }

    fn booked(&self) -> usize {
        self.booked.load(Ordering::SeqCst)
    }

    /// How many were booked in all.
    async fn end(self) -> usize {
        self.enough.store(true, Ordering::SeqCst);
        self.task.await.expect("every booking was taken");
        self.booked.load(Ordering::SeqCst)
    }
}

/// The start of a slot in UTC, counted from the first day's 08:00.
fn start_of(from: NaiveDate, slot: usize) -> chrono::DateTime<Utc> {
    let day = from + Days::new((slot / SLOTS_A_DAY) as u64);
    day.and_hms_opt(8, 0, 0).expect("a time").and_utc() + TimeDelta::minutes(15 * (slot % SLOTS_A_DAY) as i64)
}

struct Scene {
    server: Server,
    hospital: String,
    booker: Booker,
}

impl Scene {
    async fn trouble(&self) -> String {
        let (status, body) = self.server.get("/health/ready").await;
        assert_eq!(status, 200, "a store that is away keeps no command away: {body}");
        body["trouble"].as_array().map(|_| body["trouble"].to_string()).unwrap_or_default()
    }

    async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let begun = Instant::now();
        while !is_so().await {
            assert!(begun.elapsed() < WAIT_MAX, "{what} does not come about\n{}", self.server.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many events of this type there are.
    async fn count(&self, event_type: &str) -> usize {
        let (mut count, mut from) = (0, String::new());
        loop {
            let (status, page) = self.server.get(&format!("/v1/events?type={event_type}&limit=1000{from}")).await;
            assert_eq!(status, 200, "{page}");
            count += page["events"].as_array().expect("events").len();
            match page["next"].as_str() {
                Some(next) => from = format!("&from={next}"),
                None => return count,
            }
        }
    }

    /// Takes a store away for a while; `meanwhile` is what is seen of it, beside bookings that go on.
    async fn without(&self, name: &str, away: impl FnOnce(), back: impl FnOnce(), meanwhile: impl AsyncFnOnce(&Scene)) {
        away();
        let begun = Instant::now();
        let booked = self.booker.booked();
        let missing = format!("\"{name} (");
        self.until("a word of what is missing", async || self.trouble().await.contains(&missing)).await;
        meanwhile(self).await;
        tokio::time::sleep(away_for().saturating_sub(begun.elapsed())).await;
        assert!(self.trouble().await.contains(&missing), "{name} is still away");
        self.until("bookings that go on", async || self.booker.booked() > booked + 10).await;
        back();
        self.until("a store that is back", async || self.trouble().await.is_empty()).await;
    }

    /// Invoices are drafted by a saga: it goes on without this store.
    async fn sagas_go_on(&self) {
        let drafted = self.count("InvoiceDrafted").await;
        self.until("a saga that goes on", async || self.count("InvoiceDrafted").await > drafted + 5).await;
    }

    async fn register(&self, key: &str, person: &Value) -> Answer {
        let mut person = person.clone();
        person["hospital"] = json!(self.hospital);
        practice::command(&self.server, "POST", "/v1/patients", key, &[], &person).await
    }

    async fn hand_in(&self, file: &Fixture, patient: &str) -> Answer {
        practice::hand_in(&self.server, &self.hospital, patient, &file.name, &[], &file.pdf).await
    }

    /// Where the file of a patient's only report stands, once it is through.
    async fn file_status(&self, patient: &str) -> String {
        let query = "query($patient: ID!) { chart(patient: $patient) { reports { fileStatus } } }";
        let chart = self.server.query(query, json!({ "patient": patient })).await;
        let reports = chart["chart"]["reports"].as_array().unwrap_or_else(|| panic!("no chart: {chart}"));
        assert_eq!(reports.len(), 1, "{chart}");
        reports[0]["fileStatus"].as_str().expect("a status").to_owned()
    }
}

/// A lab report, and whom it is about.
struct Fixture {
    name: String,
    pdf: Vec<u8>,
    person: Value,
}

/// So many of them.
fn fixtures(count: usize) -> Vec<Fixture> {
    let folder = root().join("tests/fixtures/lab/reportlab");
    let entries = std::fs::read_dir(folder).expect("fixtures").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "pdf")).collect();
    files.sort();
    assert!(files.len() >= count, "only {} fixtures", files.len());
    files.into_iter().take(count).map(fixture).collect()
}

fn fixture(pdf: PathBuf) -> Fixture {
    let truth = std::fs::read(pdf.with_extension("json")).expect("read");
    let header = serde_json::from_slice::<Value>(&truth).expect("json")["header"].clone();
    let name = pdf.file_stem().expect("a name").to_string_lossy().into_owned();
    let identifier = json!({ "system": format!("urn:test:{name}"), "kind": "MR", "value": header["identifier"] });
    let person = json!({ "name": { "text": header["name"] }, "birthDate": header["birthDate"],
        "gender": header["sex"], "identifiers": [identifier] });
    Fixture { pdf: std::fs::read(pdf).expect("read"), name, person }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_store_can_be_away_for_a_while_under_live_commands() {
    let (stores, data) = (ChainStores::start(), tempfile::tempdir().expect("a folder"));
    let home = stores.home(None).await;
    let server = Server::start_with(data.path(), 4, &home.environment()).await;
    let clinic = Clinic::open(&server, "Outages", "UTC", None).await;
    let from = Utc::now().date_naive() + Days::new(2);
    let role = clinic.role("Dr. Steady", 1, from, from + Days::new(OPEN_DAYS - 1)).await;
    let patient = clinic.patients(1).await.remove(0);
    server.settle().await;
    let hospital = clinic.hospital.clone();
    let booker = Booker::begin(server.http.clone(), server.base.clone(), role, patient, from);
    let scene = Scene { server, hospital, booker };

    let rows = &stores.rows;
    scene.without("sql", || rows.stop("immediate"), || rows.go(), Scene::sagas_go_on).await;
    scene.without("documents", || stores.documents.kill(), || stores.documents.go(), Scene::sagas_go_on).await;
    let readers = without_blobs(&scene, &stores).await;
    let registered = without_keys(&scene, &stores).await;

    let Scene { server, hospital, booker } = scene;
    let booked = booker.end().await;
    server.settle().await;
    let (_, sagas) = server.get("/v1/operations/sagas").await;
    assert_eq!(sagas["deadLetters"], json!([]), "somebody's hand is needed");
    let scene_counts = server
        .query(
            "query($hospital: ID!) { appointments(filter: { hospital: $hospital, statuses: [BOOKED] }) { totalCount }
               invoices(filter: { hospital: $hospital, statuses: [DRAFT] }) { totalCount }
               patients(filter: { hospital: $hospital }) { totalCount } }",
            json!({ "hospital": hospital }),
        )
        .await;
    let counts = ["appointments", "invoices", "patients"].map(|name| scene_counts[name]["totalCount"].clone());
    assert_eq!(json!(counts), json!([booked, booked, 1 + readers + registered]), "lost, or there twice");
    for arguments in [&["projections", "verify", "--deep"][..], &["log", "verify"], &["ledger", "check"]] {
        let output = server.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
    server.stop();
}

/// Files that were taken are read once they can be; one that could not be taken is handed in again. How many people.
async fn without_blobs(scene: &Scene, stores: &ChainStores) -> usize {
    let mut files = fixtures(BURST + 1);
    let mut patients = Vec::new();
    for file in &files {
        let patient = scene.register(&file.name, &file.person).await;
        assert_eq!(patient.status, 201, "{}", patient.body);
        patients.push(patient.id());
    }
    let late = files.pop().expect("one more");
    let handed_in = files.iter().zip(&patients).map(|(file, patient)| scene.hand_in(file, patient));
    for report in futures::future::join_all(handed_in).await {
        assert_eq!(report.status, 201, "{}", report.body);
    }
    let refused = async |scene: &Scene| {
        let refused = scene.hand_in(&late, &patients[BURST]).await;
        assert_eq!(refused.status, 503, "{}", refused.body);
        scene.sagas_go_on().await;
    };
    scene.without("blobs", || stores.blobs.kill(), || stores.blobs.go(), refused).await;
    let again = scene.hand_in(&late, &patients[BURST]).await;
    assert_eq!(again.status, 201, "{}", again.body);
    scene.server.settle().await;
    for patient in &patients {
        let status = scene.file_status(patient).await;
        assert!(["EXTRACTED", "NEEDS_REVIEW"].contains(&status.as_str()), "{status}: it was given up");
    }
    patients.len()
}

/// Registrations that were taken end well; one that could not be taken is asked for again. How many people.
async fn without_keys(scene: &Scene, stores: &ChainStores) -> usize {
    let person = |number: usize| {
        json!({ "hospital": scene.hospital, "name": { "text": format!("Person {number}") }, "birthDate": "1980-01-01",
            "identifiers": [{ "system": "urn:test:burst", "kind": "MR", "value": format!("B-{number}") }] })
    };
    let line = |number: usize| {
        json!({ "id": format!("{number}"), "operation": "RequestRegistration", "key": format!("burst/{number}"),
            "body": person(number) })
    };
    let lines: Vec<Value> = (0..BURST).map(line).collect();
    for result in scene.server.batch(&lines).await {
        assert!(result["result"]["id"].is_string(), "refused: {result}");
    }
    let refused = async |scene: &Scene| {
        let refused = scene.register("late", &person(BURST)).await;
        assert_eq!(refused.status, 503, "{}", refused.body);
    };
    scene.without("keys", || stores.keys.stop("immediate"), || stores.keys.go(), refused).await;
    let again = scene.register("late", &person(BURST)).await;
    assert_eq!(again.status, 201, "{}", again.body);
    BURST + 1
}

#[test]
fn a_store_that_is_not_there_stops_the_start_and_says_which_setting() {
    let run = |settings: &[(&str, &str)]| {
        let work = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(work.path());
        command.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        command.env("AWS_ACCESS_KEY_ID", "nobody").env("AWS_SECRET_ACCESS_KEY", "secret");
        let output = command.envs(settings.iter().copied()).output().expect("run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(!said.contains("secret"), "{said}");
        said
    };
    let nowhere = "postgres://carelog:secret@127.0.0.1:9/nothing";
    for (setting, address) in
        [("sql", nowhere), ("documents", "dynamodb://carelog"), ("blobs", "s3://carelog/sealed"), ("keys", nowhere)]
    {
        let variable = format!("CARELOG_{}", setting.to_uppercase());
        let said = run(&[(variable.as_str(), address)]);
        assert!(said.contains(&format!("({setting}")), "{said}");
        let said = run(&[(variable.as_str(), "ftp://carelog:secret@host/x")]);
        assert!(said.contains(&format!("{setting}: ftp:// is no home of it; expected ")), "{said}");
    }
}
