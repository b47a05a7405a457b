//! Read models that are being filled for the first time, as after an upgrade to another layout, and what the version
//! before left.

use std::time::{Duration, Instant};

use carelog_domain::ports::{SqlStore, Statement};
use carelog_schemas::read_models::{Set, key, table_in, view};
use carelog_sqlite::SqliteStore;

use super::*;

const IN_TIME: Duration = Duration::from_secs(60);
/// The patients of a version that had them otherwise.
const OTHER: &str = "patients@0a0b0c0d";

/// A folder in which the patients are to be filled and another version's are filled.
async fn upgraded(data: &Path) {
    let scene = Scene::open(data).await;
    scene.server.stop();
    let of_patients = |table: &str| format!("DELETE FROM {}", table_in(Set::A, table));
    let statements = ["patients", "patient_links", "patient_identifiers", "patient_name_words"].map(of_patients);
    let mut statements = statements.to_vec();
    statements.push(format!("DELETE FROM read_model_checkpoints WHERE model = '{}'", key("patients")));
    statements.push(format!("UPDATE read_model_layouts SET filled = 0 WHERE model = '{}'", key("patients")));
    statements.push("CREATE TABLE patients__0a0b0c0d_a (patient CTEXT NOT NULL, PRIMARY KEY (patient))".to_owned());
    statements.push("CREATE VIEW patients__0a0b0c0d AS SELECT patient FROM patients__0a0b0c0d_a".to_owned());
    let layout =
        format!("INSERT INTO read_model_layouts (model, live, tables, filled) VALUES ('{OTHER}', 'a', 'patients', 1)");
    statements.push(layout);
    execute(data, statements).await;
}

async fn execute(data: &Path, statements: Vec<String>) {
    let store = SqliteStore::open(data.join("read-models.sqlite")).unwrap();
    store.write(statements.into_iter().map(|sql| Statement::new(sql, vec![])).collect()).await.unwrap();
}

/// How many tables and views the other version has.
async fn tables_of_other(data: &Path) -> i64 {
    let store = SqliteStore::open(data.join("read-models.sqlite")).unwrap();
    let sql = "SELECT count(*) FROM sqlite_master WHERE type IN ('table', 'view') AND name LIKE 'patients\\_\\_0a0b0c0d%' ESCAPE '\\'";
    store.read(vec![Statement::new(sql, vec![])]).await.unwrap()[0].rows[0][0].int().unwrap()
}

async fn patients(server: &Server) -> Value {
    let query = json!({ "query": "{ patients { nodes { name } } }" }).to_string();
    send(server, "POST", "/graphql", &[("content-type", "application/json")], query.into_bytes()).await.body
}

async fn until(mut holds: impl AsyncFnMut() -> bool, what: &str) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < IN_TIME, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_shows_no_read_model_that_is_being_filled_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    upgraded(folder.path()).await;
    let table = table_in(Set::A, "patients");
    let refuse = format!("CREATE TRIGGER planted BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'planted'); END");
    execute(folder.path(), vec![refuse]).await;
    let server = Server::start(folder.path(), 4).await;
    let (status, ready) = server.get("/health/ready?for=queries").await;
    assert_eq!((status, &ready["status"]), (503, &json!("unavailable")), "{ready}");
    assert!(ready["trouble"].to_string().contains("being filled and not shown yet: patients"), "{ready}");
    let (status, ready) = server.get("/health/ready").await;
    assert_eq!((status, &ready["status"]), (200, &json!("degraded")), "commands are taken: {ready}");
    assert_eq!(server.get("/health/ready?for=nothing").await.0, 400);
    let (_, status) = server.get("/v1/operations/status").await;
    let counted: Vec<&Value> = status["counts"].as_array().unwrap().iter().map(|count| &count["name"]).collect();
    assert!(counted.contains(&&json!("appointments")) && !counted.contains(&&json!("patients")), "{status}");
    let answer = patients(&server).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "read-model-filling", "{answer}");
    let listed = lines(&server.run(&["projections", "list", "--json"]), 0);
    let states: Vec<&Value> = listed.iter().filter(|row| row["model"] == "patients").map(|row| &row["state"]).collect();
    assert!(!states.is_empty() && states.iter().all(|state| **state != json!("running")), "{states:?}");
    assert_eq!(lines(&server.run(&["projections", "prune", "--json"]), 0), [json!({ "model": OTHER })]);
    server.stop();
    assert_eq!(tables_of_other(folder.path()).await, 2, "nothing is removed before there is something in its stead");
    execute(folder.path(), vec!["DROP TRIGGER planted".to_owned()]).await;
    let server = Server::start(folder.path(), 4).await;
    // What it could not write stopped it; that is on record until somebody lets it try again.
    ended(&server.run(&["projections", "retry", "patients"]), 0);
    until(async || server.get("/health/ready?for=queries").await.0 == 200, "it is never filled").await;
    assert_eq!(patients(&server).await["data"]["patients"]["nodes"], json!([{ "name": "Pat" }]));
    // It is alone, so nobody needs the other's any more.
    let left = async || lines(&server.run(&["projections", "prune", "--json"]), 0).len();
    until(async || left().await == 0, "it stays").await;
    server.stop();
    assert_eq!(tables_of_other(folder.path()).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_removes_what_another_version_left_and_is_told_first() {
    let folder = tempfile::tempdir().unwrap();
    upgraded(folder.path()).await;
    let data = folder.path().to_str().unwrap();
    let prune = |more: &[&str]| carelog(&[&["projections", "prune", "--data", data], more].concat());
    let told = ended(&prune(&[]), 0);
    assert!(told.contains(OTHER) && told.contains("add --yes"), "{told}");
    assert_eq!(tables_of_other(folder.path()).await, 2, "it was only named");
    assert!(ended(&prune(&["--yes"]), 0).contains("removed"));
    assert_eq!(tables_of_other(folder.path()).await, 0);
    assert!(ended(&prune(&["--yes"]), 0).contains("nothing of other versions"));
    let store = SqliteStore::open(folder.path().join("read-models.sqlite")).unwrap();
    let own = Statement::new(format!("SELECT count(*) FROM {}", view("appointments")), vec![]);
    assert_eq!(store.read(vec![own]).await.unwrap()[0].rows[0][0].int(), Some(1));
}
