//! Operations are carried out to their end, and one at a time.

use std::sync::Arc;

use carelog_domain::ports::Statement;
use carelog_projections::operations::OperationError;
use carelog_projections::{Deps, Projections};
use carelog_schemas::read_models::{Set, table_in};

use super::gates::GatedSql;
use super::*;

/// Half of a history, projected through a gate; the other half is to come.
async fn begun(gate: impl FnOnce(&World) -> GatedSql) -> (Arc<World>, Arc<GatedSql>, Deps, Arc<Projections>) {
    let world = World::new(4);
    world.append_all(&history(8)).await;
    let gate = Arc::new(gate(&world));
    let deps = Deps { sql: Arc::clone(&gate) as _, ..world.deps() };
    let projections = Projections::start(deps.clone()).await.expect("started");
    world.settle(&projections).await;
    (Arc::new(world), gate, deps, projections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_whose_caller_went_away_still_ends_in_order() {
    let switches = |world: &World| {
        GatedSql::new(&world.sql, |each| each.sql.starts_with("UPDATE read_model_layouts SET live = $2"))
    };
    let (world, gate, deps, projections) = begun(switches).await;
    gate.hold();
    let asking = tokio::spawn({
        let (deps, projections) = (deps.clone(), Arc::clone(&projections));
        async move { operations::rebuild(&deps, Some(&projections), "patients", true, QUIET).await }
    });
    gate.arrived().await; // The store shows the new set by now; the workers do not know it yet.
    asking.abort();
    assert!(asking.await.expect_err("given up").is_cancelled());
    gate.open();
    world.append_all(&history(9)[history(8).len()..]).await;
    world.settle(&projections).await;
    projections.stop().await;
    let rows = world.rows().await;
    assert_eq!(rows["patients"].len(), 9, "the new patient is missing: workers write to a set nobody reads");
    assert_eq!(rows, projected(&world.beside()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_operation_on_a_read_model_is_refused_while_the_first_is_under_way() {
    let emptied = |world: &World| {
        GatedSql::new(&world.sql, |each| each.sql.ends_with(&format!("EXISTS {}", table_in(Set::B, "patients"))))
    };
    let (world, gate, deps, projections) = begun(emptied).await;
    gate.hold();
    let first = tokio::spawn({
        let (deps, projections) = (deps.clone(), Arc::clone(&projections));
        async move { operations::rebuild(&deps, Some(&projections), "patients", true, QUIET).await }
    });
    gate.arrived().await;
    let second = operations::rebuild(&deps, Some(&projections), "patients", true, QUIET);
    let second = tokio::time::timeout(Duration::from_secs(5), second).await.expect("it does not wait");
    assert!(matches!(second, Err(OperationError::Busy { operation: "rebuild", .. })), "{second:?}");
    let deep = operations::verify(&deps, Some(&projections), "patients", true, QUIET).await;
    assert!(matches!(deep, Err(OperationError::Busy { .. })), "{deep:?}");
    let shallow = operations::verify(&deps, Some(&projections), "patients", false, QUIET).await.expect("verified");
    assert!(shallow.holds(), "checkpoints can be looked at all the time");
    operations::rebuild(&deps, Some(&projections), "invoices", true, QUIET).await.expect("another read model is free");
    let underway = projections.underway();
    assert_eq!(underway.len(), 1);
    assert_eq!((underway[0].subject, underway[0].operation), ("patients", "rebuild"));
    gate.open();
    assert!(first.await.expect("ended").expect("built").live);
    assert_eq!(projections.underway(), []);
    let again = operations::rebuild(&deps, Some(&projections), "patients", true, QUIET).await.expect("free again");
    assert_eq!(again.set, "a");
    projections.stop().await;
    assert_eq!(world.rows().await, projected(&world.beside()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_in_passing_costs_a_long_operation_nothing() {
    // Writes of events, and what empties a set, removes it and makes it the live one.
    let of_sets = |each: &Statement| each.sql.contains("read_model_checkpoints") && !each.sql.starts_with("CREATE");
    let (world, gate, deps, projections) = begun(|world| GatedSql::new(&world.sql, of_sets)).await;
    projections.stop().await;
    gate.lame();
    let rebuilt = operations::rebuild(&deps, None, "patients", true, QUIET).await.expect("rebuilt");
    assert!(rebuilt.live);
    let verdict = operations::verify(&deps, None, "patients", true, QUIET).await.expect("verified");
    assert!(verdict.holds() && verdict.differences.is_some(), "{verdict}");
    gate.open();
    assert_eq!(world.rows().await, projected(&world.beside()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_says_how_far_it_has_come() {
    let switches = |world: &World| {
        GatedSql::new(&world.sql, |each| each.sql.starts_with("UPDATE read_model_layouts SET live = $2"))
    };
    let (world, gate, deps, projections) = begun(switches).await;
    gate.hold();
    let said = Arc::new(std::sync::Mutex::new(Vec::new()));
    let asking = tokio::spawn({
        let (deps, projections, said) = (deps.clone(), Arc::clone(&projections), Arc::clone(&said));
        async move {
            let hear = move |progress| said.lock().expect("lock").push(progress);
            operations::rebuild(&deps, Some(&projections), "patients", true, &hear).await
        }
    });
    gate.arrived().await; // Everything is filled.
    let events: u64 = heads(&world).await.iter().map(|head| head.size).sum();
    let underway = projections.underway().remove(0);
    assert_eq!((underway.done, underway.total), (events, events));
    gate.open();
    asking.await.expect("ended").expect("built");
    let last = said.lock().expect("lock").pop().expect("something was said");
    assert_eq!((last.model, last.done, last.total), ("patients", events, events));
    projections.stop().await;
}
