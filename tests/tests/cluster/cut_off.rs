//! Nodes that do not know that they are no longer owners: cut off from everything, or stopped for longer than their session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_tests::cluster::Node;
use carelog_tests::cluster::line::Way;

use crate::stage::{Stage, either};

/// How long a node stays away: longer than its session in the group.
fn away() -> Duration {
    Duration::from_secs(either(15, 45))
}

/// A node that owns something, and what.
fn owner(stage: &Stage) -> (Arc<Node>, Vec<u16>) {
    let node = stage.cluster.owner(0).expect("partition 0 has an owner");
    let owned = stage.cluster.owners.owned_by(&node.name);
    (node, owned)
}

/// Nothing that was asked of it while it was away was acknowledged by it, for what it used to own.
fn assert_silent(stage: &Stage, node: &Node, owned: &[u16], [from, to]: [Instant; 2]) {
    let asked = stage.between(from, to);
    let at_node: Vec<_> = asked.iter().filter(|attempt| attempt.node == node.base).collect();
    let acknowledged = at_node
        .iter()
        .find(|each| each.done().is_some_and(|done| done.token.iter().any(|(partition, _)| owned.contains(partition))));
    assert!(acknowledged.is_none(), "{} acknowledged while it was away: {acknowledged:?}", node.name);
}

async fn away_and_back(stage: &Stage, leave: impl Fn(&Node), come_back: impl Fn(&Node)) {
    for _ in 0..either(1, 3) {
        let (node, owned) = owner(stage);
        let left = Instant::now();
        leave(&node);
        let took = stage.written_again(left, &owned, |base| base != node.base).await;
        eprintln!("{} away with {owned:?}; written to again after {took:?}", node.name);
        tokio::time::sleep(away().saturating_sub(left.elapsed())).await;
        let back = Instant::now();
        come_back(&node);
        assert_silent(stage, &node, &owned, [left, back]);
        // What clients had sent it meanwhile is handled now, if it has not hung up; then it is a node like the others.
        node.ready().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(stage.asked(&node.base, left, back) > 0, "nobody asked {} while it was away", node.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_acknowledges_nothing_and_answers_nothing_from_the_past() {
    let stage = Stage::set("cut off").await;
    away_and_back(&stage, |node| node.lines(Way::Held), |node| node.lines(Way::Open)).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_from_kafka_alone_writes_nothing_more_to_the_stores_that_it_still_reaches() {
    let stage = Stage::set("cut off from Kafka").await;
    away_and_back(&stage, |node| node.lines_to_kafka(Way::Held), |node| node.lines_to_kafka(Way::Open)).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_stopped_beyond_its_session_and_goes_on_does_no_harm() {
    let stage = Stage::set("stopped").await;
    away_and_back(&stage, Node::freeze, Node::go_on).await;
    stage.end().await;
}
