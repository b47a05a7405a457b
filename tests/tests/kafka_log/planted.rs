//! Faults that are planted in the log on Kafka: each is seen by a check that passes without it.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{EventLog, Root};
use carelog_kafka::{Faults, KafkaLog};
use carelog_tests::contract::event_log::{batch, stream_in};
use carelog_tests::servers::kafka::Kafka;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ghost::Ghost;
use crate::home::{KafkaHome, durably, fill, one, slot, until};

/// Epochs that are taken away under writers.
const ROUNDS: u64 = 10;
const WRITERS: u32 = 8;
/// Batches that are acknowledged before the next epoch is taken away.
const TOLD_IN_A_ROUND: u64 = 12;

async fn owning(home: &KafkaHome, faults: Faults) -> KafkaLog {
    let mut options = home.options("north");
    options.limits.barrier = Duration::from_secs(1);
    options.faults = faults;
    KafkaHome::open_owning(options).await
}

/// Whether a node that is cut off says that it may answer.
async fn answers_while_cut_off(faults: Faults) -> bool {
    let kafka = Arc::new(Kafka::start(1));
    let home = KafkaHome::new(&kafka, 1);
    let north = owning(&home, faults).await;
    fill(&north, "before", 3).await;
    let frozen = kafka.freeze(0);
    let answers = north.confirm(slot()).await.is_ok();
    drop(frozen);
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_barrier_that_is_skipped_is_seen() {
    assert!(!answers_while_cut_off(Faults::default()).await);
    assert!(answers_while_cut_off(Faults { skip_read_barrier: true, ..Faults::default() }).await);
}

/// Whether a frame counts that an owner of before still delivers.
async fn an_old_epoch_counts(faults: Faults) -> bool {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let mut ghost = Ghost::new(&home);
    ghost.claim_at(1, Uuid::now_v7(), (0, Root(Sha256::digest([]).into())));
    let north = owning(&home, faults).await;
    for frame in ghost.frames(one("ghost")).await {
        ghost.event(1, &frame);
    }
    // Behind it, or not at all: what it makes of this does not matter.
    if let Ok(accepted) = north.append(one("north")).await {
        drop(accepted.durable.await);
    }
    north.catch_up(Partition(0)).await.expect("Kafka answers");
    north.find_command(slot(), one("ghost").command).await.expect("a look-up").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_epoch_that_is_accepted_is_seen() {
    assert!(!an_old_epoch_counts(Faults::default()).await);
    assert!(an_old_epoch_counts(Faults { accept_old_epochs: true, ..Faults::default() }).await);
}

/// How many acknowledged batches are gone after another has claimed the partition again and again.
async fn lost_when_taken_away(faults: Faults) -> usize {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let north = Arc::new(owning(&home, faults).await);
    durably(&north, one("first")).await;
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let told = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (north, over, told) = (north.clone(), over.clone(), told.clone());
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                if over.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let stream = stream_in(slot(), "thing", 2 + writer);
                let asked = batch(slot(), &format!("{writer} {number}")).event(&stream, "Made", &[], "{}").build();
                let command = asked.command;
                let Ok(accepted) = north.append(asked).await else {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    continue;
                };
                let durable = tokio::time::timeout(Duration::from_secs(5), accepted.durable);
                if matches!(durable.await, Ok(Ok(()))) {
                    acknowledged.push(command);
                    told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
            acknowledged
        });
    }
    let ghost = Ghost::new(&home);
    for round in 0..ROUNDS {
        let own = 2 * round + 1;
        let owner = until(&north, 0, |now| now.owning() == Some(own)).await.owner.expect("an owner");
        // In the middle of writing, however slow.
        let before = told.load(std::sync::atomic::Ordering::Relaxed);
        let some = async {
            while told.load(std::sync::atomic::Ordering::Relaxed) < before + TOLD_IN_A_ROUND {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), some).await.expect("batches are acknowledged");
        let head = north.head().await.expect("a head").remove(0);
        tokio::task::block_in_place(|| ghost.claim_at(own + 1, owner.lineage, (head.size, head.root)));
    }
    until(&north, 0, |now| now.owning() == Some(2 * ROUNDS + 1)).await;
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    let acknowledged = writers.join_all().await.concat();
    let mut lost = 0;
    for command in acknowledged {
        lost += usize::from(north.find_command(slot(), command).await.expect("a look-up").is_none());
    }
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_at_delivery_is_seen() {
    assert_eq!(lost_when_taken_away(Faults::default()).await, 0);
    assert!(lost_when_taken_away(Faults { acknowledge_at_delivery: true, ..Faults::default() }).await > 0);
}
