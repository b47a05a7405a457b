//! The cluster of the tests, to try by hand and to measure: three brokers, PostgreSQL, DynamoDB Local, an S3 gateway and nodes
//! on loopback, until it is told to stop. `make cluster` runs it; what it keeps goes with it. Settings: NODES (3), PORT of the
//! first (8081; 0 for free ones), ROLES of each node with `;` between them (none means all), FOLDER (target/cluster), where
//! `look` and `cluster.json` say what runs.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use carelog_tests::cluster::{Cluster, Plan};
use carelog_tests::server::root;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

/// How long the nodes may take to share the partitions among them before it is said who owns which.
const SHARED_MAX: Duration = Duration::from_secs(15);

/// The first node's port.
const FIRST_PORT: u16 = 8081;

#[tokio::main]
async fn main() {
    let setting = |name: &str| std::env::var(name).ok();
    let first_port = setting("PORT").map_or(FIRST_PORT, |port| port.parse().expect("PORT is a number"));
    let folder = setting("FOLDER").map_or_else(|| root().join("target/cluster"), PathBuf::from);
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can always be listened for on Unix");
    let data = folder.join("data");
    // Of the last time: its stores are gone, so the nodes' own copies are of no use.
    if data.exists() {
        fs::remove_dir_all(&data).expect("the folder is ours");
    }
    let first_port = Some(first_port).filter(|port| *port != 0);
    let mut plan = Plan { folder: Some(data), first_port, direct: true, ..Plan::default() };
    if let Some(roles) = setting("ROLES") {
        plan.roles = roles.split(';').map(str::to_owned).collect();
    }
    let deciding: Vec<bool> = plan.roles.iter().map(|roles| roles.is_empty() || roles.contains("commands")).collect();
    let nodes = setting("NODES").map_or(plan.nodes, |nodes| nodes.parse().expect("NODES is a number"));
    let cluster = Cluster::start(Plan { nodes, nodes_max: nodes.max(plan.nodes_max), ..plan }).await;
    shared(&cluster, &deciding).await;
    fs::write(folder.join("cluster.json.part"), described(&cluster).to_string()).expect("written");
    fs::rename(folder.join("cluster.json.part"), folder.join("cluster.json")).expect("renamed");
    fs::write(folder.join("look"), look(&cluster)).expect("written");
    // One that looks on would be a reader of every record, in what is measured as well.
    cluster.owners.stop();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    for node in cluster.nodes() {
        node.stop();
    }
}

/// Waits until every node that decides commands owns a partition, if there are enough; who is told without it is told what is
/// so just then.
async fn shared(cluster: &Cluster, deciding: &[bool]) {
    let begun = Instant::now();
    let idle = || {
        let nodes = cluster.nodes();
        let deciding = nodes.iter().enumerate().filter(|(number, _)| deciding.get(*number) != Some(&false));
        deciding.into_iter().any(|(_, node)| cluster.owners.owned_by(&node.name).is_empty())
    };
    while idle() && begun.elapsed() < SHARED_MAX {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// For programs.
fn described(cluster: &Cluster) -> Value {
    let nodes: Vec<String> = cluster.nodes().iter().map(|node| node.base.clone()).collect();
    let processes: Vec<u32> = cluster.nodes().iter().map(|node| node.id()).collect();
    let brokers = cluster.kafka.lock().expect("not poisoned").bootstrap();
    json!({ "nodes": nodes, "processes": processes, "brokers": brokers, "database": cluster.database_url() })
}

/// For people.
fn look(cluster: &Cluster) -> String {
    let mut text = String::from("Carelog runs as a cluster. Any node takes anything:\n\n");
    for node in cluster.nodes() {
        let owned: Vec<String> = cluster.owners.owned_by(&node.name).iter().map(u16::to_string).collect();
        let owned = match owned.as_slice() {
            [] => "owns no partition now".to_owned(),
            owned => format!("owns partition {}", owned.join(", ")),
        };
        text += &format!("  {}   {}/   process {}, {owned}\n", node.name, node.base, node.id());
    }
    let first = &cluster.nodes()[0].base;
    text += &format!(
        "\n  GraphQL       {first}/graphql\n  REST          {first}/swagger-ui\n  brokers       {}\n  PostgreSQL    {}\n\n\
         A clinic's year:   carelog import YEAR --server {first}\n\
         A takeover:        kill -9 one of the processes, and look on at another\n\
         The end:           make cluster-stop; everything is kept below temporary folders and goes with it\n",
        cluster.kafka.lock().expect("not poisoned").bootstrap(),
        cluster.database_url(),
    );
    text
}
