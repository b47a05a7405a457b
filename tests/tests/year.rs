//! The real year, end to end: made by a generator nobody here wrote, imported through the commands, asked over GraphQL,
//! and compared with a script that reads only the generator's files. No number of it stands here.

use std::path::Path;
use std::process::Command;

use carelog_tests::server::Server;
use carelog_tests::year::{import, oracle, part_of_year};
use serde_json::{Value, json};

fn hospital_of(report: &Value) -> String {
    report["hospital"].as_str().expect("the hospital's id").to_owned()
}

/// Sums a list of groups by key.
fn groups(counts: &Value) -> Value {
    let each = counts.as_array().expect("groups").iter();
    each.map(|group| (group["key"].as_str().unwrap_or("none").to_owned(), group["count"].clone())).collect()
}

/// Every answer that the oracle speaks of, for the whole hospital and for each practitioner.
async fn answers(server: &Server, hospital: &str, expected: &Value) -> Value {
    let practitioners = server
        .query(
            "query($hospital: ID!) { practitioners(filter: { hospital: $hospital }, first: 100) { nodes { id name } } }",
            json!({ "hospital": hospital }),
        )
        .await;
    let mut each = Vec::new();
    for oracle in expected["practitioners"].as_array().expect("practitioners") {
        let found = practitioners["practitioners"]["nodes"].as_array().expect("nodes").iter();
        let id = found.clone().find(|node| node["name"] == oracle["name"]).expect("the practitioner")["id"].clone();
        let from = format!("{}T00:00:00Z", oracle["firstDate"].as_str().expect("a date"));
        let to = format!("{}T23:59:59Z", oracle["lastDate"].as_str().expect("a date"));
        let answer = server
            .query(
                "query($hospital: ID!, $practitioner: ID!, $from: DateTime!, $to: DateTime!) {
                   byStatus: appointmentCounts(filter: { practitioner: $practitioner }, by: STATUS) { key count }
                   slots: availability(from: $from, to: $to, hospital: $hospital, practitioner: $practitioner, all: true) { totalCount }
                   free: availability(from: $from, to: $to, hospital: $hospital, practitioner: $practitioner) { totalCount }
                 }",
                json!({ "hospital": hospital, "practitioner": id, "from": from, "to": to }),
            )
            .await;
        each.push(json!({
            "name": oracle["name"], "byStatus": groups(&answer["byStatus"]),
            "slots": answer["slots"]["totalCount"], "free": answer["free"]["totalCount"],
        }));
    }
    let whole = server
        .query(
            "query($hospital: ID!) {
               patients(filter: { hospital: $hospital }) { totalCount }
               issued: invoices(filter: { hospital: $hospital, kinds: [VISIT], statuses: [ISSUED, BALANCED] }) { totalCount }
               drafts: invoices(filter: { hospital: $hospital, kinds: [VISIT], statuses: [DRAFT] }) { totalCount }
               cancelled: invoices(filter: { hospital: $hospital, kinds: [VISIT], statuses: [CANCELLED] }) { totalCount }
               fees: invoices(filter: { hospital: $hospital, kinds: [NO_SHOW_FEE, LATE_CANCEL_FEE] }) { totalCount }
               firstIssued: invoices(filter: { hospital: $hospital, statuses: [ISSUED] }, first: 100) {
                 nodes { sequence issueDate series totalGross { amount currency } balance { amount } }
               }
               ledgerBalances(hospital: $hospital) { account balance { amount currency } postings }
               byStatus: appointmentCounts(filter: { hospital: $hospital }, by: STATUS) { key count }
             }",
            json!({ "hospital": hospital }),
        )
        .await;
    json!({ "practitioners": each, "whole": whole })
}

/// Every equality of an imported year.
fn check(answers: &Value, expected: &Value) {
    for (found, oracle) in answers["practitioners"]
        .as_array()
        .expect("found")
        .iter()
        .zip(expected["practitioners"].as_array().expect("expected"))
    {
        let status = |name: &str| found["byStatus"].get(name).cloned().unwrap_or(json!(0));
        assert_eq!(status("FULFILLED"), oracle["fulfilled"], "{found}");
        assert_eq!(status("CANCELLED"), oracle["cancelled"], "{found}");
        assert_eq!(status("NOSHOW"), oracle["noshow"], "{found}");
        assert_eq!(status("BOOKED"), oracle["booked"], "{found}");
        assert_eq!(found["slots"], oracle["slots"], "{found}");
        assert_eq!(found["free"], oracle["unoccupiedSlots"], "{found}");
    }
    let (whole, total) = (&answers["whole"], &expected["total"]);
    assert_eq!(whole["patients"]["totalCount"], total["patients"]);
    assert_eq!(whole["issued"]["totalCount"], total["invoicesIssued"]);
    assert_eq!(whole["drafts"]["totalCount"], total["drafts"]);
    assert_eq!(whole["cancelled"]["totalCount"], total["draftsCancelled"]);
    assert_eq!(whole["fees"]["totalCount"], total["feeInvoices"]);
    let receivable = whole["ledgerBalances"].as_array().expect("balances").iter();
    let receivable = receivable.clone().find(|each| each["account"] == "assets:receivable").expect("receivable");
    assert_eq!(receivable["balance"]["amount"], total["sumIssued"], "{receivable}");
}

/// Every number from 1 without a gap, and dates that never go back, over every page of invoices.
async fn check_numbers(server: &Server, hospital: &str, expected: &Value) {
    let mut numbers = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = server
            .query(
                "query($hospital: ID!, $after: String) {
                   invoices(filter: { hospital: $hospital, statuses: [ISSUED, BALANCED] }, first: 100, after: $after) {
                     nodes { sequence series issueDate } pageInfo { hasNextPage endCursor }
                   } }",
                json!({ "hospital": hospital, "after": after }),
            )
            .await;
        for node in page["invoices"]["nodes"].as_array().expect("nodes") {
            let text = |name: &str| node[name].as_str().expect("a text").to_owned();
            let year = text("issueDate")[..4].to_owned();
            numbers.push((text("series"), year, node["sequence"].as_u64().expect("a number"), text("issueDate")));
        }
        if page["invoices"]["pageInfo"]["hasNextPage"] != json!(true) {
            break;
        }
        after = page["invoices"]["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(json!(numbers.len()), expected["total"]["invoicesIssued"]);
    numbers.sort();
    let mut before: Option<(String, String, u64, String)> = None;
    for each in numbers {
        let next_in_series = before.as_ref().filter(|before| (&before.0, &before.1) == (&each.0, &each.1));
        match next_in_series {
            Some(before) => {
                assert_eq!(each.2, before.2 + 1, "a gap or a repeat in {} {}", each.0, each.1);
                assert!(each.3 >= before.3, "{} is dated before {}", each.2, before.2);
            }
            None => assert_eq!(each.2, 1, "the series {} {} does not begin with 1", each.0, each.1),
        }
        before = Some(each);
    }
}

fn succeeds(server: &Server, arguments: &[&str]) -> String {
    let output = server.run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The exported journal, added up by hledger: what is receivable, and that the whole balances.
fn hledger_receivable(journal: &str, folder: &Path) -> String {
    let path = folder.join("ledger.journal");
    std::fs::write(&path, journal).expect("written");
    let run = |arguments: &[&str]| {
        let output = Command::new("hledger").arg("-f").arg(&path).args(arguments).output().expect("hledger");
        assert!(output.status.success(), "hledger {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    run(&["check"]);
    let total = run(&["balance", "--depth", "1"]);
    assert!(total.trim_end().ends_with('0'), "debits and credits differ:\n{total}");
    let receivable = run(&["balance", "assets:receivable", "--depth", "2", "--no-total"]);
    receivable.split_whitespace().next().expect("an amount").replace(',', "")
}

/// The charts of some patients, whole: they are read from documents, everything else from tables.
async fn charts(server: &Server, hospital: &str) -> Vec<Value> {
    let query = "query($at: ID!) { patients(filter: { hospital: $at }, first: 20) { nodes { id } } }";
    let found = server.query(query, json!({ "at": hospital })).await;
    let mut charts = vec![];
    for patient in found["patients"]["nodes"].as_array().expect("patients") {
        let query = "query($patient: ID!) { chart(patient: $patient) { profile { name birthDate identifiers { value } }
            appointments { id status start end reason } invoices { id number status totalGross { amount } } } }";
        let chart = server.query(query, json!({ "patient": patient["id"] })).await["chart"].clone();
        assert!(!chart["profile"]["name"].is_null() && chart["appointments"][0].is_object(), "{chart}");
        charts.push(chart);
    }
    assert_eq!(charts.len(), 20);
    charts
}

async fn the_year(partitions: u16, only: &[&str]) {
    let work = tempfile::tempdir().expect("a folder");
    let folder = work.path().join("year");
    std::fs::create_dir(&folder).expect("made");
    part_of_year(&folder, only);
    let expected = oracle(&folder);
    let data = work.path().join("data");

    let server = Server::start(&data, partitions).await;
    let report = import(&server, &folder);
    assert_eq!(report["refusedRows"], json!(0), "{report}");
    let hospital = hospital_of(&report);
    server.settle().await;
    let first = answers(&server, &hospital, &expected).await;
    check(&first, &expected);
    check_numbers(&server, &hospital, &expected).await;
    succeeds(&server, &["log", "verify"]);
    succeeds(&server, &["projections", "verify", "--deep"]);
    succeeds(&server, &["ledger", "check"]);
    let journal = succeeds(&server, &["ledger", "export"]);
    assert_eq!(hledger_receivable(&journal, work.path()), expected["total"]["sumIssued"].as_str().expect("a sum"));

    // An imported schedule's next days are opened by an alarm that rings once the import is over.
    let begun = std::time::Instant::now();
    loop {
        let rung = server.get("/v1/events?type=AlarmRang&limit=100").await.1["events"].as_array().map_or(0, Vec::len);
        if rung >= only.len() {
            break;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(120), "only {rung} alarms rang");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    server.settle().await;

    // Sent again, whole: everything is answered from memory and nothing changes.
    let events = server.get("/v1/operations/log/stats").await.1;
    let again = import(&server, &folder);
    assert_eq!(again["doneBefore"], again["commands"], "{again}");
    assert_eq!(server.get("/v1/operations/log/stats").await.1, events, "a repeated import wrote something");
    let before = charts(&server, &hospital).await;
    server.stop();

    // Everything that is derived is deleted: the same answers come out of the log.
    let derived = ["documents", "read-models.sqlite", "read-models.sqlite-wal", "read-models.sqlite-shm", "log/index"];
    for name in derived {
        let path = data.join(name);
        if path.is_dir() {
            std::fs::remove_dir_all(path).expect("deleted");
        } else if path.exists() {
            std::fs::remove_file(path).expect("deleted");
        }
    }
    let server = Server::start(&data, partitions).await;
    server.settle().await;
    assert_eq!(answers(&server, &hospital, &expected).await, first);
    assert_eq!(charts(&server, &hospital).await, before);
    assert_eq!(server.get("/v1/operations/log/stats").await.1, events, "what was derived anew wrote something");
    succeeds(&server, &["projections", "verify", "--deep"]);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_equality_of_three_practitioners_years_holds_on_one_partition() {
    the_year(1, &["cardiology", "dermatology", "general-practice"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_equality_of_a_practitioners_year_holds_on_four_partitions() {
    the_year(4, &["dermatology"]).await;
}
