//! One history on two homes: whatever the read models live in, the answers are the same, also when their server was
//! taken away while they were filled. Compared by the adapters themselves, and cell by cell by scripts/compare_homes.py.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_tests::canonical::{Canonical, settle_with_days_ahead};
use carelog_tests::server::{Server, program, root};
use carelog_tests::servers::postgres::PostgresServer;
use carelog_tests::year;
use serde_json::{Value, json};

/// The practitioner whose rows are imported, and the first and last day of them.
const PRACTITIONER: &str = "cardiology";
const DAYS: [&str; 2] = ["2024-11-25", "2024-12-06"];
/// What the wall clock decides, and numbers given by the order of billing, which `Canonical` compares as series.
const ASIDE: [&str; 6] = [
    "days.opened_at",
    "imports.finished_at",
    "invoices.number",
    "invoices.printed_number",
    "credit_notes.number",
    "credit_notes.printed_number",
];
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
    stats["partitions"]
        .as_array()
        .expect("partitions")
        .iter()
        .map(|each| each["events"].as_u64().expect("a number"))
        .sum()
}

async fn readiness(server: &Server) -> (u16, String) {
    let (status, body) = server.get("/health/ready").await;
    (status, body["status"].as_str().unwrap_or_default().to_owned())
}

fn succeeds(server: &Server, arguments: &[&str]) {
    let output = server.run(arguments);
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}\n{out}\n{error}\n{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn read_models_in_postgres_say_what_a_file_says_though_their_server_was_away_for_a_while() {
    let work = tempfile::tempdir().expect("a folder");
    let folder = work.path().join("days");
    year::days_of_year(&folder, PRACTITIONER, DAYS);
    let postgres = PostgresServer::start("");
    let database = postgres.database().await;
    let url = postgres.url(&database);

    let (embedded_data, chain_data) = (work.path().join("embedded"), work.path().join("chain"));
    let embedded = Server::start(&embedded_data, 1).await;
    let chain = Server::start_with(&chain_data, 4, &[("CARELOG_SQL", url.as_str())]).await;
    assert!(!chain_data.join("read-models.sqlite").exists(), "the file is not needed");
    let (_, status) = chain.get("/v1/operations/status").await;
    assert!(status["home"].as_str().is_some_and(|home| home.contains("PostgreSQL")), "{status}");
    ended_well(import(&embedded, &folder), &embedded);
    let whole = events(&embedded).await;

    let importing = import(&chain, &folder);
    until("a third of the import", &chain, async || events(&chain).await > whole / 3).await;
    postgres.stop("immediate");
    let before = events(&chain).await;
    until("readiness that says what is missing", &chain, async || readiness(&chain).await.0 == 503).await;
    until("commands that go on meanwhile", &chain, async || events(&chain).await > before + 50).await;
    postgres.go();
    ended_well(importing, &chain);
    for server in [&embedded, &chain] {
        settle_with_days_ahead(server).await;
        assert_eq!(readiness(server).await, (200, "ready".to_owned()));
        succeeds(server, &["projections", "verify", "--deep"]);
    }
    embedded.stop();
    chain.stop();

    let store = PostgresStore::connect(PostgresSettings::new(url.clone())).await.expect("the database");
    let rows = Canonical::with(&store, &chain_data).await;
    assert!(rows.tables["appointments"].len() > 50, "nothing was imported");
    rows.assert_same(&Canonical::of(&embedded_data).await);

    let (same, said) = compared(&embedded_data, &url);
    assert!(same, "{said}");
    let planted = "UPDATE carelog.appointments__a SET rescheduled = rescheduled + 1 \
                   WHERE appointment = (SELECT min(appointment) FROM carelog.appointments__a)";
    assert_eq!(postgres.client(&database).await.execute(planted, &[]).await.expect("planted"), 1);
    let (same, said) = compared(&embedded_data, &url);
    assert!(!same && said.contains(": rescheduled differs\n1 differences"), "one cell was changed: {said}");
}

/// What a script that shares no code with Carelog says of the two homes.
fn compared(data: &Path, url: &str) -> (bool, String) {
    let mut command = Command::new("python3");
    command.arg(root().join("scripts/compare_homes.py")).arg(data.join("read-models.sqlite")).arg(url);
    command.arg("--aside").args(ASIDE);
    let output = command.output().expect("python3");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_database_that_is_not_there_stops_the_start_and_says_which_setting() {
    let work = tempfile::tempdir().expect("a folder");
    let run = |sql: &str| {
        let mut command = Command::new(program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(work.path()).env("CARELOG_SQL", sql);
        let output = command.output().expect("run");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run("postgres://carelog:secret@127.0.0.1:9/nothing");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("(sql)") && !said.contains("secret"), "{said}");
    let (code, said) = run("mysql://127.0.0.1/x");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("sql: expected postgres://"), "{said}");
}
