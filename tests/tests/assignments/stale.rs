//! Two processes at work on the same partitions: who lost one writes nothing over what the other has done.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::{CommandId, PatientId};
use carelog_domain::ports::{
    BoxFuture, CommandBus, CommandDone, CommandError, CommandRequest, DocumentKey, EventLog, Fixed, Freshness,
};
use carelog_projections::{Projections, operations};
use carelog_schemas::read_models::MODELS;
use tokio::sync::watch;

use super::*;

/// Lets two processes keep all read models up at the same time; says what is wrong with them afterwards.
async fn kept_up_by_two() -> Vec<String> {
    let cluster = Cluster::new();
    let all = || Arc::new(Fixed::all(PARTITIONS));
    let (first, second) = tokio::join!(
        Projections::start(cluster.reading(&cluster.stores, all())),
        Projections::start(cluster.reading(&cluster.stores, all()))
    );
    let processes = [first.expect("started"), second.expect("started")];
    let sagas = cluster.sagas(&cluster.stores, all()).await;
    let hospitals = Hospitals::open(&cluster).await;
    for patient in 0..16 {
        let registered = hospitals.register(patient).await;
        assert!(sagas.wait(LONG).await.expect("asked"));
        if patient % 10 != 9 {
            hospitals.book(patient, PatientId(registered.subject)).await; // A seat counts, so twice is too many.
        }
    }
    sagas.stop().await;
    let end = cluster.end().await;
    for process in &processes {
        assert!(process.reached(&[], &end, LONG).await.expect("asked"), "{:#?}", process.registry().await);
        process.stop().await;
    }
    let mut wrong = Vec::new();
    for model in MODELS {
        let deps = cluster.reading(&cluster.stores, Arc::new(Fixed::none()));
        let verdict = operations::verify(&deps, None, model.name, true, QUIET).await.expect("verified");
        wrong.extend((!verdict.holds()).then(|| verdict.to_string()));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_on_the_same_partitions_apply_every_event_once() {
    let _sound = SOUND.read().await;
    assert_eq!(kept_up_by_two().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn checkpoints_moved_without_a_look_are_found_out() {
    let _alone = SOUND.write().await;
    carelog_projections::faults::move_checkpoints_blindly(true);
    let wrong = kept_up_by_two().await;
    carelog_projections::faults::move_checkpoints_blindly(false);
    assert!(!wrong.is_empty(), "the fault was planted and nothing is wrong");
}

/// A way to the write side on which everything is held up, or all that belongs to one chain.
struct HeldBus {
    bus: Arc<dyn CommandBus>,
    always: CommandId,
    open: watch::Sender<bool>,
}

impl CommandBus for HeldBus {
    fn send(&self, request: CommandRequest) -> BoxFuture<'_, Result<CommandDone, CommandError>> {
        Box::pin(async move {
            let mut open = self.open.subscribe();
            let _ = open.wait_for(|open| *open).await;
            if request.correlation == Some(self.always) {
                std::future::pending::<()>().await;
            }
            self.bus.send(request).await
        })
    }
}

async fn handled(cluster: &Cluster, partition: u16) -> u64 {
    let key = DocumentKey { partition_key: "sagas#checkpoint".to_owned(), sort_key: partition.to_string() };
    let checkpoint = cluster.stores.documents.get(&key).await.expect("read");
    checkpoint.map_or(0, |document| document.body["next"].as_u64().expect("an offset"))
}

/// A process falls behind another one on the same partitions, and saves its checkpoint after that. The smallest that the
/// checkpoint of a partition was from then on, what it should be, and whether the first one went on from there.
async fn fallen_behind() -> (u64, u64, bool) {
    let cluster = Cluster::new();
    let hospitals = Hospitals::open(&cluster).await;
    // Both in one partition, so that the second is behind the first.
    let first = hospitals.register(1).await;
    let partition = first.token.positions().next().expect("a position").partition;
    let second = loop {
        let next = hospitals.register(rand::random_range(100..1_000_000)).await;
        if next.token.positions().any(|position| position.partition == partition) {
            break next;
        }
    };
    let held = Arc::new(HeldBus { bus: cluster.bus.clone(), always: second.command, open: watch::Sender::new(false) });
    let all = || Arc::new(Fixed::all(PARTITIONS));
    let slow = cluster.sagas_by(held.clone(), &cluster.stores, all()).await;
    let quick = cluster.sagas(&cluster.stores, all()).await;
    assert!(quick.wait(LONG).await.expect("asked"));
    quick.stop().await;
    let size = cluster.log.head().await.expect("heads")[usize::from(partition.0)].size;
    assert_eq!(handled(&cluster, partition.0).await, size);
    held.open.send_replace(true);
    let (mut least, mut caught_up) = (size, false);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        least = least.min(handled(&cluster, partition.0).await);
        let overview = slow.list().await.expect("listed");
        caught_up |= overview.partitions[usize::from(partition.0)].handled == size;
        if caught_up || least < size {
            break;
        }
    }
    // It is not stopped: a stop waits for the step that is held up for ever.
    (least, size, caught_up)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_engine_that_fell_behind_leaves_the_checkpoint_and_goes_on_from_there() {
    let _sound = SOUND.read().await;
    let (least, size, caught_up) = fallen_behind().await;
    assert_eq!((least, caught_up), (size, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_checkpoint_of_the_sagas_saved_without_a_look_is_found_out() {
    let _alone = SOUND.write().await;
    carelog_sagas::faults::save_checkpoints_blindly(true);
    let (least, size, _) = fallen_behind().await;
    carelog_sagas::faults::save_checkpoints_blindly(false);
    assert!(least < size, "the fault was planted and the checkpoint still stands at {size}");
}
