//! `kill -9` of nodes that own partitions, again and again: another acknowledges soon, nothing is lost or done twice.

use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use crate::stage::{Stage, either};

/// Another node acknowledges within this.
const TAKEOVER_MAX: Duration = Duration::from_secs(10);

/// Kills an owner and measures how long each of its partitions is not written to.
async fn takeovers(stage: &Stage) -> Vec<Duration> {
    tokio::time::sleep(Duration::from_millis(rand::rng().random_range(100..1_000))).await;
    let nodes = stage.cluster.nodes();
    let owners: Vec<_> = nodes.iter().filter(|node| !stage.cluster.owners.owned_by(&node.name).is_empty()).collect();
    let node = (*owners.choose(&mut rand::rng()).expect("somebody owns")).clone();
    let owned = stage.cluster.owners.owned_by(&node.name);
    let killed = Instant::now();
    node.kill();
    let again = stage.written_again(killed, &owned, |base| base != node.base).await;
    node.start();
    node.ready().await;
    again.into_values().collect()
}

/// Kills nodes, whatever they are doing, faster than anything can be taken over.
async fn storm(stage: &Stage, kills: usize) {
    let nodes = stage.cluster.nodes();
    for _ in 0..kills {
        let node = nodes.choose(&mut rand::rng()).expect("a node");
        node.kill();
        node.start();
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(200..1_500))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_owners_are_killed_others_acknowledge_soon_and_nothing_is_lost_or_done_twice() {
    let stage = Stage::set_with("killed", either(0, 1_000_000)).await;
    let mut took = Vec::new();
    for _ in 0..either(6, 25) {
        took.extend(takeovers(&stage).await);
    }
    took.sort();
    let (middle, p99) = (took[took.len() / 2], took[(took.len() * 99).div_ceil(100) - 1]);
    eprintln!("{} takeovers: median {middle:?}, p99 {p99:?}: {took:?}", took.len());
    storm(&stage, either(16, 100)).await;
    stage.end().await;
    assert!(took.len() >= either(5, 20), "too few takeovers to say anything: {}", took.len());
    assert!(p99 <= TAKEOVER_MAX, "p99 of {} takeovers is {p99:?}", took.len());
}
