//! Events that are nothing to a read model: its checkpoint moves over them once for many, and in time for whoever waits.

use std::sync::Arc;
use std::time::Instant;

use carelog_domain::ports::Statement;
use carelog_projections::{Deps, Projections};
use carelog_schemas::read_models::key;

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
    let rows =
        world.sql(&format!("SELECT size FROM layout_checkpoints WHERE model = '{}' AND size > 0", key(IDLE))).await;
    rows.first().map_or(0, |row| row[0].int().expect("a number") as u64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_cost_few_transactions_and_the_checkpoint_comes_by_itself() {
    let world = World::new(1);
    let (gate, projections) = started(&world).await;
    let steps = history(15);
    let begun = Instant::now();
    for step in &steps {
        world.append(step).await;
        tokio::time::sleep(Duration::from_millis(8)).await;
    }
    let size = heads(&world).await[0].size;
    while checkpoint(&world).await < size {
        assert!(begun.elapsed() < IN_TIME, "{} of {size}", checkpoint(&world).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = begun.elapsed();
    let (asked, most) = (gate.asked(), took.as_millis() as usize / 400 + 3);
    // With one for each chunk, which is gathered for 10 ms, it would be some forty times as many.
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
    let size = heads(&world).await[0].size;
    assert_eq!((checkpoint(&world).await, world.checkpoint_of_documents().await), (size, size));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checkpoint_of_documents_comes_by_itself_too() {
    let world = World::new(1);
    let (_gate, projections) = started(&world).await;
    world.append(&history(1)[0]).await; // A hospital is in nobody's chart.
    let begun = Instant::now();
    while world.checkpoint_of_documents().await < 1 {
        assert!(begun.elapsed() < IN_TIME, "it stays where it is");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    projections.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_checkpoint_somebody_else_moved_goes_on_from_there() {
    let world = World::new(1);
    let (gate, projections) = started(&world).await;
    let steps = history(6);
    let first = world.append(&steps[0]).await;
    assert!(projections.reached(&[IDLE], &first, IN_TIME).await.expect("asked"));
    // Others had taken the partition over, and have gone: of the two events that this one passes by they saw the first.
    let mut moved = 0;
    for two in steps[1..].chunks_exact(2) {
        let before = heads(&world).await[0].size;
        let asked = gate.asked();
        let between = world.append(&two[0]).await.positions().map(|position| position.offset + 1).max();
        let token = world.append(&two[1]).await;
        let between = between.expect("an event");
        let root = world.log.root_at(Partition(0), between).await.expect("a root");
        let sql = "UPDATE read_model_checkpoints SET size = $1, root = $2 WHERE model = $3 AND size = $4";
        let parameters =
            vec![(between as i64).into(), root.to_string().into(), key(IDLE).into(), (before as i64).into()];
        let written = world.sql.write(vec![Statement::new(sql, parameters)]).await.expect("written");
        moved += u64::from(written == [1] && gate.asked() == asked);
        let begun = Instant::now();
        while checkpoint(&world).await <= token.positions().map(|position| position.offset).max().expect("one") {
            assert!(begun.elapsed() < IN_TIME, "it stays at {}", checkpoint(&world).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(moved > 3, "the checkpoint was moved in time only {moved} times");
    projections.stop().await;
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
    assert!(in_time > 0, "none of 20 was answered before the checkpoint would have moved by itself");
    projections.stop().await;
}
