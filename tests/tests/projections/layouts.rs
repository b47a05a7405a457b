//! Two versions of the program on the same stores: each has a table set of its own for a read model whose layout differs
//! and never writes to the other's, what both have alike they share, and nobody is shown what is not filled.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use carelog_domain::ports::{SqlValue, Statement};
use carelog_projections::{Deps, Doing, Projection, Projections, Registered, chart, patients};
use carelog_schemas::read_models::chart::{ItemWhat, Keys, MODEL as CHART};
use carelog_schemas::read_models::patients::MODEL as PATIENTS;
use carelog_schemas::read_models::{Model, SetState};

use super::gates::GatedSql;
use super::*;

const IN_TIME: Duration = Duration::from_secs(20);

/// The read models of the next version: patients are called otherwise, and charts say so.
static NEXT: LazyLock<&'static [Registered]> = LazyLock::new(|| {
    let next = ALL.iter().map(|projection| {
        let project = match projection.model.name {
            "patients" => renamed,
            "chart" => noted,
            _ => return *projection,
        };
        let Model { name, revision, tables, documents } = *projection.model;
        let model = Box::leak(Box::new(Model { name, revision: revision + 1, tables, documents }));
        Registered { model, project, ..*projection }
    });
    Vec::leak(next.collect())
});

fn next(name: &str) -> &'static Model {
    NEXT.iter().find(|projection| projection.model.name == name).expect("a read model").model
}

fn renamed(recorded: &Recorded<Event>) -> Vec<Change> {
    let mut changes = patients::Patients::project(recorded);
    for change in &mut changes {
        if let Change::Row(row) = change
            && let RowWhat::Put(cells) | RowWhat::Patch(cells) = &mut row.what
        {
            cells.iter_mut().filter(|(column, _)| *column == "name").for_each(|(_, name)| *name = "next".into());
        }
    }
    changes
}

fn noted(recorded: &Recorded<Event>) -> Vec<Change> {
    let mut changes = chart::Chart::project(recorded);
    for change in &mut changes {
        if let Change::Item(item) = change
            && let ItemWhat::Put(body) = &mut item.what
        {
            body["noted"] = true.into();
        }
    }
    changes
}

fn of_next(world: &World) -> Deps {
    Deps { read_models: *NEXT, ..world.deps() }
}

async fn started(deps: Deps) -> Arc<Projections> {
    Projections::start(deps).await.expect("started")
}

async fn until(mut holds: impl AsyncFnMut() -> bool, what: &str) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < IN_TIME, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn names(world: &World, model: &Model) -> Vec<String> {
    let rows = world.sql(&format!("SELECT name FROM {} ORDER BY patient", model.tables[0].view(&model.layout()))).await;
    rows.iter().map(|row| row[0].text().expect("a name").to_owned()).collect()
}

/// The items of the charts in a layout that say they are the next version's, and all.
async fn noted_items(world: &World, model: &Model) -> (usize, usize) {
    let table = Keys::of(model.layout()).table(Set::A);
    let items = world.documents.scan(&table, None, 100_000).await.expect("read").items;
    (items.iter().filter(|item| item.body["noted"] == true).count(), items.len())
}

/// Whether a query of this program would be answered from the read model.
async fn is_shown(world: &World, key: &str) -> bool {
    let rows = world.sql.read(vec![SetState::query_of(&[key])]).await.expect("read").remove(0);
    SetState::filled(&rows).len() == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_fills_its_own_tables_beside_those_of_the_version_before_and_both_are_kept_up() {
    let world = World::new(2);
    world.append_all(&history(6)).await;
    let old = world.start().await;
    world.settle(&old).await;
    assert!(names(&world, &PATIENTS).await.iter().all(|name| name != "next"));
    let new = started(of_next(&world)).await;
    assert!(new.filling().is_subset(&BTreeSet::from(["chart", "patients"])), "what is the same is shared");
    // Both go on while the other does.
    world.append_all(&history(9)[history(6).len()..]).await;
    world.settle(&old).await;
    world.settle(&new).await;
    until(async || new.filling().is_empty(), "it is never filled").await;
    assert_eq!(names(&world, next("patients")).await, ["next"; 9]);
    let kept = names(&world, &PATIENTS).await;
    assert_eq!((kept.len(), kept.contains(&"next".to_owned())), (9, false), "the old version's rows are its own");
    let (of_old, of_new) = (noted_items(&world, &CHART).await, noted_items(&world, next("chart")).await);
    assert_eq!((of_old.0, of_old.1), (0, of_new.1));
    assert!(of_new.0 > 0, "{of_new:?}");
    for (deps, projections) in [(world.deps(), &old), (of_next(&world), &new)] {
        for model in ALL.iter().map(|projection| projection.model.name) {
            let verdict = operations::verify(&deps, Some(projections), model, true, QUIET).await.expect("verified");
            assert!(verdict.holds(), "{verdict}");
        }
    }
    new.stop().await;
    old.stop().await;
    assert_eq!(world.rows().await, projected(&world.beside()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_filled_is_shown_to_nobody_until_it_has_come_to_the_end() {
    let world = World::new(2);
    world.append_all(&history(6)).await;
    let key = PATIENTS.key();
    let gate = Arc::new(GatedSql::new(&world.sql, gates::moves_checkpoint_of("patients")));
    gate.fail();
    let projections = started(Deps { sql: Arc::clone(&gate) as _, ..world.deps() }).await;
    until(async || projections.filling() == BTreeSet::from(["patients"]), "all others are filled").await;
    assert!(!is_shown(&world, "patients").await);
    assert!(is_shown(&world, "invoices").await);
    let verdict = operations::verify(&world.deps(), Some(&projections), "patients", false, QUIET).await.expect("asked");
    assert!(verdict.to_string().starts_with("patients: being filled, 0 of "), "{verdict}");
    let lines = projections.registry().await.expect("a registry");
    let state = |model: &str| lines.iter().find(|line| line.model == model).expect("a line").doing.clone();
    assert_eq!(state("invoices"), Doing::Running);
    assert_ne!(state("patients"), Doing::Running);
    gate.open();
    until(async || projections.filling().is_empty(), "it is never filled").await;
    assert!(is_shown(&world, "patients").await, "{key}");
    projections.stop().await;
    // It stays so, however much is missing later: that is told as being behind, and by whoever asks where to send queries.
    world.append_all(&history(7)[history(6).len()..]).await;
    let gate = Arc::new(GatedSql::new(&world.sql, gates::moves_checkpoint_of("patients")));
    gate.fail();
    let projections = started(Deps { sql: Arc::clone(&gate) as _, ..world.deps() }).await;
    assert_eq!(projections.filling(), BTreeSet::new());
    assert!(is_shown(&world, "patients").await);
    until(async || projections.catching_up() == BTreeSet::from(["patients"]), "the others catch up").await;
    gate.open();
    until(async || projections.catching_up().is_empty(), "it never catches up").await;
    projections.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_of_what_was_never_filled_fills_it() {
    let world = World::new(1);
    world.append_all(&history(3)).await;
    // Nobody works on the partition here: only the rebuild does.
    let idle = || Deps { assigned: Arc::new(carelog_domain::ports::Fixed::none()), ..world.deps() };
    let projections = started(idle()).await;
    for model in ["patients", "chart"] {
        assert!(projections.filling().contains(model));
        operations::rebuild(&idle(), Some(&projections), model, true, QUIET).await.expect("rebuilt");
        until(async || !projections.filling().contains(model), "it was filled by the rebuild").await;
    }
    assert!(is_shown(&world, "patients").await);
    assert!(projections.filling().contains("invoices"), "and nothing else was");
    projections.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_version_left_is_found_counts_as_seen_and_can_be_removed() {
    let world = World::new(1);
    world.append_all(&history(3)).await;
    let old = world.start().await;
    world.settle(&old).await;
    old.stop().await;
    let (new, deps) = (started(of_next(&world)).await, of_next(&world));
    world.settle(&new).await;
    until(async || new.filling().is_empty(), "it is never filled").await;
    let left = [PATIENTS.key(), CHART.key()];
    assert_eq!(operations::others(&deps).await.expect("others"), left);
    let seen = operations::checkpoints(&world.sql, &world.documents).await.expect("checkpoints");
    let end = heads(&world).await[0].size;
    for model in [&PATIENTS, next("patients"), &CHART, next("chart")] {
        let sizes: Vec<u64> = seen.iter().filter(|(key, _)| *key == model.key()).map(|(_, mark)| mark.size).collect();
        assert_eq!(sizes, [end], "{}", model.key());
    }
    assert_eq!(operations::prune(&deps).await.expect("pruned"), left);
    assert_eq!(operations::others(&deps).await.expect("others"), [""; 0]);
    assert_eq!(operations::prune(&deps).await.expect("pruned again"), [""; 0]);
    let gone = Statement::new(format!("SELECT 1 FROM {}", table_in(Set::A, "patients")), vec![]);
    world.sql.read(vec![gone]).await.expect_err("the table is gone");
    assert_eq!(noted_items(&world, &CHART).await, (0, 0));
    assert_eq!(names(&world, next("patients")).await.len(), 3, "its own stays");
    new.stop().await;
    // Whoever goes back fills them again.
    let old = world.start().await;
    world.settle(&old).await;
    until(async || old.filling().is_empty(), "it is never filled").await;
    old.stop().await;
    assert_eq!(world.rows().await, projected(&world.beside()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_alone_removes_what_the_version_before_left_once_its_own_are_filled() {
    let world = World::new(1);
    world.append_all(&history(3)).await;
    let old = world.start().await;
    world.settle(&old).await;
    old.stop().await;
    let gate = Arc::new(GatedSql::new(&world.sql, |each| {
        each.parameters.first() == Some(&SqlValue::from(next("patients").key().as_str()))
            && each.expect.is_some()
            && each.sql.contains("read_model_checkpoints")
    }));
    gate.fail();
    let deps = Deps { sql: Arc::clone(&gate) as _, alone: true, ..of_next(&world) };
    let new = started(deps.clone()).await;
    until(async || new.filling() == BTreeSet::from(["patients"]), "the others are filled").await;
    assert_eq!(operations::others(&deps).await.expect("others").len(), 2, "not before all are");
    gate.open();
    until(async || operations::others(&deps).await.expect("others").is_empty(), "they stay").await;
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_one_layout_cannot_take_stops_that_one_alone() {
    let world = World { user: "two layouts".to_owned(), ..World::new(1) };
    world.append_all(&history(3)).await;
    let old = world.start().await;
    world.settle(&old).await;
    plant("patients", "PatientRegistered", &world.user, Planted::Panic, 1_000);
    let new = started(of_next(&world)).await;
    let stands = |projections: &Projections| projections.standing().contains("patients");
    until(async || stands(&new), "it takes the event").await;
    assert!(new.filling().contains("patients"));
    old.stop().await;
    let old = world.start().await;
    assert!(!stands(&old), "what stopped the other layout is not this one's");
    let faults = world.sql("SELECT model FROM read_model_faults").await;
    assert_eq!(faults, [[SqlValue::from(next("patients").key().as_str())]], "nor is it this one's to forget");
    let shown = old.registry().await.expect("a registry");
    assert!(shown.iter().all(|line| line.doing == Doing::Running), "{shown:?}");
    new.stop().await;
    old.stop().await;
}
