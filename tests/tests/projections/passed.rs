//! Events that are nothing to a read model: its checkpoint moves over them once for many, and in time for whoever waits.

use std::sync::Arc;
use std::time::Instant;

use carelog_projections::{Deps, Projections};

use super::gates::{GatedSql, moves_checkpoint_of};
use super::*;

/// What no event of the history is for.
const IDLE: &str = "skips";
/// Far longer than a checkpoint may stay behind, and than a busy machine makes of it.
const IN_TIME: Duration = Duration::from_secs(20);

async fn started(world: &World) -> (Arc<GatedSql>, Arc<Projections>) {
    let gate = Arc::new(GatedSql::new(&world.sql, moves_checkpoint_of(IDLE)));
    let deps = Deps { sql: Arc::clone(&gate) as _, ..world.deps() };
    (gate, Projections::start(deps).await.expect("started"))
}

async fn checkpoint(world: &World) -> u64 {
    let rows = world.sql(&format!("SELECT size FROM live_checkpoints WHERE model = '{IDLE}'")).await;
    rows.first().map_or(0, |row| row[0].int().expect("a number") as u64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_cost_few_transactions_and_the_checkpoint_comes_by_itself() {
    let world = World::new(1);
    let (gate, projections) = started(&world).await;
    let steps = history(60);
    let begun = Instant::now();
    world.append_all(&steps).await;
    let took = begun.elapsed();
    let size = heads(&world).await[0].size;
    while checkpoint(&world).await < size {
        assert!(begun.elapsed() < took + IN_TIME, "{} of {size}", checkpoint(&world).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (asked, most) = (gate.asked(), took.as_millis() as usize / 100 + 2);
    // With one for each chunk, which is gathered for 10 ms, it would be some ten times as many.
    assert!(most < steps.len() / 4, "{} batches took {took:?}: too long to tell anything", steps.len());
    assert!(asked <= most, "{asked} transactions for nothing in {took:?}");
    projections.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_stops_leaves_its_checkpoint_at_the_end() {
    let world = World::new(1);
    let (_gate, projections) = started(&world).await;
    let mut steps = history(3).into_iter();
    let first = world.append(&steps.next().expect("a step")).await;
    assert!(projections.reached(&[IDLE], &first, IN_TIME).await.expect("asked"));
    let last = world.append(&steps.next().expect("a step")).await;
    // Others have it, so it was given out to this one as well.
    let others: Vec<&str> = ALL.iter().map(|each| each.model.name).filter(|name| *name != IDLE).collect();
    assert!(projections.reached(&others, &last, IN_TIME).await.expect("asked"));
    projections.stop().await;
    assert_eq!(checkpoint(&world).await, heads(&world).await[0].size);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_them_does_not_wait_for_more_of_them() {
    let world = World::new(1);
    let (_gate, projections) = started(&world).await;
    let mut in_time = 0;
    for step in history(6).iter().take(20) {
        let token = world.append(step).await;
        // Half of what the checkpoint may stay behind when nobody waits.
        in_time += u32::from(projections.reached(&[IDLE], &token, Duration::from_millis(50)).await.expect("asked"));
        assert!(projections.reached(&[IDLE], &token, IN_TIME).await.expect("asked"));
    }
    assert!(in_time > 10, "only {in_time} of 20 were answered before the checkpoint would have moved by itself");
    projections.stop().await;
}
