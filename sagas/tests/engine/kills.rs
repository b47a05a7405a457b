//! Killed before or after any of its records and commands, and started again, the engine ends where an undisturbed one
//! ends, with nothing done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use carelog_domain::command::Command;
use carelog_domain::kernel::CommandId;

use carelog_sagas::SagaEngine;

use crate::story::*;
use crate::world::World;

/// What must be the same however often the engine was killed.
#[derive(PartialEq, Debug)]
struct Outcome {
    commands: BTreeSet<(CommandId, &'static str)>,
    /// In the order in which they got their numbers.
    issued: Vec<uuid::Uuid>,
    claims: BTreeMap<String, uuid::Uuid>,
    records: BTreeMap<&'static str, usize>,
}

fn outcome(world: &World) -> Outcome {
    let done = world.bus.done();
    let issue = |(_, command): &(CommandId, Command)| match command {
        Command::IssueInvoice(c) => Some(c.invoice.0),
        _ => None,
    };
    let types = ["SagaReacted", "SagaStepDone", "SagaStepFailed", "AlarmRang"];
    Outcome {
        issued: done.iter().filter_map(issue).collect(),
        commands: done.iter().map(|(id, command)| (*id, command.name())).collect(),
        claims: world.bus.claims(),
        records: types.into_iter().map(|each| (each, world.count(each))).collect(),
    }
}

async fn tell_the_story(world: &World) {
    *world.reader.reads.lock() = Some(nothing_much());
    opens_hospital(world).await;
    plans(world).await;
    hands_in(world, "1").await;
    hands_in(world, "2").await;
    withdraws(world, "2").await;
    asks_to_register(world, "ada", &["c1", "c2"]).await;
    asks_to_register(world, "bob", &["c2", "c3"]).await; // The second identifier is ada's.
    world.bus.somebody_holds("c8");
    asks_to_add(world, "eve", "c7", "one").await;
    asks_to_add(world, "eve", "c8", "one").await; // Somebody else's.
    asks_to_add(world, "eve", "c7", "two").await;
    books(world, "ada", "2025-03-10T09:00:00Z").await;
    books(world, "bob", "2025-03-10T09:15:00Z").await;
    books(world, "eve", "2025-03-10T09:30:00Z").await;
    moves_to_a_dearer_day(world, "bob", "2025-03-10T09:15:00Z", "2025-03-10T10:15:00Z").await;
    world.clock.set("2025-03-10T09:20:00Z");
    ends(world, "bob").await;
    misses(world, "ada").await;
    came_after_all(world, "ada").await;
    world.clock.set("2025-03-10T10:00:00Z"); // Two alarms are due, and a day came into reach.
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// True when everything is handled, the alarms too, which ring by themselves.
async fn is_told(world: &World, engine: &SagaEngine) -> bool {
    let handled = async || engine.wait(Duration::from_millis(2)).await.expect("waits");
    let count = |name: &str| world.commands().into_iter().filter(|each| *each == name).count();
    handled().await && (count("MarkNoShow"), count("OpenDays")) == (2, 2) && handled().await
}

/// One life of an engine that is killed after so many steps; then another one that is not.
fn lives(partitions: u16, steps: i64, forget_checkpoints: bool) -> (Outcome, bool) {
    let world = World::new(partitions);
    runtime().block_on(tell_the_story(&world));
    world.life.end_after(steps);
    let killed = {
        let short = runtime();
        short.block_on(async {
            let engine = world.start().await;
            while !world.life.is_over() && !is_told(&world, &engine).await {}
            world.life.is_over()
        })
        // Dropping the runtime drops every task where it stands.
    };
    world.life.for_ever();
    if forget_checkpoints {
        world.documents.forget_all();
    }
    runtime().block_on(async {
        let engine = world.start().await;
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        while !is_told(&world, &engine).await {
            assert!(tokio::time::Instant::now() < end, "does not end after a kill at {steps}");
        }
        assert_eq!(engine.list().await.expect("a list").dead_letters, vec![], "after a kill at {steps}");
        engine.stop().await;
    });
    (outcome(&world), killed)
}

fn kill_between_every_two_steps(partitions: u16, forget_checkpoints: bool) {
    let (undisturbed, killed) = lives(partitions, i64::MAX, false);
    assert!(!killed);
    let names: Vec<&str> = undisturbed.commands.iter().map(|(_, name)| *name).collect();
    let count = |wanted: &str| names.iter().filter(|name| **name == wanted).count();
    // The story itself: two drafts issued (a visit, a fee), one repriced, the fee credited and its visit drafted again, one
    // patient registered, one refused, an identifier added on two requests, one refused, two no-shows marked, days opened twice, a report read and one withdrawn.
    assert_eq!((count("DraftInvoice"), count("IssueInvoice"), count("CancelDraft")), (5, 2, 1));
    assert_eq!((count("RepriceDraft"), count("CreditInvoice")), (1, 1));
    assert_eq!((count("OpenDays"), count("StartProcessing"), count("RecordExtraction")), (2, 2, 2));
    assert_eq!((count("RegisterPatient"), count("EndRegistration"), count("MarkNoShow")), (1, 2, 2));
    assert_eq!((count("RecordIdentifier"), count("RefuseIdentifier")), (2, 1));
    assert_eq!(undisturbed.claims.get("c7"), Some(&patient("eve").0));
    assert_eq!(undisturbed.records["AlarmRang"], 3);
    let mut steps = 0;
    loop {
        let (ended, killed) = lives(partitions, steps, forget_checkpoints);
        assert_eq!(ended, undisturbed, "after a kill at step {steps}");
        if !killed {
            break;
        }
        steps += 1;
    }
    assert!(steps > 100, "the story has many steps, so there were many kills: {steps}");
}

#[test]
fn killed_between_every_two_steps_it_ends_the_same_with_one_partition() {
    kill_between_every_two_steps(1, false);
}

#[test]
fn killed_between_every_two_steps_it_ends_the_same_with_four_partitions() {
    kill_between_every_two_steps(4, false);
}

#[test]
fn killed_and_its_checkpoints_lost_it_ends_the_same_too() {
    kill_between_every_two_steps(1, true);
}

#[test]
fn everything_handled_again_from_the_first_event_changes_nothing() {
    let world = World::new(1);
    runtime().block_on(async {
        tell_the_story(&world).await;
        let engine = world.start().await;
        while !is_told(&world, &engine).await {}
        engine.stop().await;
    });
    let before = (outcome(&world), world.log.all().len());
    for _ in 0..2 {
        world.documents.forget_all();
        runtime().block_on(world.run());
    }
    assert_eq!((outcome(&world), world.log.all().len()), before);
}

/// What was decided stands: the refusal of a claim is in the saga's history, so after a kill it is not asked for again,
/// though the answer would now be another one.
#[test]
fn a_refusal_that_was_recorded_stands_though_the_next_life_could_succeed() {
    let mut killed_after_the_refusal = 0;
    for steps in 0.. {
        let world = World::new(1);
        runtime().block_on(async {
            opens_hospital(&world).await;
            asks_to_register(&world, "ada", &["c1"]).await;
            asks_to_register(&world, "bob", &["c1"]).await;
        });
        world.life.end_after(steps);
        runtime().block_on(async {
            let engine = world.start().await;
            while !world.life.is_over() && !engine.wait(Duration::from_millis(2)).await.expect("waits") {}
        });
        let (killed, refused) = (world.life.is_over(), world.count("SagaStepFailed") == 1);
        world.life.for_ever();
        if refused {
            killed_after_the_refusal += usize::from(killed);
            world.bus.free_all_claims();
        }
        world.documents.forget_all();
        runtime().block_on(world.run());
        let commands = world.commands();
        let count = |wanted: &str| commands.iter().filter(|name| **name == wanted).count();
        assert_eq!(
            (count("RegisterPatient"), count("EndRegistration")),
            (1, 2),
            "after a kill at {steps}: {commands:?}"
        );
        if !killed {
            break;
        }
    }
    assert!(killed_after_the_refusal > 0, "no life ended between the refusal and the end of the reaction");
}
