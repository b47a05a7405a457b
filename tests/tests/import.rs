//! Importing over the command line: rows that cannot be read or are refused, folders that changed, a server that is not
//! there.

use std::path::{Path, PathBuf};
use std::process::Output;

use carelog_tests::server::Server;
use carelog_tests::year::{days_of_year, write_manifest};
use serde_json::{Value, json};

const PRACTITIONER: &str = "cardiology";

/// Three days of a real year, and a server to import them into.
struct Scene {
    server: Server,
    work: tempfile::TempDir,
}

impl Scene {
    async fn open() -> Scene {
        let work = tempfile::tempdir().expect("a folder");
        days_of_year(&work.path().join("year"), PRACTITIONER, ["2024-11-27", "2024-11-29"]);
        Scene { server: Server::start(&work.path().join("data"), 1).await, work }
    }

    fn folder(&self) -> PathBuf {
        self.work.path().join("year")
    }

    /// Changes a table as a hand would, with or without its hash in the manifest.
    fn edit(&self, table: &str, with_hash: bool, edit: impl FnOnce(String) -> String) {
        let path = self.folder().join(PRACTITIONER).join(table);
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, edit(text)).expect("changed");
        if with_hash {
            write_manifest(&self.folder(), PRACTITIONER);
        }
    }

    fn import(&self, more: &[&str]) -> Output {
        let folder = self.folder();
        self.server.run(&[&["import", folder.to_str().expect("a path"), "--json"], more].concat())
    }

    async fn events(&self) -> Value {
        self.server.settle().await;
        self.server.get("/v1/operations/log/stats").await.1["partitions"][0]["events"].clone()
    }
}

fn error_of(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn report_of(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("json")
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the report");
    text.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_wrong_are_told_by_file_line_and_code_and_the_rest_goes_on() {
    let scene = Scene::open().await;
    let mut broken = 0;
    scene.edit("patients.csv", true, |text| {
        broken = text.lines().count() + 1;
        format!("{}\nhalf a row\n", text.trim_end())
    });
    let mut appointments = 0;
    let mut nobody = 0;
    scene.edit("appointments.csv", true, |text| {
        appointments = text.lines().count() - 1;
        nobody = text.lines().count() + 1;
        let header: Vec<&str> = text.lines().next().expect("a header").split(',').collect();
        let patient = header.iter().position(|name| *name == "patient_id").expect("a column");
        let id = header.iter().position(|name| *name == "appointment_id").expect("a column");
        let mut last: Vec<&str> = text.trim_end().lines().last().expect("a row").split(',').collect();
        (last[patient], last[id]) = ("nobody", "ffffff");
        format!("{}\n{}\n", text.trim_end(), last.join(","))
    });
    let refused = scene.work.path().join("refused.ndjson");
    let report = report_of(&scene.import(&["--report", refused.to_str().expect("a path")]), 3);
    assert_eq!(report["refusedRows"], json!(2), "{report}");
    let told: Vec<(String, Value)> =
        lines(&refused).iter().map(|row| (row["file"].to_string(), row["line"].clone())).collect();
    let file = |name: &str| format!("\"{PRACTITIONER}/{name}\"");
    assert!(told.contains(&(file("patients.csv"), json!(broken))), "{told:?}");
    assert!(told.contains(&(file("appointments.csv"), json!(nobody))), "{told:?}");
    scene.server.settle().await;
    let count = scene.server.query("{ appointments { totalCount } }", json!({})).await;
    assert_eq!(count["appointments"]["totalCount"], json!(appointments), "the rest went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_changed_is_refused_with_and_without_its_hashes() {
    let scene = Scene::open().await;
    let change = |text: String| text.replacen("Female", "Male", 1);
    let report = report_of(&scene.import(&[]), 0);
    assert_eq!(report["refusedRows"], json!(0), "{report}");
    let before = scene.events().await;
    scene.edit("patients.csv", false, change);
    let error = error_of(&scene.import(&[]));
    assert!(error.contains("has changed since clinic.toml was written"), "{error}");
    scene.edit("patients.csv", true, change);
    let error = error_of(&scene.import(&[]));
    assert!(error.contains("was imported before with other files"), "{error}");
    assert_eq!(scene.events().await, before, "a folder that changed wrote something");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_reaches_no_server_says_so() {
    let scene = Scene::open().await;
    let plan = report_of(&scene.import(&["--dry-run"]), 0);
    assert!(plan["steps"].as_u64().is_some_and(|steps| steps > 100), "{plan}");
    let before = scene.events().await;
    assert_eq!(before, json!(0), "a dry run wrote something");
    let folder = scene.folder();
    scene.server.stop();
    let mut import = std::process::Command::new(carelog_tests::server::program());
    import.args(["import", folder.to_str().expect("a path"), "--server", "http://127.0.0.1:9"]);
    let error = error_of(&import.output().expect("run"));
    assert!(error.contains("is `carelog serve` running there?"), "{error}");
}
