//! Steps that fail, answers that are lost, steps nobody can carry out.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::billing::BillingRejection;
use carelog_domain::kernel::Actor;
use carelog_domain::ports::{
    Assigned, Assignment, BoxFuture, BoxStream, CommandBus, CommandDone, CommandError, CommandRequest, Credential,
    Fixed,
};
use futures::StreamExt;

use crate::story::*;
use crate::world::{World, until};
use crate::write_side::Fault;

const COMMANDS: [&str; 14] = [
    "DraftInvoice",
    "IssueInvoice",
    "ClaimIdentifier",
    "ConfirmClaim",
    "RegisterPatient",
    "LinkPatient",
    "EndRegistration",
    "CancelDraft",
    "RepriceDraft",
    "CreditInvoice",
    "OpenDays",
    "StartProcessing",
    "ReleaseClaim",
    "RecordIdentifier",
];

async fn tell_the_story(world: &World) {
    *world.reader.reads.lock() = Some(nothing_much());
    opens_hospital(world).await;
    plans(world).await;
    hands_in(world, "1").await;
    withdraws(world, "1").await;
    asks_to_register(world, "ada", &["c1"]).await;
    asks_to_add(world, "eve", "c7", "one").await;
    books(world, "ada", "2025-03-10T09:00:00Z").await;
    books(world, "bob", "2025-03-10T09:15:00Z").await;
    moves_to_a_dearer_day(world, "ada", "2025-03-10T09:00:00Z", "2025-03-10T10:00:00Z").await;
    ends(world, "ada").await;
    misses(world, "bob").await;
    came_after_all(world, "bob").await;
}

async fn undisturbed() -> Vec<&'static str> {
    let world = World::new(1);
    tell_the_story(&world).await;
    world.run().await;
    sorted(&world)
}

fn sorted(world: &World) -> Vec<&'static str> {
    let mut commands = world.commands();
    commands.retain(|command| *command != "RetrySagaStep");
    commands.sort_unstable();
    commands
}

#[tokio::test]
async fn every_step_that_fails_is_tried_again_and_every_answer_that_is_lost_is_asked_for_again() {
    let expected = undisturbed().await;
    for command in COMMANDS {
        for fault in [Fault::Fails(2), Fault::Lost(2), Fault::Busy(2)] {
            let world = World::new(1);
            world.bus.faults.lock().insert(command, fault);
            tell_the_story(&world).await;
            world.run().await;
            assert_eq!(sorted(&world), expected, "{command}");
            assert_eq!(world.count("SagaStepFailed"), 0, "{command}");
        }
    }
}

#[tokio::test]
async fn a_step_that_keeps_failing_is_a_dead_letter_until_somebody_retries_it() {
    let expected = undisturbed().await;
    for command in COMMANDS {
        for fault in [Fault::Refused, Fault::Fails(u32::MAX)] {
            let world = World::new(1);
            world.bus.faults.lock().insert(command, fault);
            tell_the_story(&world).await;
            world.run().await;
            world.bus.faults.lock().clear();
            world.run().await; // A restart alone retries nothing.
            let engine = world.start().await;
            let letters = engine.list().await.expect("a list").dead_letters;
            assert!(!letters.is_empty(), "{command}");
            for letter in &letters {
                let actor = Actor::system("operator");
                let retried =
                    engine.retry(&letter.saga, &letter.instance, &letter.step, actor, Credential::default()).await;
                retried.expect("a retry");
            }
            assert!(engine.wait(Duration::from_secs(10)).await.expect("waits"));
            assert_eq!(engine.list().await.expect("a list").dead_letters, vec![], "{command}");
            engine.stop().await;
            assert_eq!(sorted(&world), expected, "{command}");
            world.documents.forget_all();
            world.run().await;
            assert_eq!(sorted(&world), expected, "{command}, all handled again");
        }
    }
}

#[tokio::test]
async fn a_store_that_is_away_for_long_is_waited_for_and_leaves_no_dead_letter() {
    let expected = undisturbed().await;
    for command in COMMANDS {
        let world = World { retry_for: Duration::from_secs(3_600), ..World::new(1) };
        world.bus.faults.lock().insert(command, Fault::Fails(30));
        tell_the_story(&world).await;
        world.run().await;
        assert_eq!(sorted(&world), expected, "{command}");
        assert_eq!(world.count("SagaStepFailed"), 0, "{command}: it was given up");
    }
}

#[tokio::test]
async fn the_end_of_an_addition_that_is_refused_is_tried_again_too() {
    for fault in [Fault::Fails(2), Fault::Lost(2), Fault::Busy(2)] {
        let world = World::new(1);
        world.bus.somebody_holds("c8");
        world.bus.faults.lock().insert("RefuseIdentifier", fault);
        asks_to_add(&world, "eve", "c8", "one").await;
        asks_to_add(&world, "eve", "c7", "one").await;
        world.run().await;
        let ended = ["ClaimIdentifier", "ConfirmClaim", "RecordIdentifier", "RefuseIdentifier"];
        assert_eq!(sorted(&world), ended, "one request added, one refused");
        assert_eq!(world.count("SagaStepFailed"), 1, "the claim");
        world.documents.forget_all();
        world.run().await;
        assert_eq!(world.commands().len(), 4, "all handled again");
    }
}

#[tokio::test]
async fn a_parked_instance_holds_up_no_other_one() {
    let world = World::new(1);
    opens_hospital(&world).await;
    world.bus.faults.lock().insert("DraftInvoice", Fault::Refused);
    books(&world, "ada", "2025-03-10T09:00:00Z").await;
    world.run().await;
    world.bus.faults.lock().clear();
    ends(&world, "ada").await;
    books(&world, "bob", "2025-03-10T09:15:00Z").await;
    ends(&world, "bob").await;
    let engine = world.start().await;
    assert!(engine.wait(Duration::from_secs(10)).await.expect("waits"));
    assert_eq!(world.commands(), ["DraftInvoice", "IssueInvoice"], "bob's");
    let letters = engine.list().await.expect("a list").dead_letters;
    assert_eq!(letters.len(), 1);
    let actor = Actor::system("operator");
    engine
        .retry(&letters[0].saga, &letters[0].instance, &letters[0].step, actor, Credential::default())
        .await
        .expect("a retry");
    assert!(engine.wait(Duration::from_secs(10)).await.expect("waits"));
    assert_eq!(world.commands()[2..], ["RetrySagaStep", "DraftInvoice", "IssueInvoice"], "ada's, with what waited");
    engine.stop().await;
}

#[tokio::test]
async fn what_is_no_dead_letter_cannot_be_retried() {
    let world = World::new(1);
    opens_hospital(&world).await;
    asks_to_register(&world, "ada", &["c1"]).await;
    asks_to_register(&world, "bob", &["c1"]).await;
    world.run().await;
    let engine = world.start().await;
    let instance = format!("{}:{}", patient("bob"), hospital());
    for (saga, code) in [("patient-registration", "saga-step-unknown"), ("no-saga", "saga-unknown")] {
        let refused =
            engine.retry(saga, &instance, "claim.0.1", Actor::system("operator"), Credential::default()).await;
        let Err(CommandError::Rejected(rejection)) = refused else { panic!("a rejection") };
        assert_eq!(rejection.code, code);
    }
    engine.stop().await;
}

#[tokio::test]
async fn of_two_registrations_with_the_same_identifier_one_ends_well_and_one_is_refused() {
    let world = World::new(4);
    opens_hospital(&world).await;
    for name in ["ada", "bob", "eve", "dan"] {
        asks_to_register(&world, name, &["c1", "c2"]).await;
    }
    world.run().await;
    let commands = world.commands();
    let count = |name: &str| commands.iter().filter(|command| **command == name).count();
    assert_eq!((count("RegisterPatient"), count("LinkPatient"), count("EndRegistration")), (1, 1, 4));
    let owners: std::collections::BTreeSet<_> = world.bus.claims().into_values().collect();
    assert_eq!(owners.len(), 1, "one patient owns both identifiers");
}

#[tokio::test]
async fn a_log_that_is_shorter_or_another_one_than_the_sagas_followed_stops_the_start() {
    let world = World::new(1);
    tell_the_story(&world).await;
    world.run().await;
    world.documents.forge("sagas#checkpoint", |body| body["root"] = "00".repeat(32).into());
    let failure = world.try_start().await.err().expect("a failure");
    assert!(failure.message.contains("is not the log that the sagas followed"), "{failure}");
    world.documents.forge("sagas#checkpoint", |body| body["next"] = 1_000_000.into());
    let failure = world.try_start().await.err().expect("a failure");
    assert!(failure.message.contains("lost some or is another one"), "{failure}");
}

#[tokio::test]
async fn a_visit_is_drafted_again_and_issued_when_its_fee_was_credited_by_hand_before() {
    let world = World::new(1);
    opens_hospital(&world).await;
    world.bus.faults.lock().insert("CreditInvoice", Fault::DoneByHand);
    books(&world, "ada", "2025-03-10T09:00:00Z").await;
    misses(&world, "ada").await;
    came_after_all(&world, "ada").await;
    ends(&world, "ada").await;
    world.run().await;
    let charged = ["DraftInvoice", "CancelDraft", "DraftInvoice", "IssueInvoice"];
    assert_eq!(world.commands()[..4], charged, "the visit, then the fee");
    assert_eq!(world.commands()[4..], ["DraftInvoice", "IssueInvoice"], "the visit again");
    world.documents.forget_all();
    world.run().await;
    assert_eq!(world.commands().len(), 6, "all handled again");
    let engine = world.start().await;
    assert_eq!(engine.list().await.expect("a list").dead_letters, vec![]);
    engine.stop().await;
}

/// A write side that does not let anybody draft an invoice.
struct NoDrafts(Arc<dyn CommandBus>);

impl CommandBus for NoDrafts {
    fn send(&self, request: CommandRequest) -> BoxFuture<'_, Result<CommandDone, CommandError>> {
        if request.command.name() == "DraftInvoice" {
            return Box::pin(async { Err(CommandError::Rejected(BillingRejection::InvoiceUnknown.into())) });
        }
        self.0.send(request)
    }
}

#[tokio::test]
async fn two_engines_of_which_one_is_refused_agree_on_how_the_step_ended() {
    for refused_first in [true, false] {
        let world = World::new(1);
        opens_hospital(&world).await;
        books(&world, "ada", "2025-03-10T09:00:00Z").await;
        let refused: Arc<dyn CommandBus> = Arc::new(NoDrafts(world.bus.clone()));
        let buses = if refused_first { [refused, world.bus.clone()] } else { [world.bus.clone(), refused] };
        let mut engines = vec![];
        for bus in buses {
            engines.push(world.start_by(bus).await);
        }
        let mut letters = vec![];
        for engine in &engines {
            assert!(engine.wait(Duration::from_secs(10)).await.expect("waits"));
            letters.push(engine.list().await.expect("a list").dead_letters);
        }
        assert_eq!(letters[0], letters[1]);
        assert_eq!(world.count("SagaStepDone") + world.count("SagaStepFailed"), 1, "one record of how it ended");
        assert_eq!(letters[0].len(), world.count("SagaStepFailed"));
        for engine in engines {
            engine.stop().await;
        }
    }
}

/// Nothing at first, then two partitions.
struct Later;

impl Assignment for Later {
    fn follow(&self) -> BoxStream<'static, Assigned> {
        Fixed::none().follow().take(1).chain(Fixed::all(2).follow()).boxed()
    }
}

#[tokio::test]
async fn a_partition_that_cannot_be_loaded_keeps_no_other_waiting() {
    let world = World::new(2);
    opens_hospital(&world).await;
    for name in ["ada", "bob", "eve", "dan"] {
        asks_to_register(&world, name, &[name]).await;
    }
    world.documents.refuse("sagas#checkpoint", "0");
    let engine = world.start_with(Later).await;
    let handled = async || {
        let partitions = engine.list().await.expect("a list").partitions;
        let [first, second] = &partitions[..] else { panic!("two partitions") };
        assert!(!first.here && first.head > 0 && second.head > 0);
        second.here && second.handled == second.head
    };
    until("the second is handled without the first", handled).await;
    world.documents.refuse_nothing();
    assert!(engine.wait(Duration::from_secs(10)).await.expect("waits"));
    assert_eq!(world.commands().iter().filter(|name| **name == "EndRegistration").count(), 4);
    engine.stop().await;
}
