//! `kill -9` of nodes that own partitions, again and again: another acknowledges soon, nothing is lost or done twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_tests::cluster::Node;
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use crate::stage::{Stage, either, long};

/// Another node acknowledges within this.
const TAKEOVER_MAX: Duration = Duration::from_secs(10);

/// The partition that has a long past in the long form.
const OLDEST: u16 = 0;

/// For so long nobody took anything over: a partition that is on its way from one to another when it is killed is not a takeover.
const QUIET: Duration = Duration::from_secs(3);

async fn until_quiet(stage: &Stage) {
    let owners = &stage.cluster.owners;
    let since = || (0..stage.cluster.partitions()).filter_map(|number| owners.of(number)).map(|last| last.seen).max();
    while since().is_some_and(|last| last.elapsed() < QUIET) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Somebody who owns a partition; in the long form whoever owns the one with the long past.
fn an_owner(stage: &Stage) -> Option<Arc<Node>> {
    let nodes = stage.cluster.nodes().into_iter();
    let owners: Vec<_> = nodes.filter(|node| !stage.cluster.owners.owned_by(&node.name).is_empty()).collect();
    if long() { stage.cluster.owner(OLDEST) } else { owners.choose(&mut rand::rng()).cloned() }
}

/// Kills an owner and measures how long each of its partitions is not written to.
async fn takeovers(stage: &Stage) -> BTreeMap<u16, Duration> {
    until_quiet(stage).await;
    tokio::time::sleep(Duration::from_millis(rand::rng().random_range(100..1_000))).await;
    let node = an_owner(stage).expect("somebody owns");
    let owned = stage.cluster.owners.owned_by(&node.name);
    let killed = Instant::now();
    node.kill();
    let again = stage.written_again(killed, &owned, |base| base != node.base).await;
    node.start();
    node.ready().await;
    again
}

/// The times of takeovers in order, and the one that one of a hundred is longer than.
fn p99(took: impl Iterator<Item = Duration>, of: &str) -> (usize, Duration) {
    let mut took: Vec<Duration> = took.collect();
    took.sort();
    let (middle, p99) = (took[took.len() / 2], took[(took.len() * 99).div_ceil(100) - 1]);
    eprintln!("{} takeovers {of}: median {middle:?}, p99 {p99:?}: {took:?}", took.len());
    (took.len(), p99)
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
    storm(&stage, either(16, 100)).await;
    stage.end().await;
    let (all, p99_of_all) = p99(took.iter().map(|(_, took)| *took), "of all partitions");
    assert!(all >= 5, "too few takeovers to say anything: {all}");
    assert!(p99_of_all <= TAKEOVER_MAX, "p99 of {all} takeovers is {p99_of_all:?}");
    if long() {
        let of_oldest = took.iter().filter(|(partition, _)| *partition == OLDEST).map(|(_, took)| *took);
        let (count, p99_of_oldest) = p99(of_oldest, "of the partition with a million events");
        assert!(count >= 20, "too few takeovers of it: {count}");
        assert!(p99_of_oldest <= TAKEOVER_MAX, "its p99 is {p99_of_oldest:?}");
    }
}
