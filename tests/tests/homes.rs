//! One history on several homes: whatever the stores are and however many partitions the log has, the ids, the rows and
//! the documents are the same, also when stores were taken away while they were filled. Compared by the adapters
//! themselves, and cell by cell by scripts that share no code with them.
//!
//! `CARELOG_TEST_DAYS=2023-12-01..2025-12-01` tells other days than these tests' own, such as one practitioner's whole
//! year, and `CARELOG_TEST_DAYS=all` the clinic's, with all its practitioners: that takes its time, and is told on every home
//! with every count of partitions.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use carelog_domain::kernel::Timestamp;
use carelog_domain::ports::{Document, DocumentStore as _, DocumentWrite};
use carelog_schemas::read_models::chart::KEYS;
use carelog_schemas::read_models::{Set, table_in};
use carelog_tests::clinic::Clinic;
use carelog_tests::homes::{Ended, Home};
use carelog_tests::practice;
use carelog_tests::server::{Server, program, root};
use carelog_tests::servers::chain::{ChainStores, files};
use carelog_tests::servers::dynamodb::DynamoServer;
use carelog_tests::year;
use chrono::Utc;
use serde_json::{Value, json};

/// The practitioner whose rows are imported, and the first and last day of them.
const PRACTITIONER: &str = "cardiology";
const DAYS: &str = "2024-11-25..2024-12-06";
/// When people handed their reports in.
const THEN: &str = "2024-11-20T09:00:00Z";
/// The reports, by producer and name.
const REPORTS: [(&str, &str); 3] =
    [("reportlab", "01-plain"), ("libreoffice", "03-other-order"), ("chromium", "06-previous")];
/// Longest that anything may take on busy cores.
const WAIT_MAX: Duration = Duration::from_secs(120);

async fn until(what: &str, server: &Server, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < WAIT_MAX, "{what} does not come about\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An import in a process of its own.
fn import(server: &Server, folder: &Path) -> std::process::Child {
    let mut command = Command::new(program());
    command.arg("import").arg(folder).args(["--json", "--server", &server.base]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started")
}

fn ended_well(import: std::process::Child, server: &Server) {
    let output = import.wait_with_output().expect("ended");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the import failed: {error}\n{}", server.log());
    let report: Value = serde_json::from_slice(&output.stdout).expect("json");
    assert_eq!(report["refusedRows"], json!(0), "{report}");
}

async fn events(server: &Server) -> u64 {
    let (_, stats) = server.get("/v1/operations/log/stats").await;
    let partitions = stats["partitions"].as_array().expect("partitions").iter();
    partitions.map(|each| each["events"].as_u64().expect("a number")).sum()
}

/// What does not work, as the server says; nothing when all is well.
async fn trouble(server: &Server) -> String {
    let (status, body) = server.get("/health/ready").await;
    assert_eq!(status, 200, "a store that is away keeps no command away: {body}");
    body["trouble"].as_array().map(|_| body["trouble"].to_string()).unwrap_or_default()
}

/// What an import does not bring: patients who hand lab reports in.
async fn hand_in_reports(server: &Server) {
    let clinic = Clinic::open(server, "Reports", "Europe/London", Some(THEN)).await;
    for (producer, name) in REPORTS {
        let at = root().join("tests/fixtures/lab").join(producer).join(name);
        let truth: Value =
            serde_json::from_slice(&std::fs::read(at.with_extension("json")).expect("read")).expect("json");
        let header = &truth["header"];
        let identifier = json!({ "system": "urn:test", "kind": "MR", "value": header["identifier"] });
        let person = json!({ "hospital": clinic.hospital, "name": { "text": header["name"] },
            "birthDate": header["birthDate"], "gender": header["sex"], "identifiers": [identifier] });
        let then = [("carelog-occurred-at", THEN)];
        let patient = practice::command(server, "POST", "/v1/patients", name, &then, &person).await;
        assert_eq!(patient.status, 201, "{}", patient.body);
        let file = std::fs::read(at.with_extension("pdf")).expect("read");
        let report = practice::hand_in(server, &clinic.hospital, &patient.id(), name, &then, &file).await;
        assert_eq!(report.status, 201, "{}", report.body);
    }
}

/// Takes the stores of all read models away once so much was imported, until commands were seen to go on without them.
async fn without_read_models(server: &Server, stores: &ChainStores, begun_at: u64) {
    until("a part of the import", server, async || events(server).await > begun_at).await;
    stores.rows.stop("immediate");
    stores.documents.kill();
    let before = events(server).await;
    let missing = async || {
        let trouble = trouble(server).await;
        trouble.contains("sql (") && trouble.contains("documents (")
    };
    until("a word of what is missing", server, missing).await;
    until("commands that go on meanwhile", server, async || events(server).await > before + 50).await;
    stores.rows.go();
    stores.documents.go();
    until("stores that are back", server, async || trouble(server).await.is_empty()).await;
}

struct Teller {
    days: tempfile::TempDir,
    work: tempfile::TempDir,
    live: Timestamp,
}

impl Teller {
    fn new(days: &str) -> Teller {
        let live = Timestamp::from_micros(Utc::now().timestamp_micros());
        let (folder, work) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        if days == "all" {
            year::part_of_year(folder.path(), &year::PRACTITIONERS);
        } else {
            let (first, last) = days.split_once("..").expect("FIRST..LAST, or all");
            year::days_of_year(folder.path(), PRACTITIONER, [first, last]);
        }
        Teller { days: folder, work, live }
    }

    /// Told, but not ended yet, which takes a while and little work.
    async fn embedded(&self, partitions: u16, secret_of: Option<&Path>) -> Home {
        let data = self.work.path().join(format!("embedded-{partitions}"));
        let home = Home::embedded(&data, partitions, secret_of).await;
        ended_well(import(&home.server, self.days.path()), &home.server);
        hand_in_reports(&home.server).await;
        home
    }

    /// With `events`, what the whole history comes to, stores are taken away meanwhile.
    async fn on(&self, stores: &ChainStores, partitions: u16, secret_of: &Path, events: Option<u64>) -> Ended {
        let data = self.work.path().join(format!("chain-{partitions}"));
        let home = Home::on(stores, &data, partitions, Some(secret_of)).await;
        let server = &home.server;
        let (_, status) = server.get("/v1/operations/status").await;
        for store in ["the log on Kafka", "PostgreSQL", "DynamoDB", "S3"] {
            assert!(status["home"].as_str().is_some_and(|home| home.contains(store)), "{status}");
        }
        let importing = import(server, self.days.path());
        if let Some(events) = events {
            without_read_models(server, stores, events / 8).await;
        }
        ended_well(importing, server);
        hand_in_reports(server).await;
        home.end(self.live).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_history_comes_to_the_same_on_every_home_with_every_count_of_partitions() {
    let days = std::env::var("CARELOG_TEST_DAYS").ok();
    let teller = Teller::new(days.as_deref().unwrap_or(DAYS));
    let stores = ChainStores::start_with_log();
    let embedded = teller.embedded(1, None).await;
    let (whole, data) = (events(&embedded.server).await, embedded.data.clone());
    let (embedded, chain) = tokio::join!(embedded.end(teller.live), teller.on(&stores, 4, &data, Some(whole)));
    assert!(embedded.canonical.tables["appointments"].len() > 50, "nothing was imported");
    chain.assert_same(&embedded);
    if days.is_some() {
        teller.embedded(4, Some(&data)).await.end(teller.live).await.assert_same(&embedded);
        teller.on(&stores, 1, &data, None).await.assert_same(&embedded);
    }

    let home = chain.chain.as_ref().expect("a chain's home");
    assert_eq!((home.blobs(), files(&embedded.data.join("blobs"))), (REPORTS.len(), REPORTS.len()));
    for ours in ["read-models.sqlite", "documents", "blobs", "keys/journal", "keys/master.key"] {
        assert!(embedded.data.join(ours).exists() && !chain.data.join(ours).exists(), "{ours} is in the wrong place");
    }
    let (same, said) = embedded.compared_with(&chain);
    assert!(same, "{said}");
    plant_a_row(&stores, &home.rows).await;
    let (same, said) = embedded.compared_with(&chain);
    assert!(!same && said.contains(": rescheduled differs\n1 differences"), "one cell was changed: {said}");
    plant_an_item(home.documents_port, &home.table).await;
    let (same, said) = embedded.compared_with(&chain);
    assert!(!same && said.contains(": service differs\n1 differences"), "one cell was changed: {said}");
}

async fn plant_a_row(stores: &ChainStores, url: &str) {
    let table = format!("carelog.{}", table_in(Set::A, "appointments"));
    let planted = format!(
        "UPDATE {table} SET rescheduled = rescheduled + 1 WHERE appointment = (SELECT min(appointment) FROM {table})"
    );
    let database = url.rsplit('/').next().expect("a name");
    assert_eq!(stores.rows.client(database).await.execute(&planted, &[]).await.expect("planted"), 1);
}

/// Changes one field of one patient's appointment, as if it had been projected so.
async fn plant_an_item(port: u16, table: &str) {
    let documents = DynamoServer::documents(port, table).await;
    let charts = documents.scan(&KEYS.table(Set::A), None, 1_000).await.expect("items").items;
    let is_appointment = |item: &Document| item.key.sort_key.starts_with("appointment#");
    let Document { key, mut position, mut body } = charts.into_iter().find(is_appointment).expect("an appointment");
    assert!(body["service"].is_string(), "{body}");
    body["service"] = json!("another");
    position.offset += 1;
    documents.write(vec![DocumentWrite { key, position, body: Some(body) }]).await.expect("planted");
}
