//! Nodes that are restarted one after the other, with the same program or another version of it, added, and taken away in
//! order: clients notice nothing.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_schemas::faults::OTHER_LAYOUTS;
use carelog_tests::cluster::Node;
use carelog_tests::history::Answer;
use carelog_tests::server::program;
use serde_json::Value;

use crate::stage::Stage;

/// How long a balancer lets requests end that are under way at a node that it sends no more to.
const DRAIN: Duration = Duration::from_secs(1);

async fn stop(node: &Arc<Node>) {
    let stopping = node.clone();
    tokio::task::spawn_blocking(move || stopping.stop()).await.expect("stopped");
}

/// How long clients of an upgrade rest after whatever they did: charts, which DynamoDB Local takes slowly, keep up.
const REST: Duration = Duration::from_millis(300);

/// Restarts all nodes, one after the other, as one with a balancer does it, perhaps with the program whose read models have
/// these layouts; no request may fail meanwhile.
async fn restart_all(stage: &Stage, other_layouts: Option<&str>) {
    let begun = Instant::now();
    for node in stage.cluster.nodes() {
        stage.targets.remove(&node.base);
        tokio::time::sleep(DRAIN).await;
        stop(&node).await;
        if let Some(models) = other_layouts {
            node.set(OTHER_LAYOUTS, models);
        }
        node.start();
        if other_layouts.is_some() {
            node.ready_for_queries().await
        } else {
            node.ready().await
        }
        stage.targets.add(&node.base);
        tokio::time::sleep(DRAIN).await;
    }
    let meanwhile = stage.between(begun, Instant::now());
    let is_filling =
        |answer: &Answer| matches!(answer, Answer::Refused { code, .. } if code.contains("read-model-filling"));
    let failed: Vec<_> =
        meanwhile.iter().filter(|attempt| attempt.is_unknown() || is_filling(&attempt.answer)).collect();
    eprintln!("{} requests while all nodes were restarted, {} failed", meanwhile.len(), failed.len());
    let shown: Vec<String> = failed.iter().take(5).map(|each| format!("{each:?}")).collect();
    let (shown, why) = (shown.join("\n"), stage.cluster.failures());
    assert!(failed.is_empty(), "{} of {} requests failed: {shown}\n{why}", failed.len(), meanwhile.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_are_restarted_one_after_the_other_and_no_request_fails() {
    let stage = Stage::set("rolling").await;
    restart_all(&stage, None).await;
    stage.end().await;
}

/// What `carelog projections prune` names, or removes.
fn pruned(node: &Node, more: &[&str]) -> BTreeSet<String> {
    let all = [&["projections", "prune", "--json", "--server", &node.base], more].concat();
    let output = Command::new(program()).args(all).output().expect("run");
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
    let model =
        |line: &str| serde_json::from_str::<Value>(line).expect("json")["model"].as_str().expect("a name").to_owned();
    out.lines().map(model).collect()
}

/// Names without their layouts.
fn models(keys: &BTreeSet<String>) -> Vec<&str> {
    keys.iter().map(|key| key.split('@').next().expect("a name")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_to_other_layouts_and_back_fails_no_request_and_leaves_nothing_once_it_is_pruned() {
    let stage = Stage::set_apart("upgraded", REST).await;
    let nodes = stage.cluster.nodes();
    restart_all(&stage, Some("appointments,chart")).await;
    let old = pruned(&nodes[1], &[]);
    assert_eq!(models(&old), ["appointments", "chart"]);
    // Back, on what the version before left: nobody kept it up meanwhile.
    restart_all(&stage, Some("")).await;
    let new = pruned(&nodes[1], &[]);
    assert_eq!((models(&new), old.is_disjoint(&new)), (vec!["appointments", "chart"], true), "{old:?}");
    assert_eq!(pruned(&nodes[0], &["--yes"]), new);
    assert_eq!(pruned(&nodes[2], &[]), BTreeSet::new());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_added_takes_its_share_and_is_taken_away() {
    let stage = Stage::set("added").await;
    let number = stage.cluster.nodes().len();
    let added = stage.cluster.add(number).await;
    stage.targets.add(&added.base);
    let begun = Instant::now();
    let owned = loop {
        let owned = stage.cluster.owners.owned_by(&added.name);
        if !owned.is_empty() {
            break owned;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{} owns nothing\n{}", added.name, stage.cluster.logs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let took = stage.written_again(Instant::now(), &owned, |_| true).await;
    eprintln!("{} owns {owned:?}, written to again after {took:?}", added.name);
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.targets.remove(&added.base);
    tokio::time::sleep(DRAIN).await;
    let leaving = Instant::now();
    stop(&added).await;
    let took = stage.written_again(leaving, &owned, |_| true).await;
    eprintln!("{} is gone, {owned:?} written to again after {took:?}", added.name);
    stage.cluster.take_away(&added);
    stage.end().await;
}
