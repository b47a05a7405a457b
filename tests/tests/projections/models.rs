//! Whatever the order of partitions, however often a runner is stopped, and whoever touched a row. Runs on every
//! `SqlStore` and `DocumentStore`: whoever includes it says with `read_store` and `document_store` where rows and items are
//! kept.

#[path = "gates.rs"]
mod gates;
#[path = "history.rs"]
pub(crate) mod history;
#[path = "layouts.rs"]
mod layouts;
#[path = "operating.rs"]
mod operating;
#[path = "passed.rs"]
mod passed;
#[path = "settled.rs"]
mod settled;
#[path = "stalls.rs"]
mod stalls;
#[path = "stopped.rs"]
mod stopped;
#[path = "world.rs"]
pub(crate) mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use carelog_domain::event::Event;
use carelog_domain::kernel::{Partition, Position, Recorded, Slot, Staff, Token};
use carelog_domain::ports::{EventLog, Freshness, Head};
use carelog_domain::process::events::ProjectionEventSkipped;
use carelog_projections::change::{Change, RowWhat};
use carelog_projections::faults::{Planted, plant};
use carelog_projections::{ALL, Doing, operations};
use carelog_schemas::read_models::{Set, Source, chart, table_in};
use carelog_schemas::sealing::open_event;
use history::{Step, history};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use world::World;

const QUIET: &(dyn Fn(operations::Progress) + Sync) = &|_| {};

/// The same commands in another order; those of one slot stay in theirs.
fn shuffled(steps: &[Step], random: &mut StdRng) -> Vec<Step> {
    let mut slots: Vec<Slot> = steps.iter().map(|step| step.slot).collect();
    slots.shuffle(random);
    let mut by_slot: BTreeMap<Slot, std::collections::VecDeque<Step>> = BTreeMap::new();
    steps.iter().for_each(|step| by_slot.entry(step.slot).or_default().push_back(step.clone()));
    slots.iter().filter_map(|slot| by_slot.get_mut(slot)?.pop_front()).collect()
}

async fn projected(world: &World) -> BTreeMap<String, Vec<String>> {
    let projections = world.start().await;
    world.settle(&projections).await;
    projections.stop().await;
    world.rows().await
}

async fn heads(world: &World) -> Vec<Head> {
    world.log.head().await.expect("heads")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_equals_step_by_step_on_1_and_4_partitions() {
    for partitions in [1, 4] {
        let world = World::new(partitions);
        let projections = world.start().await;
        for step in history(12) {
            let token = world.append(&step).await;
            assert!(projections.reached(&[], &token, Duration::from_secs(10)).await.expect("asked"));
        }
        projections.stop().await;
        let step_by_step = world.rows().await;
        assert!(
            step_by_step["invoices"].len() > 5 && step_by_step["chart"].len() > 30,
            "there is something to compare"
        );
        assert_eq!(projected(&world.beside()).await, step_by_step, "{partitions} partitions");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_slots_does_not_matter() {
    let steps = history(10);
    let world = World::new(1);
    world.append_all(&steps).await;
    let expected = projected(&world).await;
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let world = World::new(if seed % 2 == 0 { 4 } else { 1 });
        world.append_all(&shuffled(&steps, &mut random)).await;
        assert_eq!(projected(&world).await, expected, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_and_item_is_written_from_one_stream_or_one_slot() {
    let world = World::new(1);
    world.append_all(&history(10)).await;
    let filter = carelog_domain::ports::EventFilter::default();
    let forward = carelog_domain::ports::Direction::Forward;
    let (stored, _) = world.log.read(Partition(0), 0, forward, &filter, 10_000).await.expect("read");
    let mut sources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for stored in &stored {
        let recorded: Recorded<Event> = open_event(world.keys.as_ref(), stored).await.expect("open");
        let stream = &recorded.context.stream;
        for projection in ALL.iter().filter(|projection| projection.wants(&stored.event_type)) {
            for change in (projection.project)(&recorded) {
                let (written, source) = match change {
                    Change::Row(row) => {
                        let whole = row.key.len() == row.table.key.len() || matches!(row.what, RowWhat::Put(_));
                        assert!(whole || !row.key.is_empty(), "{} names its rows", row.table.name);
                        let source = match row.table.source {
                            Source::Stream(category) => {
                                assert_eq!(stream.category(), category, "{} is written from {stream}", row.table.name);
                                stream.to_string()
                            }
                            Source::Slot => stream.slot().number().to_string(),
                        };
                        (format!("{} {:?}", row.table.name, row.key), source)
                    }
                    Change::Item(item) => (format!("chart {} {}", item.patient, item.sort_key), stream.to_string()),
                };
                sources.entry(written).or_default().insert(source);
            }
        }
    }
    assert!(sources.len() > 100);
    for (written, sources) in sources {
        assert_eq!(sources.len(), 1, "{written} is written from {sources:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_stopped_anywhere_and_two_runners_at_once_change_nothing() {
    let steps = history(16);
    let world = World::new(4);
    let mut random = StdRng::seed_from_u64(7);
    let (mut first, mut second) = (world.start().await, world.start().await);
    for step in &steps {
        world.append(step).await;
        if random.random_ratio(1, 8) {
            // Stopped without a word, wherever it is; started again from its checkpoints.
            let old = std::mem::replace(if random.random() { &mut first } else { &mut second }, world.start().await);
            tokio::task::yield_now().await;
            old.stop().await;
        }
    }
    world.settle(&first).await;
    first.stop().await;
    second.stop().await;
    assert_eq!(world.rows().await, projected(&world.beside()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_applied_twice_or_left_out_is_found_by_verify_deep() {
    let steps = history(6);
    for (fault, model, event_type) in [
        (Planted::Twice, "invoices", "InvoiceIssued"),
        (Planted::Skipped, "appointments", "AppointmentBooked"),
        (Planted::Skipped, "chart", "LabReportExtracted"),
    ] {
        let world = World { user: format!("{fault:?} {event_type}"), ..World::new(4) };
        world.append_all(&steps).await;
        plant(model, event_type, &world.user, fault.clone(), 1);
        projected(&world).await;
        let verdict = operations::verify(&world.deps(), None, model, false, QUIET).await.expect("verified");
        assert!(verdict.holds(), "the checkpoint alone does not show it");
        let verdict = operations::verify(&world.deps(), None, model, true, QUIET).await.expect("verified");
        assert!(!verdict.holds(), "{fault:?} of {event_type} was not found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_edited_by_hand_is_found_while_the_program_runs_and_a_rebuild_mends_it() {
    let world = World::new(4);
    world.append_all(&history(8)).await;
    let projections = world.start().await;
    world.settle(&projections).await;
    let before = world.rows().await;
    for model in ["appointments", "patients", "chart"] {
        let verdict =
            operations::verify(&world.deps(), Some(&projections), model, true, QUIET).await.expect("verified");
        assert_eq!(verdict.to_string(), format!("{model}: complete"));
    }
    let [appointments, patients] = ["appointments", "patients"].map(|table| table_in(Set::A, table));
    world
        .execute(&format!(
            "UPDATE {appointments} SET status = 'noshow' \
             WHERE appointment = (SELECT min(appointment) FROM {appointments})"
        ))
        .await;
    let deleted = format!("DELETE FROM {patients} WHERE patient = (SELECT min(patient) FROM {patients})");
    world.execute(&deleted).await;
    let mut item = world.documents.scan(&chart::KEYS.table(Set::A), None, 1).await.expect("read").items.remove(0);
    item.position.offset += 1_000_000;
    let forged = carelog_domain::ports::DocumentWrite {
        key: item.key,
        position: item.position,
        body: Some(serde_json::json!({ "status": "forged" })),
    };
    world.documents.write(vec![forged]).await.expect("written");
    for model in ["appointments", "patients", "chart"] {
        let verdict =
            operations::verify(&world.deps(), Some(&projections), model, true, QUIET).await.expect("verified");
        assert_eq!(verdict.differences.as_ref().map(Vec::len), Some(1), "{verdict}");
        let kept = operations::rebuild(&world.deps(), Some(&projections), model, false, QUIET).await.expect("built");
        assert!(!kept.live);
        let different = operations::diff(&world.deps(), Some(&projections), model).await.expect("compared");
        assert_eq!(different.len(), 1, "{different:?}");
        operations::switch(&world.deps(), Some(&projections), model).await.expect("switched");
    }
    world.append_all(&history(9)[history(8).len()..]).await;
    world.settle(&projections).await;
    projections.stop().await;
    let after = world.rows().await;
    assert_eq!(after, projected(&world.beside()).await);
    assert!(after["patients"].len() > before["patients"].len(), "it goes on in the new set");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_event_stops_its_projection_alone_and_can_be_retried_or_skipped() {
    let world = World { user: "poisoner".to_owned(), ..World::new(1) };
    // One panic at first, one more on the retry; after the second the event is skipped.
    plant("availability", "SeatTaken", &world.user, Planted::Panic, 2);
    let steps = history(4);
    world.append_all(&steps).await;
    let projections = world.start().await;
    let end = heads(&world).await[0].size - 1;
    let token: Token = [Position { partition: Partition(0), offset: end }].into_iter().collect();
    assert!(projections.reached(&["appointments", "chart"], &token, Duration::from_secs(10)).await.expect("asked"));
    let position = stopped_at(&projections, "availability", "SeatTaken").await;
    assert!(!projections.reached(&["availability"], &token, Duration::from_millis(50)).await.expect("asked"));
    let verdict =
        operations::verify(&world.deps(), Some(&projections), "availability", false, QUIET).await.expect("ok");
    assert!(!verdict.holds() && verdict.to_string().contains(&position.to_string()), "{verdict}");

    assert_eq!(projections.retry("availability").await.expect("told"), 1);
    assert_eq!(stopped_at(&projections, "availability", "SeatTaken").await, position, "a retry meets the same event");

    let reason = Staff::new("a test".to_owned());
    let skipped = ProjectionEventSkipped { projection: "availability".into(), position, reason };
    let stream = "projection:availability".parse().expect("a stream");
    world.append(&Step { slot: Slot::new(5).expect("a slot"), events: vec![(stream, skipped.into())] }).await;
    world.settle(&projections).await;
    let verdict = operations::verify(&world.deps(), Some(&projections), "availability", true, QUIET).await.expect("ok");
    assert_eq!(verdict.to_string(), format!("availability: complete except {position}"));
    projections.stop().await;
}

/// Waits for a projection to stop (again) at an event of that type, and says where.
async fn stopped_at(projections: &carelog_projections::Projections, model: &str, event_type: &str) -> Position {
    let mut pause = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..1_000 {
        pause.tick().await;
        let lines = projections.registry().await.expect("listed");
        let line = lines.iter().find(|line| line.model == model).expect("listed");
        if let Doing::Stopped(fault) = &line.doing {
            assert_eq!(fault.event_type, event_type);
            return fault.position;
        }
    }
    panic!("it did not stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_is_not_of_this_log_stops_its_projection_until_it_is_rebuilt() {
    let world = World::new(1);
    world.append_all(&history(4)).await;
    projected(&world).await;
    // The log loses its end and goes on differently: some checkpoints are ahead, all have another root.
    let other = World::new(1);
    other.append_all(&history(3)).await;
    let forked = World { log: other.log.clone(), keys: other.keys.clone(), ..world };
    let projections = forked.start().await;
    let lines = projections.registry().await.expect("listed");
    assert!(lines.iter().all(|line| matches!(line.doing, Doing::Diverged { .. })), "{lines:#?}");
    operations::rebuild(&forked.deps(), Some(&projections), "patients", true, QUIET).await.expect("built");
    let end = heads(&forked).await[0].size;
    let token: Token = [Position { partition: Partition(0), offset: end - 1 }].into_iter().collect();
    assert!(projections.reached(&["patients"], &token, Duration::from_secs(10)).await.expect("asked"));
    projections.stop().await;
    assert_eq!(forked.rows().await["patients"].len(), 3);
}
