//! Alarms ring once, when they are due, and never after a cancel, a move or a restart that makes no difference.

use std::time::Duration;

use carelog_domain::command::Command;
use carelog_domain::kernel::Role;
use carelog_domain::streams;

use crate::story::*;
use crate::world::{World, at};

const START: &str = "2025-03-10T09:00:00Z";

async fn settle(world: &World) -> std::sync::Arc<carelog_sagas::SagaEngine> {
    let engine = world.start().await;
    quiet(&engine).await;
    engine
}

/// Lets everything happen that happens by itself: one thread, and no task that waits for anything but others and the
/// clock of the test.
async fn quiet(engine: &carelog_sagas::SagaEngine) {
    for _ in 0..3 {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert!(engine.wait(Duration::from_secs(10)).await.expect("waits"));
    }
}

fn marks(world: &World) -> usize {
    world.commands().iter().filter(|command| **command == "MarkNoShow").count()
}

#[tokio::test]
async fn a_missed_appointment_is_marked_when_the_grace_is_over_and_not_before() {
    let world = World::new(1);
    opens_hospital(&world).await;
    books(&world, "ada", START).await;
    let engine = settle(&world).await;
    world.clock.set("2025-03-10T09:29:59Z");
    quiet(&engine).await;
    assert_eq!((marks(&world), world.count("AlarmRang")), (0, 0));
    world.clock.set("2025-03-10T09:30:05Z");
    quiet(&engine).await;
    assert_eq!((marks(&world), world.count("AlarmRang")), (1, 1));
    let marked = world.bus.done().into_iter().find_map(|(_, command)| match command {
        Command::MarkNoShow(c) => Some(c),
        _ => None,
    });
    assert_eq!(marked.expect("marked").start, Some(at(START)));
    let rang = world.log.all().into_iter().find(|stored| stored.event_type == "AlarmRang").expect("rang");
    assert_eq!(rang.context.occurred_at, at("2025-03-10T09:30:00Z"), "it happened when it was due");
    engine.stop().await;
}

#[tokio::test]
async fn nothing_rings_after_an_arrival_or_for_the_time_before_a_move() {
    let world = World::new(1);
    opens_hospital(&world).await;
    books(&world, "ada", START).await;
    books(&world, "bob", START).await;
    let engine = settle(&world).await;
    arrives(&world, "ada").await;
    moves(&world, "bob", START, "2025-03-10T15:00:00Z").await;
    quiet(&engine).await;
    world.clock.set("2025-03-10T10:00:00Z");
    quiet(&engine).await;
    assert_eq!((marks(&world), world.count("AlarmRang")), (0, 0));
    world.clock.set("2025-03-10T16:00:00Z");
    quiet(&engine).await;
    assert_eq!((marks(&world), world.count("AlarmRang")), (1, 1), "bob's, at the new time");
    engine.stop().await;
}

#[tokio::test]
async fn an_alarm_survives_a_restart_and_rings_late_but_once() {
    let world = World::new(1);
    opens_hospital(&world).await;
    books(&world, "ada", START).await;
    books(&world, "bob", START).await;
    world.run().await;
    assert_eq!(world.documents.count("sagas#alarms-0"), 2);
    arrives(&world, "bob").await; // While nobody listens.
    world.clock.set("2025-03-11T00:00:00Z");
    for _ in 0..3 {
        settle(&world).await.stop().await;
        assert_eq!((marks(&world), world.count("AlarmRang")), (1, 1));
        assert_eq!(world.documents.count("sagas#alarms-0"), 0);
    }
}

#[tokio::test]
async fn an_imported_past_sets_no_alarm_and_leaves_no_trace_of_one() {
    let world = World::new(1);
    opens_hospital(&world).await;
    let stream = streams::appointment(appointment("ada"));
    let booked = booked_event("ada", "2024-03-10T09:00:00Z");
    world.happen_by(Role::Importer, at("2024-03-01T00:00:00Z"), stream, "import ada", booked).await;
    let engine = settle(&world).await;
    world.clock.set("2026-01-01T00:00:00Z");
    quiet(&engine).await;
    assert_eq!((marks(&world), world.count("AlarmRang")), (0, 0));
    let history = engine.show("no-show-watch", &appointment("ada").to_string()).await.expect("read").expect("a saga");
    assert!(history.iter().all(|entry| entry.event_type != "SagaReacted"));
    engine.stop().await;
}

#[tokio::test]
async fn during_an_import_alarms_follow_its_watermark_and_afterwards_the_clock() {
    let world = World::new(1);
    opens_hospital(&world).await;
    import_starts(&world, "2025-01-01T00:00:00Z").await;
    books(&world, "ada", START).await;
    books(&world, "bob", "2025-03-10T11:00:00Z").await;
    let engine = settle(&world).await;
    world.clock.set("2025-03-10T12:00:00Z");
    quiet(&engine).await;
    assert_eq!(marks(&world), 0, "the import has not come to that day");
    engine.stop().await;
    let engine = settle(&world).await;
    assert_eq!(marks(&world), 0, "nor does a restart forget the import");
    import_is_at(&world, "2025-03-10T10:00:00Z").await;
    quiet(&engine).await;
    assert_eq!(marks(&world), 1, "ada's");
    import_ends(&world).await;
    quiet(&engine).await;
    assert_eq!(marks(&world), 2, "bob's");
    engine.stop().await;
}
