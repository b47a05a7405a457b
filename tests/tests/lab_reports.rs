//! Lab reports through the program itself: a file handed in for a registered patient reaches the chart without anyone
//! asking, or a person when something disagrees, or says why it could not be read. Nothing of it is readable on disk.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "lab_reports/people.rs"]
mod people;
#[path = "lab_reports/refusals.rs"]
mod refusals;
#[path = "lab_reports/secrecy.rs"]
mod secrecy;

use std::path::PathBuf;

use carelog_tests::practice::{Answer, Practice, command, hand_in, send};
use carelog_tests::server::{Server, root};
use serde_json::{Value, json};

const PRODUCERS: [&str; 3] = ["reportlab", "libreoffice", "chromium"];

/// A server with a practice that reports are handed in at.
struct Desk {
    server: Server,
    practice: Practice,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn open() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), 4).await;
        let practice = Practice::set_up(&server, "lab").await;
        Desk { server, practice, folder }
    }

    /// Registers whom a report's header names, with what more is said.
    async fn patient_of(&self, key: &str, truth: &Value, more: &[(&str, &str)]) -> String {
        let printed = &truth["header"];
        let mut header = json!({ "name": printed["name"], "birthDate": printed["birthDate"],
            "identifier": printed["identifier"], "sex": printed["sex"] });
        more.iter().for_each(|(field, value)| header[*field] = json!(value));
        let person = json!({ "name": { "text": header["name"] }, "birthDate": header["birthDate"],
            "gender": header["sex"], "identifiers": [
                { "system": format!("urn:test:{key}"), "kind": "MR", "value": header["identifier"] }] });
        self.practice.patient(&self.server, key, person).await
    }

    /// Hands a file in and waits until everything that follows is done.
    async fn hand_in(&self, key: &str, patient: &str, file: &[u8]) -> Answer {
        self.hand_in_at(&self.practice.hospital, key, patient, file).await
    }

    async fn hand_in_at(&self, hospital: &str, key: &str, patient: &str, file: &[u8]) -> Answer {
        let settled = [("carelog-wait", "settled; timeout=60")];
        hand_in(&self.server, hospital, patient, key, &settled, file).await
    }

    /// The reports of a patient's chart, once it has everything.
    async fn reports(&self, patient: &str) -> Vec<Value> {
        self.server.settle().await;
        let chart = self.server.query(CHART, json!({ "patient": patient })).await;
        chart["chart"]["reports"].as_array().unwrap_or_else(|| panic!("no chart: {chart}")).clone()
    }

    /// The only report of a patient's chart.
    async fn report(&self, patient: &str) -> Value {
        let mut reports = self.reports(patient).await;
        assert_eq!(reports.len(), 1, "{reports:#?}");
        reports.remove(0)
    }

    /// Ids of the critical values that wait for someone.
    async fn critical(&self, patient: &str) -> Vec<String> {
        self.server.settle().await;
        let query =
            "query($patient: ID!) { criticalResults(filter: { patient: $patient }, first: 100) { nodes { id open } } }";
        let found = self.server.query(query, json!({ "patient": patient })).await;
        let nodes = found["criticalResults"]["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
    }

    /// A command about a report, by its last word.
    async fn on(&self, report: &str, what: &str, key: &str, more: &[(&str, &str)], body: Value) -> Answer {
        let path = format!("/v1/lab-reports/{report}/{what}");
        command(&self.server, "POST", &path, key, more, &body).await
    }
}

const CHART: &str = "query($patient: ID!) { chart(patient: $patient) { reports {
    id status fileStatus failure reviewReasons reachesChart collected laboratory unparsed version finalisedAt
    observations { id number name loinc printed decimal comparator unit ucum range rangeLow rangeHigh printedFlag
      computedFlag status machineRead earlier openTask acknowledgedBy valueSeen } } } }";

fn fixture(producer: &str, name: &str) -> PathBuf {
    root().join("tests/fixtures/lab").join(producer).join(name)
}

fn pdf(producer: &str, name: &str) -> Vec<u8> {
    std::fs::read(fixture(producer, &format!("{name}.pdf"))).unwrap()
}

fn truth(producer: &str, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(producer, &format!("{name}.json"))).unwrap()).unwrap()
}

/// Names of a producer's reports.
fn reports_of(producer: &str) -> Vec<String> {
    let files = std::fs::read_dir(root().join("tests/fixtures/lab").join(producer)).unwrap();
    let mut names: Vec<String> =
        files.filter_map(|file| Some(file.unwrap().file_name().to_str()?.strip_suffix(".pdf")?.to_owned())).collect();
    names.sort();
    assert!(names.len() >= 8, "only {names:?} of {producer}");
    names
}

/// An observation of the chart in the words of the truth.
fn as_row(value: &Value) -> Value {
    json!({ "name": value["name"], "printed": value["printed"], "decimal": value["decimal"],
        "comparator": value["comparator"], "unit": value["unit"], "ucum": value["ucum"], "flag": value["printedFlag"],
        "loinc": value["loinc"], "earlier": value["earlier"], "range": value["range"],
        "low": value["rangeLow"], "high": value["rangeHigh"] })
}

/// The same of a row of the truth; whom a range is for is not in the chart.
fn as_told(row: &Value) -> Value {
    let fields = ["name", "printed", "decimal", "comparator", "unit", "ucum", "flag", "loinc", "earlier"];
    let mut told: Value = fields.iter().map(|field| ((*field).to_owned(), row[*field].clone())).collect();
    for (field, of) in [("low", "low"), ("high", "high"), ("range", "text")] {
        told[field] = row["range"][of].clone();
    }
    told
}

/// True when the printed flag is not the one the range gives; a critical one is more than the range can say.
fn flags_disagree(value: &Value) -> bool {
    let side = |flag: &Value| flag.as_str().map(|flag| flag.chars().next().unwrap());
    let (printed, computed) = (side(&value["printedFlag"]), side(&value["computedFlag"]));
    matches!((printed, computed), (Some(printed), Some(computed)) if printed != computed && printed != 'A')
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_three_producers_reach_the_chart_as_printed() {
    let desk = Desk::open().await;
    for producer in PRODUCERS {
        let (mut rows, mut right) = (0, 0);
        for name in reports_of(producer) {
            let (truth, key) = (truth(producer, &name), format!("{producer}/{name}"));
            let patient = desk.patient_of(&key, &truth, &[]).await;
            let handed_in = desk.hand_in(&key, &patient, &pdf(producer, &name)).await;
            assert_eq!((handed_in.status, &handed_in.body["settled"]), (201, &json!(true)), "{}", handed_in.body);
            let mut report = desk.report(&patient).await;
            assert_eq!(report["id"], handed_in.body["id"]);
            if report["fileStatus"] == "NEEDS_REVIEW" {
                // The flag printed is not the one its range gives: a person says that this is so.
                assert_eq!(report["reviewReasons"], json!(["FLAGS_DISAGREE"]), "{key}");
                assert_eq!(report["observations"], json!([]), "{key}: shown before the review");
                let accept = json!({ "accepted": true, "reason": "as printed" });
                assert_eq!(desk.on(&handed_in.id(), "review", &key, &[], accept).await.status, 200);
                report = desk.report(&patient).await;
                let values = report["observations"].as_array().unwrap();
                assert!(values.iter().any(flags_disagree), "{key} waited for a review without need: {values:#?}");
            }
            assert_eq!((&report["fileStatus"], &report["reachesChart"]), (&json!("EXTRACTED"), &json!(true)), "{key}");
            assert_eq!(report["collected"], truth["header"]["collected"], "{key}");
            assert_eq!(report["laboratory"], truth["header"]["laboratory"], "{key}");
            assert_ne!(report["status"], "FINAL", "{key}: no machine makes a report final");
            let values = report["observations"].as_array().unwrap();
            let told = truth["rows"].as_array().unwrap();
            rows += told.len();
            for value in values {
                assert_eq!(value["machineRead"], json!(true), "{key}");
                assert!(["REGISTERED", "PRELIMINARY"].contains(&value["status"].as_str().unwrap()), "{key} {value}");
                let same_name = told.iter().filter(|row| row["name"] == value["name"]);
                let printed = |row: &&Value| row["printed"] == value["printed"] || value["printed"].is_null();
                let found = same_name.clone().find(printed);
                let found = found.unwrap_or_else(|| panic!("{key}: {value} is not in the report"));
                right += usize::from(as_row(value) == as_told(found));
            }
        }
        assert!(right * 100 >= rows * 99, "{producer}: only {right} of {rows} rows are whole and right in the chart");
        println!("{producer}: {right} of {rows} rows in charts");
    }
}
