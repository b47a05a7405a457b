//! Waiting until everything that a command led to is handled.

use std::time::Duration;

use carelog_domain::kernel::{CommandId, Token};
use carelog_domain::ports::{Settlement, Stored};

use crate::story::*;
use crate::world::World;
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
