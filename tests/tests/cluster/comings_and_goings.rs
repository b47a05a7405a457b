//! Nodes that are restarted one after the other, added, and taken away in order: clients notice nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_tests::cluster::Node;

use crate::stage::Stage;

/// How long a balancer lets requests end that are under way at a node that it sends no more to.
const DRAIN: Duration = Duration::from_secs(1);

async fn stop(node: &Arc<Node>) {
    let stopping = node.clone();
    tokio::task::spawn_blocking(move || stopping.stop()).await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_are_restarted_one_after_the_other_and_no_request_fails() {
    let stage = Stage::set("rolling").await;
    let begun = Instant::now();
    for node in stage.cluster.nodes() {
        stage.targets.remove(&node.base);
        tokio::time::sleep(DRAIN).await;
        stop(&node).await;
        node.start();
        node.ready().await;
        stage.targets.add(&node.base);
        tokio::time::sleep(DRAIN).await;
    }
    let meanwhile = stage.between(begun, Instant::now());
    let failed: Vec<_> = meanwhile.iter().filter(|attempt| attempt.is_unknown()).collect();
    eprintln!("{} requests while all nodes were restarted, {} failed", meanwhile.len(), failed.len());
    let shown: Vec<String> = failed.iter().take(5).map(|each| format!("{each:?}")).collect();
    let (shown, why) = (shown.join("\n"), stage.cluster.failures());
    assert!(failed.is_empty(), "{} of {} requests failed: {shown}\n{why}", failed.len(), meanwhile.len());
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
