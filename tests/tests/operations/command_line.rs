//! Every subcommand: what it prints, and how it ends. 0 all well, 1 an error, 2 a wrong command line, 3 differences.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use carelog_domain::ports::{SqlStore, Statement};
use carelog_schemas::read_models::{key, view};
use carelog_sqlite::SqliteStore;

use super::*;

/// A port nobody listens on.
const NOBODY: [&str; 2] = ["--server", "http://127.0.0.1:9"];

#[tokio::test(flavor = "multi_thread")]
async fn every_subcommand_speaks_to_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let run = |arguments: &[&str]| scene.server.run(arguments);
    let tail = ended(&run(&["log", "tail", "--no-follow"]), 0);
    assert_eq!(tail.lines().count(), 11, "a header and 10 events\n{tail}");
    let drafts = lines(&run(&["log", "tail", "--no-follow", "-n", "5", "--type", "AppointmentBooked", "--json"]), 0);
    assert_eq!(drafts.len(), 1);
    let position = drafts[0]["position"].as_str().unwrap().to_owned();
    assert_eq!(lines(&run(&["log", "show", &position, "--json"]), 0), drafts);
    let stream = format!("appointment:{}", scene.appointment);
    assert_eq!(lines(&run(&["log", "show", &stream, "--json"]), 0)[0]["type"], "AppointmentBooked");
    assert!(ended(&run(&["log", "show", &stream]), 0).contains("AppointmentBooked"));
    ended(&run(&["log", "show", "appointment:nothing"]), 1);
    ended(&run(&["log", "show", "0:999999"]), 1);
    let stats = lines(&run(&["log", "stats", "--json"]), 0);
    assert_eq!(stats.len(), 4);
    let verified = lines(&run(&["log", "verify", "--json"]), 0);
    let roots = |rows: &[Value]| rows.iter().map(|row| row["root"].clone()).collect::<Vec<_>>();
    assert_eq!(roots(&verified), roots(&stats));
    let models = lines(&run(&["projections", "list", "--json"]), 0);
    assert!(models.iter().all(|row| row["state"] == "running" && row["behind"] == json!(0)), "{models:?}");
    assert!(ended(&run(&["projections", "verify"]), 0).contains("all agree with the log"));
    assert!(
        lines(&run(&["projections", "verify", "--deep", "--json"]), 0).iter().all(|row| row["agrees"] == json!(true))
    );
    assert_eq!(lines(&run(&["projections", "verify", "invoices", "--json"]), 0).len(), 1);
    for what in ["rebuild", "diff", "retry"] {
        ended(&run(&["projections", what, "invoices"]), 0);
        ended(&run(&["projections", what, "nothing"]), 1);
    }
    ended(&run(&["projections", "skip", "nothing", "0:1", "--reason", "x"]), 1);
    ended(&run(&["projections", "skip", "invoices", "here", "--reason", "x"]), 1);
    ended(&run(&["projections", "skip", "invoices", "0:1"]), 2);
    let sagas = lines(&run(&["sagas", "list", "--json"]), 0);
    assert_eq!(sagas[0]["deadLetters"], json!([]));
    assert!(ended(&run(&["sagas", "list"]), 0).contains("appointment-billing"));
    let story = lines(&run(&["sagas", "show", "appointment-billing", &scene.appointment, "--json"]), 0);
    assert!(story.iter().any(|entry| entry["eventType"] == "AppointmentBooked"), "{story:?}");
    ended(&run(&["sagas", "show", "appointment-billing", "nobody"]), 1);
    ended(&run(&["sagas", "show", "no-such-saga", "nobody"]), 1);
    ended(&run(&["sagas", "retry", "appointment-billing", &scene.appointment, "draft"]), 1);
    assert_eq!(lines(&run(&["sagas", "wait", "--timeout", "60", "--json"]), 0), [json!({ "settled": true })]);
    let check = lines(&run(&["ledger", "check", "--json"]), 0);
    assert_eq!(check[0]["agrees"], json!(true));
    ended(&run(&["ledger", "export"]), 0);
    ended(&run(&["ledger", "export", "--hospital", &scene.practice.hospital]), 0);
    ended(&run(&["ledger", "export", "--hospital", "here"]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_begins_with_the_past_and_goes_on_with_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let mut tail = Command::new(program());
    tail.args(["log", "tail", "-n", "1", "--type", "AppointmentBooked", "--json", "--server", &scene.server.base]);
    let mut tail = tail.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&printed.next().expect("a line").unwrap()).unwrap();
    assert_eq!(next()["stream"], format!("appointment:{}", scene.appointment));
    for slot in [5, 6] {
        let booking = scene.practice.booking(&scene.patient, slot);
        let booked = command(&scene.server, "POST", "/v1/appointments", &format!("s{slot}"), &[], &booking).await;
        assert_eq!(next()["stream"], format!("appointment:{}", booked.id()), "each once, in order");
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_somebody_changed_is_found_and_nothing_is_written_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let slot = scene.server.get(&format!("/v1/streams/appointment:{}/events", scene.appointment)).await.1;
    let partition = slot["events"][0]["position"].as_str().unwrap().split_once(':').unwrap().0.to_owned();
    scene.server.stop();
    let data = folder.path().to_str().unwrap();
    let verify = || {
        let mut verify = Command::new(program());
        // Where a server would be does not matter to whoever names a folder.
        verify.args(["log", "verify", "--data", data]).env("CARELOG_SERVER", "http://127.0.0.1:9").output().unwrap()
    };
    let before = files_of(&folder.path().join("log"));
    assert!(ended(&verify(), 0).contains("agrees"));
    assert_eq!(files_of(&folder.path().join("log")), before, "looking at a log changed it");
    let segments = folder.path().join(format!("log/partition-{:04}", partition.parse::<u16>().unwrap()));
    let segment = std::fs::read_dir(segments).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    let place = bytes.windows(17).position(|bytes| bytes == b"AppointmentBooked").expect("the event");
    bytes[place] = b'a';
    std::fs::write(&segment, bytes).unwrap();
    let found = verify();
    ended(&found, 3);
    let said = String::from_utf8_lossy(&found.stderr);
    assert!(said.contains("damage in") && said.contains("nothing was changed"), "{said}");
}

/// Every file of the log itself with its bytes' hash; what is derived from it may change.
fn files_of(log: &Path) -> BTreeMap<PathBuf, u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut files = BTreeMap::new();
    for folder in std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()) {
        if !folder.file_name().unwrap().to_str().unwrap().starts_with("partition-") {
            continue;
        }
        for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let mut hash = DefaultHasher::new();
            std::fs::read(&file).unwrap().hash(&mut hash);
            files.insert(file, hash.finish());
        }
    }
    files
}

#[test]
fn what_needs_no_server_works_without_one() {
    let version = lines(&carelog(&["version", "--json"]), 0);
    assert_eq!(version[0]["version"], env!("CARGO_PKG_VERSION"));
    assert!(ended(&carelog(&["version"]), 0).contains("eventTypes"));
    let types = lines(&carelog(&["schemas", "list", "--json"]), 0);
    assert_eq!(version[0]["eventTypes"], json!(types.len()));
    for each in &types {
        let schema: Value =
            serde_json::from_str(&ended(&carelog(&["schemas", "show", each["type"].as_str().unwrap()]), 0)).unwrap();
        assert!(schema.is_object(), "{each}");
    }
    let openapi: Value = serde_json::from_str(&ended(&carelog(&["schemas", "show", "openapi"]), 0)).unwrap();
    assert!(openapi["paths"]["/v1/appointments"].is_object());
    assert!(ended(&carelog(&["schemas", "show", "graphql"]), 0).contains("type Query"));
    ended(&carelog(&["schemas", "show", "NothingHappened"]), 1);
    for help in [&["--help"][..], &["serve", "--help"], &["log", "--help"], &["projections", "verify", "--help"]] {
        ended(&carelog(help), 0);
    }
    assert!(!ended(&carelog(&["--help"]), 0).contains("read-lab-pdf"), "an inner command is shown");
}

#[test]
fn what_cannot_be_done_says_so_in_the_exit_code() {
    let empty = tempfile::tempdir().unwrap();
    let data = empty.path().to_str().unwrap();
    let wrong: &[&[&str]] = &[
        &[],
        &["fly"],
        &["log"],
        &["log", "tail", "--lines", "x"],
        &["serve", "--partitions", "x"],
        &["log", "verify", "--data", data, "--server", "http://127.0.0.1:9"],
    ];
    for arguments in wrong {
        ended(&carelog(arguments), 2);
    }
    let failing: &[&[&str]] = &[
        &["import", data],
        &["import", "/nowhere"],
        &["log", "verify", "--data", data],
        &["serve", "--data", data, "--listen", "0.0.0.0:0"],
        &["serve", "--data", data, "--listen", "nonsense"],
        &["serve", "--data", data, "--partitions", "65"],
        &["--config", "/nowhere.toml", "version"],
    ];
    for arguments in failing {
        let output = carelog(arguments);
        ended(&output, 1);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with("error: ") && said.lines().count() == 1, "{arguments:?}: {said}");
    }
    let unreachable: &[&[&str]] = &[
        &["log", "tail", "--no-follow"],
        &["log", "stats"],
        &["projections", "list"],
        &["sagas", "wait"],
        &["ledger", "check"],
    ];
    for arguments in unreachable {
        let output = carelog(&[*arguments, &NOBODY].concat());
        ended(&output, 1);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("is `carelog serve` running there?"), "{arguments:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_edited_by_hand_is_found_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path()).await;
    let data = folder.path().to_str().unwrap();
    let busy = carelog(&["log", "verify", "--data", data]);
    ended(&busy, 1);
    scene.server.stop();
    let offline = |arguments: &[&str]| carelog(&[arguments, &["--data", data]].concat());
    assert_eq!(lines(&offline(&["log", "verify", "--json"]), 0).len(), 4);
    assert!(ended(&offline(&["projections", "verify", "--deep"]), 0).contains("all agree"));
    {
        let store = SqliteStore::open(folder.path().join("read-models.sqlite")).unwrap();
        let live = Statement::new("SELECT live FROM read_model_layouts WHERE model = $1", vec![key("invoices").into()]);
        let live = store.read(vec![live]).await.unwrap()[0].rows[0][0].text().unwrap().to_owned();
        let edit = format!("UPDATE {}_{live} SET gross = gross + 1", view("invoices"));
        assert_eq!(store.write(vec![Statement::new(edit, vec![])]).await.unwrap(), [1]);
    }
    ended(&offline(&["projections", "verify"]), 0); // Checkpoints know nothing of rows.
    let found = offline(&["projections", "verify", "--deep", "--json"]);
    let found = lines(&found, 3);
    let differing: Vec<&Value> = found.iter().filter(|row| row["agrees"] == json!(false)).collect();
    assert_eq!((differing.len(), &differing[0]["model"]), (1, &json!("invoices")), "{differing:?}");
    let diff = ended(&offline(&["projections", "diff", "invoices", "--json"]), 3);
    assert!(diff.contains("gross"), "{diff}");
    ended(&offline(&["projections", "rebuild", "invoices"]), 0);
    assert!(ended(&offline(&["projections", "verify", "--deep"]), 0).contains("all agree"));
    ended(&offline(&["projections", "diff", "invoices"]), 0);
    let server = Server::start(folder.path(), 4).await;
    let answer = server.query("{ invoices(first: 10) { nodes { totalGross { amount } } } }", json!({})).await;
    assert_eq!(answer["invoices"]["nodes"], json!([{ "totalGross": { "amount": "80.00" } }]));
}
