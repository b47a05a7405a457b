//! `carelog log refill`, as an operator uses it: the topic was lost with all its records, and a node's folder still has them.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::{Command, Output};
use std::time::Duration;

use carelog_tests::practice::{Practice, command};
use carelog_tests::server::{Server, program};
use carelog_tests::servers::chain::{ChainHome, ChainStores};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use serde_json::{Value, json};

const PARTITIONS: u16 = 4;

/// What the home's address says of its log: brokers and topic.
fn log_of(home: &ChainHome) -> (String, String) {
    let environment = home.environment();
    let (_, address) = environment.iter().find(|(name, _)| *name == "CARELOG_EVENT_LOG").unwrap();
    let (brokers, topic) = address.trim_start_matches("kafka://").split_once('/').unwrap();
    (brokers.to_owned(), topic.to_owned())
}

/// Deletes the topic with all that is in it, and waits until the brokers have done so.
async fn lose_the_topic(home: &ChainHome) {
    let (brokers, topic) = log_of(home);
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    admin.delete_topics(&[topic.as_str()], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    let is_there = || {
        let metadata = admin.inner().fetch_metadata(None, Duration::from_secs(5)).unwrap();
        metadata.topics().iter().any(|each| each.name() == topic)
    };
    for _ in 0..100 {
        if !is_there() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the topic is still there");
}

fn refill(home: &ChainHome, data: &std::path::Path) -> Output {
    let mut refill = Command::new(program());
    refill.args(["log", "refill", "--json"]).envs(home.environment());
    refill.env("CARELOG_DATA", data).env("CARELOG_PARTITIONS", PARTITIONS.to_string());
    refill.output().unwrap()
}

/// Events that were there before, and after, of each partition.
fn filled(output: &Output) -> Vec<(u64, u64)> {
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
    let number = |row: &Value, name: &str| row[name].as_u64().unwrap();
    let rows = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (number(&row, "before"), number(&row, "after"))).collect()
}

async fn events(server: &Server) -> Vec<u64> {
    let (_, stats) = server.get("/v1/operations/log/stats").await;
    stats["partitions"].as_array().unwrap().iter().map(|each| each["events"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_lost_is_filled_from_a_nodes_folder_and_all_goes_on() {
    let (stores, folder) = (ChainStores::start_with_log(), tempfile::tempdir().unwrap());
    let (home, data) = (stores.home(None).await, folder.path().join("data"));
    let server = Server::start_with(&data, PARTITIONS, &home.environment()).await;
    let practice = Practice::set_up(&server, "st-anne").await;
    let patient = practice.patient(&server, "p", json!({ "name": { "text": "Pat" } })).await;
    let booked = command(&server, "POST", "/v1/appointments", "a", &[], &practice.booking(&patient, 0)).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    server.settle().await;
    let before = events(&server).await;
    let at_work = refill(&home, &data);
    assert_eq!(at_work.status.code(), Some(1), "the folder is in use");
    server.stop();
    assert_eq!(
        filled(&refill(&home, &data)),
        before.iter().map(|all| (*all, *all)).collect::<Vec<_>>(),
        "all is there"
    );

    lose_the_topic(&home).await;
    assert_eq!(filled(&refill(&home, &data)), before.iter().map(|all| (0, *all)).collect::<Vec<_>>());
    let server = Server::start_with(&data, PARTITIONS, &home.environment()).await;
    let (status, found) = server.get(&format!("/v1/streams/appointment:{}/events", booked.id())).await;
    assert_eq!((status, &found["events"][0]["type"]), (200, &json!("AppointmentBooked")), "{found}");
    let more = command(&server, "POST", "/v1/appointments", "b", &[], &practice.booking(&patient, 1)).await;
    assert_eq!(more.status, 201, "{}", more.body);
    let verified = server.run(&["log", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    server.settle().await;
    server.stop();
    // A folder that is empty by now has it all from the topic.
    std::fs::remove_dir_all(data.join("log")).unwrap();
    let server = Server::start_with(&data, PARTITIONS, &home.environment()).await;
    let after = events(&server).await;
    assert!(
        after.iter().zip(&before).all(|(after, before)| after >= before) && after != before,
        "{before:?} {after:?}"
    );
    server.stop();
}
