//! A fault on record stands only until the checkpoint has passed its event, whoever got it there.

use super::*;

/// Lets a projection stop at its first such event, and the program stop with it; the fault is mended by then.
async fn stopped_once(model: &str, event_type: &str) -> World {
    let world = World { user: format!("{model} stopped once"), ..World::new(1) };
    plant(model, event_type, &world.user, Planted::Panic, 1);
    world.append_all(&history(4)).await;
    let projections = world.start().await;
    wait_for(&projections, model, |doing| matches!(doing, Doing::Stopped(_))).await;
    projections.stop().await;
    assert!(matches!(doing_offline(&world, model).await, Doing::Stopped(_)), "it is on record");
    assert_eq!(on_record(&world).await, 1);
    world
}

async fn wait_for(projections: &carelog_projections::Projections, model: &str, wanted: impl Fn(&Doing) -> bool) {
    let mut pause = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..1_000 {
        pause.tick().await;
        let lines = projections.registry().await.expect("listed");
        if lines.iter().any(|line| line.model == model && wanted(&line.doing)) {
            return;
        }
    }
    panic!("{model} did not come to it: {:#?}", projections.registry().await);
}

async fn doing_offline(world: &World, model: &str) -> Doing {
    let lines = operations::list(&world.deps()).await.expect("listed");
    lines.into_iter().find(|line| line.model == model).expect("listed").doing
}

async fn on_record(world: &World) -> usize {
    world.sql("SELECT model FROM read_model_faults").await.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_was_mended_is_forgotten_after_a_restart() {
    for (model, event_type) in [("availability", "SeatTaken"), ("chart", "LabReportExtracted")] {
        let world = stopped_once(model, event_type).await;
        let projections = world.start().await;
        world.settle(&projections).await;
        wait_for(&projections, model, |doing| *doing == Doing::Running).await;
        let verdict = operations::verify(&world.deps(), Some(&projections), model, true, QUIET).await.expect("ok");
        assert_eq!(verdict.to_string(), format!("{model}: complete"));
        projections.stop().await;
        assert_eq!(doing_offline(&world, model).await, Doing::Running);
        assert_eq!(on_record(&world).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_is_over_when_a_rebuilt_set_is_beyond_it() {
    let world = stopped_once("invoices", "InvoiceIssued").await;
    operations::rebuild(&world.deps(), None, "invoices", true, QUIET).await.expect("built");
    let verdict = operations::verify(&world.deps(), None, "invoices", false, QUIET).await.expect("verified");
    assert!(verdict.holds(), "{verdict}");
    // It was never filled: a process that knows where the log ends says that it is.
    assert_eq!(doing_offline(&world, "invoices").await, Doing::Filling);
    let projections = world.start().await;
    wait_for(&projections, "invoices", |doing| *doing == Doing::Running).await;
    assert_eq!(on_record(&world).await, 0);
    projections.stop().await;
}
