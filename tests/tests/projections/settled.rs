//! The checkpoint of documents: it follows them, not more often than anybody needs, and however often it is refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use carelog_projections::operations::OperationError;
use carelog_projections::{Deps, Projections};

use super::gates::GatedDocuments;
use super::*;

/// Far longer than a checkpoint may stay behind, and than a busy machine makes of it.
const IN_TIME: Duration = Duration::from_secs(20);

async fn started(world: &World) -> (Arc<GatedDocuments>, Arc<Projections>) {
    let gate = Arc::new(GatedDocuments {
        inner: Arc::clone(&world.documents),
        refusing: Default::default(),
        refused: Default::default(),
        written: Default::default(),
    });
    let deps = Deps { documents: Arc::clone(&gate) as _, ..world.deps() };
    (gate, Projections::start(deps).await.expect("started"))
}

async fn until_it_is_at_the_end(world: &World) {
    until_it_is_at(world, heads(world).await[0].size).await;
}

async fn until_it_is_at(world: &World, size: u64) {
    let begun = Instant::now();
    while world.checkpoint_of_documents().await < size {
        assert!(begun.elapsed() < IN_TIME, "it stays at {} of {size}", world.checkpoint_of_documents().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_written_for_many_changes_at_once_and_comes_to_the_end_by_itself() {
    let world = World::new(1);
    let (gate, projections) = started(&world).await;
    let steps = history(15);
    let begun = Instant::now();
    for step in &steps {
        world.append(step).await;
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    until_it_is_at_the_end(&world).await;
    let took = begun.elapsed();
    let (written, most) = (gate.written.load(Ordering::SeqCst) as usize, took.as_millis() as usize / 100 + 3);
    // With one for each chunk, which is gathered for 10 ms, it would be some six times as many.
    assert!(most < steps.len() / 2, "{} batches took {took:?}: too long to tell anything", steps.len());
    assert!(written <= most, "{written} checkpoints in {took:?}");
    projections.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_refused_is_written_as_soon_as_it_can_be_though_nothing_more_comes() {
    let world = World::new(1);
    let (gate, projections) = started(&world).await;
    gate.refusing.store(true, Ordering::SeqCst);
    for step in &history(3) {
        world.append(step).await;
    }
    let begun = Instant::now();
    while gate.refused.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < IN_TIME, "nobody tries to write it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.settle(&projections).await; // All was applied, and is told to whoever asks here.
    gate.refusing.store(false, Ordering::SeqCst);
    until_it_is_at_the_end(&world).await;
    projections.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_before_an_event_that_cannot_be_taken_is_told_to_others() {
    let world = World { user: "poisoner of charts".to_owned(), ..World::new(1) };
    plant("chart", "InvoiceIssued", &world.user, Planted::Panic, 1);
    world.append_all(&history(4)).await;
    let (_gate, projections) = started(&world).await;
    let position = stopped_at(&projections, "chart", "InvoiceIssued").await;
    until_it_is_at(&world, position.offset).await;
    assert_eq!(world.checkpoint_of_documents().await, position.offset);
    projections.stop().await;
}

/// Somebody else may empty that set, and fill it anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_to_be_written_of_a_set_is_forgotten_when_another_is_the_live_one() {
    let world = World::new(1);
    let (gate, projections) = started(&world).await;
    gate.refusing.store(true, Ordering::SeqCst);
    world.append_all(&history(3)).await;
    world.settle(&projections).await;
    let deps = world.deps();
    operations::rebuild(&deps, None, "chart", true, QUIET).await.expect("built by another process");
    let verdict = operations::verify(&deps, Some(&projections), "chart", false, QUIET).await.expect("verified");
    assert!(verdict.holds(), "{verdict}"); // And it is known here that the set is another.
    gate.refusing.store(false, Ordering::SeqCst);
    let beside = operations::switch(&deps, Some(&projections), "chart").await;
    assert!(matches!(beside, Err(OperationError::NothingBeside(_))), "{beside:?}");
    projections.stop().await;
}
