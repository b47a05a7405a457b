//! One read model, or one device, that cannot is no reason for the others to stand still, or not to stop.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use carelog_projections::{Deps, Projections};

use super::gates::{GatedKeys, GatedSql, moves_checkpoint_of};
use super::history::at;
use super::*;

async fn end_of(world: &World) -> Token {
    let last = heads(world).await.into_iter().filter(|head| head.size > 0);
    last.map(|head| Position { partition: head.partition, offset: head.size - 1 }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_model_that_cannot_write_leaves_the_others_running() {
    let world = World::new(1);
    let gate = Arc::new(GatedSql::new(&world.sql, moves_checkpoint_of("patients")));
    let projections = Projections::start(Deps { sql: Arc::clone(&gate) as _, ..world.deps() }).await.expect("started");
    gate.fail();
    // One by one, and each only when another has the one before, so that each is a chunk of its own: far more than may wait
    // for a worker.
    for step in &history(6) {
        let token = world.append(step).await;
        assert!(projections.reached(&["skips"], &token, Duration::from_secs(20)).await.expect("asked"));
    }
    let others: Vec<&str> = ALL.iter().map(|each| each.model.name).filter(|name| *name != "patients").collect();
    let end = end_of(&world).await;
    assert!(
        projections.reached(&others, &end, Duration::from_secs(20)).await.expect("asked"),
        "{:#?}",
        projections.registry().await
    );
    let lines = projections.registry().await.expect("listed");
    let stuck = lines.iter().find(|line| line.model == "patients").expect("listed");
    assert!(matches!(stuck.doing, Doing::Waiting { .. }) && stuck.lag() > 4, "{stuck:?}");
    gate.open();
    world.settle(&projections).await;
    // It has its place in the feed again.
    world.append_all(&history(7)[history(6).len()..]).await;
    world.settle(&projections).await;
    projections.stop().await;
    assert_eq!(world.rows().await, projected(&world.beside()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_at_once_costs_a_read_model_few_transactions() {
    let world = World::new(1);
    let gate = Arc::new(GatedSql::new(&world.sql, moves_checkpoint_of("patients")));
    let projections = Projections::start(Deps { sql: Arc::clone(&gate) as _, ..world.deps() }).await.expect("started");
    let steps = history(40);
    let begun = std::time::Instant::now();
    world.append_all(&steps).await;
    let took = begun.elapsed();
    world.settle(&projections).await;
    projections.stop().await;
    // At most one begins every 10 ms, and one or two are not full.
    let most = took.as_millis() as usize / 10 + 2;
    assert!(most < steps.len(), "{} batches took {took:?}: too long to tell anything", steps.len());
    assert!(gate.asked() <= most, "{} transactions for {} batches in {took:?}", gate.asked(), steps.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_store_that_does_not_answer_does_not_keep_the_program_from_stopping() {
    let world = World { user: "keyless".to_owned(), ..World::new(1) };
    let keys = Arc::new(GatedKeys { inner: Arc::clone(&world.keys) as _, closed: AtomicBool::new(false) });
    plant("availability", "SeatTaken", &world.user, Planted::Panic, 1);
    world.append_all(&history(4)).await;
    let deps = Deps { keys: Arc::clone(&keys) as _, ..world.deps() };
    let projections = Projections::start(deps).await.expect("started");
    stopped_at(&projections, "availability", "SeatTaken").await;
    keys.closed.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(projections.retry("availability").await.expect("told"), 1); // It reads by itself now, and needs a key.
    let mut pause = tokio::time::interval(Duration::from_millis(10));
    let waits = |line: &carelog_projections::Line| matches!(&line.doing, Doing::Waiting { .. });
    tokio::time::timeout(Duration::from_secs(10), async {
        while !projections.registry().await.expect("listed").iter().any(waits) {
            pause.tick().await;
        }
    })
    .await
    .expect("it says that it waits");
    tokio::time::timeout(Duration::from_secs(10), projections.stop()).await.expect("it stops all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_model_that_stands_still_is_behind_by_more_and_more() {
    let world = World::new(4);
    let gate = Arc::new(GatedSql::new(&world.sql, moves_checkpoint_of("patients")));
    let projections = Projections::start(Deps { sql: Arc::clone(&gate) as _, ..world.deps() }).await.expect("started");
    world.append_all(&history(3)).await;
    world.settle(&projections).await;
    // Long after the last event nothing is behind, since nothing is missing.
    world.clock.set(at(20_000));
    let behind = async || {
        let lags = projections.lags().await.expect("told");
        assert_eq!(lags.len(), ALL.len() * 4);
        let of = |stuck: bool| lags.iter().filter(move |lag| (lag.model == "patients") == stuck);
        assert!(of(false).all(|lag| (lag.events, lag.seconds) == (0, 0.0)), "{lags:?}");
        (of(true).map(|lag| lag.events).sum::<u64>(), of(true).map(|lag| lag.seconds).fold(0.0, f64::max))
    };
    assert_eq!(behind().await, (0, 0.0));
    gate.fail();
    world.append_all(&history(4)[history(3).len()..]).await;
    let others: Vec<&str> = ALL.iter().map(|each| each.model.name).filter(|name| *name != "patients").collect();
    let end = end_of(&world).await;
    assert!(projections.reached(&others, &end, Duration::from_secs(20)).await.expect("asked"));
    world.clock.set(at(20_010));
    let (events, seconds) = behind().await;
    assert!(events > 0 && seconds == 600.0, "{events} events, {seconds} s: counted from the first that is missing");
    world.clock.set(at(20_060));
    assert_eq!(behind().await, (events, 3_600.0));
    gate.open();
    world.settle(&projections).await;
    assert_eq!(behind().await, (0, 0.0));
    projections.stop().await;
}
