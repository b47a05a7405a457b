//! Files that cannot be read, or say more than an event holds: whoever handed them in sees it, and no saga is stuck.

use std::sync::atomic::Ordering;
use std::time::Duration;

use carelog_domain::command::Command;
use carelog_domain::laboratory::FailureReason;

use crate::story::*;
use crate::world::World;
use crate::write_side::Fault;

/// What was recorded of the one reading.
fn recorded(world: &World) -> Option<Result<(), FailureReason>> {
    let done = world.bus.done();
    let mut readings = done.iter().filter_map(|(_, command)| match command {
        Command::RecordExtraction(_) => Some(Ok(())),
        Command::RecordProcessingFailure(c) => Some(Err(c.reason)),
        _ => None,
    });
    let first = readings.next();
    assert_eq!(readings.next(), None, "one reading has one outcome");
    first
}

async fn run(world: &World) {
    opens_hospital(world).await;
    hands_in(world, "1").await;
    world.run().await;
    let engine = world.start().await;
    assert_eq!(engine.list().await.expect("a list").dead_letters, vec![]);
    engine.stop().await;
}

#[tokio::test]
async fn a_file_that_can_be_read_is_recorded() {
    let world = World::new(1);
    *world.reader.reads.lock() = Some(nothing_much());
    run(&world).await;
    assert_eq!(recorded(&world), Some(Ok(())));
}

#[tokio::test]
async fn a_report_that_fits_no_event_ends_as_too_large_and_not_as_a_dead_letter() {
    let world = World::new(1);
    *world.reader.reads.lock() = Some(nothing_much());
    world.bus.faults.lock().insert("RecordExtraction", Fault::TooLarge);
    run(&world).await;
    assert_eq!(recorded(&world), Some(Err(FailureReason::TooLarge)));
}

#[tokio::test]
async fn a_reader_that_keeps_failing_ends_as_a_failed_reading_that_can_be_retried() {
    let world = World::new(1);
    run(&world).await;
    assert_eq!(world.reader.asked.load(Ordering::SeqCst), 3, "it was tried as often as any step");
    assert_eq!(recorded(&world), Some(Err(FailureReason::ReaderCrashed)));
}

#[tokio::test]
async fn a_file_whose_store_is_away_for_long_is_read_when_it_is_back() {
    let world = World { retry_for: Duration::from_secs(3_600), ..World::new(1) };
    *world.reader.reads.lock() = Some(nothing_much());
    world.blobs.away.store(30, Ordering::SeqCst);
    run(&world).await;
    assert_eq!(recorded(&world), Some(Ok(())));
}

#[tokio::test]
async fn a_file_that_the_reader_keeps_losing_is_not_tried_for_as_long_as_a_store() {
    let world = World { retry_for: Duration::from_secs(3_600), ..World::new(1) };
    run(&world).await;
    assert_eq!(recorded(&world), Some(Err(FailureReason::ReaderCrashed)));
}
