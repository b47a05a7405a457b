//! Waiting until everything that a command led to is handled.

use std::time::{Duration, Instant};

use carelog_domain::kernel::{Actor, CommandId, Token};
use carelog_domain::ports::{Credential, Fixed, Settlement, Stored};
use carelog_sagas::Settling;
use carelog_sagas::engine::Overview;

use crate::story::*;
use crate::world::{World, until};
use crate::write_side::Fault;

const LONG: Duration = Duration::from_secs(10);

fn includes(all: &Token, part: &Token) -> bool {
    part.positions().all(|at| all.positions().any(|last| last.partition == at.partition && last.offset >= at.offset))
}

/// Where everything was written under a correlation, the sagas' own records of steps done aside: nobody needs those.
fn positions_under(world: &World, correlation: CommandId) -> Token {
    let own = |stored: &&Stored| !matches!(stored.event_type.as_str(), "SagaReacted" | "SagaStepDone");
    let all = world.log.all();
    let under = all.iter().filter(own).filter(|stored| stored.context.correlation == correlation);
    under.map(|stored| stored.context.position).collect()
}

/// Where the commands of this name were written.
fn positions_of(world: &World, command: &str) -> Token {
    let ids: Vec<_> = world.bus.done().into_iter().filter(|(_, it)| it.name() == command).map(|(id, _)| id).collect();
    let all = world.log.all();
    all.iter().filter(|stored| ids.contains(&stored.context.command)).map(|stored| stored.context.position).collect()
}

#[tokio::test]
async fn a_registration_is_settled_only_when_it_has_ended() {
    for partitions in [1, 4] {
        let world = World::new(partitions);
        opens_hospital(&world).await;
        let engine = world.start().await;
        for (name, claims) in [("ada", ["c1", "c2"]), ("bob", ["c3", "c2"])] {
            let (correlation, token) = asks_to_register(&world, name, &claims).await;
            let all = engine.settled(correlation, &token, LONG).await.expect("waits").expect("settled");
            assert!(includes(&all, &token));
            let own = positions_under(&world, correlation);
            assert_eq!(all, own, "{name} on {partitions} partitions");
        }
        assert_eq!(world.commands().iter().filter(|name| **name == "EndRegistration").count(), 2);
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_command_whose_step_is_a_dead_letter_is_not_settled_also_after_a_restart() {
    let world = World::new(1);
    opens_hospital(&world).await;
    world.bus.faults.lock().insert("DraftInvoice", Fault::Refused);
    let (correlation, token) = books(&world, "ada", "2025-03-10T09:00:00Z").await;
    for _ in 0..2 {
        let engine = world.start().await;
        let settled = engine.settled(correlation, &token, Duration::from_millis(200)).await.expect("waits");
        assert_eq!(settled, None);
        engine.stop().await;
    }
}

#[tokio::test]
async fn what_was_handled_before_a_restart_is_told_from_the_sagas_own_history() {
    let world = World::new(4);
    opens_hospital(&world).await;
    let (correlation, token) = asks_to_register(&world, "ada", &["c1"]).await;
    world.run().await;
    let engine = world.start().await;
    let all = engine.settled(correlation, &token, LONG).await.expect("waits").expect("settled");
    for command in ["ClaimIdentifier", "RegisterPatient", "LinkPatient", "EndRegistration"] {
        assert!(includes(&all, &positions_of(&world, command)), "{command}");
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_command_that_no_saga_takes_is_settled_at_once() {
    let world = World::new(1);
    let engine = world.start().await;
    opens_hospital(&world).await;
    let (correlation, token) = {
        arrives(&world, "ada").await;
        books(&world, "ada", "2025-03-10T09:00:00Z").await
    };
    assert!(engine.settled(correlation, &token, LONG).await.expect("waits").is_some());
    let nothing = Token::empty();
    assert_eq!(
        engine.settled(correlation, &nothing, LONG).await.expect("waits").map(|all| all.is_empty()),
        Some(false)
    );
    engine.stop().await;
}

/// Asks a process that runs no saga, again and again without waiting, until it says that the command is settled.
async fn told_by_others(onlooker: &Settling, correlation: CommandId, token: &Token) -> Token {
    for _ in 0..5_000 {
        if let Some(all) = onlooker.settled(correlation, token, Duration::ZERO).await.expect("asked") {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it is not settled at last");
}

#[tokio::test]
async fn a_process_without_sagas_says_settled_when_all_is_done_and_never_before() {
    for fails in 0..3 {
        let world = World::new(4);
        opens_hospital(&world).await;
        for command in ["ClaimIdentifier", "LinkPatient", "DraftInvoice", "EndRegistration"] {
            world.bus.faults.lock().insert(command, Fault::Fails(fails));
        }
        let onlooker = Settling::start(world.log.clone(), world.documents.clone());
        let engine = world.start().await;
        for (name, claims) in [("ada", ["c1", "c2"]), ("bob", ["c3", "c2"])] {
            let asked = asks_to_register(&world, name, &claims).await;
            let booked = books(&world, name, "2025-03-10T09:00:00Z").await;
            for (correlation, token) in [asked, booked] {
                let all = told_by_others(&onlooker, correlation, &token).await;
                let then = positions_under(&world, correlation);
                assert!(engine.wait(LONG).await.expect("waits"));
                assert_eq!(positions_under(&world, correlation), then, "{name}: something came after it was settled");
                assert_eq!(all, then, "{name}, {fails} failures");
                let own = engine.settled(correlation, &token, LONG).await.expect("waits");
                assert_eq!(own, Some(all), "both say the same");
            }
        }
        engine.stop().await;
    }
}

#[tokio::test]
async fn others_are_not_told_often_while_much_happens() {
    let world = World::new(1);
    opens_hospital(&world).await;
    let engine = world.start().await;
    let (before, begun) = (world.documents.written("sagas#progress"), Instant::now());
    for number in 0..200 {
        books(&world, &format!("ada-{number}"), "2025-03-10T09:00:00Z").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // After 50, 100 and 200 ms, then every 400.
    let most = begun.elapsed().as_millis() as usize / 400 + 5;
    let often = world.documents.written("sagas#progress") - before;
    assert!((2..=most).contains(&often), "told {often} times, {most} were enough");
    engine.stop().await;
}

#[tokio::test]
async fn what_could_not_be_told_is_told_as_soon_as_it_can_be_though_nothing_more_comes() {
    let world = World::new(1);
    opens_hospital(&world).await;
    let engine = world.start().await;
    world.documents.refuse("sagas#progress", "0");
    let (correlation, token) = asks_to_register(&world, "ada", &["c1"]).await;
    assert!(engine.wait(LONG).await.expect("waits"));
    let all = world.log.all().len() as u64;
    let refused = async || world.documents.refused_at().is_some_and(|at| at.offset == all);
    until("that all is handled is to be told, and is refused", refused).await;
    world.documents.refuse_nothing();
    let onlooker = Settling::start(world.log.clone(), world.documents.clone());
    assert!(includes(&told_by_others(&onlooker, correlation, &token).await, &token));
    engine.stop().await;
}

#[tokio::test]
async fn a_dead_letter_keeps_a_command_open_for_everybody_until_its_retry_is_handled() {
    let world = World::new(1);
    opens_hospital(&world).await;
    let onlooker = Settling::start(world.log.clone(), world.documents.clone());
    let engine = world.start().await;
    world.bus.faults.lock().insert("DraftInvoice", Fault::Refused);
    let (correlation, token) = books(&world, "ada", "2025-03-10T09:00:00Z").await;
    let (later, ended) = ends(&world, "ada").await;
    assert!(engine.wait(LONG).await.expect("waits"));
    tokio::time::sleep(Duration::from_millis(100)).await; // What is handled is told by now.
    for (correlation, token) in [(correlation, &token), (later, &ended)] {
        assert_eq!(onlooker.settled(correlation, token, Duration::ZERO).await.expect("asked"), None, "parked");
    }
    world.bus.faults.lock().insert("DraftInvoice", Fault::Fails(2));
    let letter = engine.list().await.expect("a list").dead_letters.remove(0);
    engine
        .retry(&letter.saga, &letter.instance, &letter.step, Actor::system("operator"), Credential::default())
        .await
        .expect("a retry");
    for (correlation, token, last) in [(correlation, token, "DraftInvoice"), (later, ended, "IssueInvoice")] {
        let all = told_by_others(&onlooker, correlation, &token).await;
        assert!(includes(&all, &positions_of(&world, last)) && world.commands().contains(&last), "{last}");
    }
    // What the instance had done before it was parked stays settled when it is parked again.
    engine.stop().await;
    assert_eq!(engine_of_nothing(&world).await.dead_letters, vec![]);
}

/// What an engine shows that works on no partition.
async fn engine_of_nothing(world: &World) -> Overview {
    let engine = world.start_with(Fixed::none()).await;
    let overview = engine.list().await.expect("a list");
    engine.stop().await;
    overview
}

#[tokio::test]
async fn what_waits_for_somebody_is_shown_elsewhere_also_while_another_step_is_tried_for_long() {
    let world = World { retry_for: Duration::from_secs(3_600), ..World::new(1) };
    let faults = [("ClaimIdentifier", Fault::Fails(u32::MAX)), ("DraftInvoice", Fault::Refused)];
    world.bus.faults.lock().extend(faults);
    asks_to_register(&world, "ada", &["c1"]).await; // Here the checkpoint stays: at the first event.
    opens_hospital(&world).await;
    books(&world, "bob", "2025-03-10T09:00:00Z").await;
    let engine = world.start().await;
    let kept = async || [world.documents.count("sagas#letters"), world.documents.count("sagas#alarms-0")] == [1, 1];
    until("the dead letter and the alarm are kept", kept).await;
    assert_eq!(world.documents.count("sagas#checkpoint"), 0);
    let seen = engine_of_nothing(&world).await;
    assert_eq!(seen.dead_letters, engine.list().await.expect("a list").dead_letters);
    engine.stop().await;
}

#[tokio::test]
async fn an_engine_that_works_on_nothing_shows_what_others_left_and_has_it_retried() {
    let world = World::new(4);
    opens_hospital(&world).await;
    world.bus.faults.lock().insert("DraftInvoice", Fault::Refused);
    books(&world, "ada", "2025-03-10T09:00:00Z").await;
    let engine = world.start().await;
    assert!(engine.wait(LONG).await.expect("waits"));
    let known = engine.list().await.expect("a list");
    assert!(known.partitions.iter().all(|each| each.here));
    engine.stop().await;
    let seen = engine_of_nothing(&world).await;
    assert!(seen.partitions.iter().all(|each| !each.here && each.handled == each.head), "{seen:?}");
    assert_eq!(seen.dead_letters, known.dead_letters);
    let alarms = |overview: &Overview| overview.sagas.iter().map(|saga| (saga.name, saga.alarms)).collect::<Vec<_>>();
    assert_eq!(alarms(&seen), alarms(&known));
    assert!(alarms(&seen).iter().any(|(_, alarms)| *alarms > 0));
    let (letter, elsewhere) = (&seen.dead_letters[0], world.start_with(Fixed::none()).await);
    elsewhere
        .retry(&letter.saga, &letter.instance, &letter.step, Actor::system("operator"), Credential::default())
        .await
        .expect("a retry");
    world.bus.faults.lock().clear();
    world.run().await;
    assert_eq!(elsewhere.list().await.expect("a list").dead_letters, vec![]);
    elsewhere.stop().await;
    assert_eq!(world.commands(), ["RetrySagaStep", "DraftInvoice"]);
}
