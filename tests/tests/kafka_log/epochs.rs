//! Two nodes at odds, and records that must not count.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use carelog_domain::kernel::{Partition, Position, Version};
use carelog_domain::ports::{
    AppendError, Batch, BoxFuture, EventLog, Failure, Head, Node, Owner, Peers, Root, Term, Unanswered,
};
use carelog_kafka::{KafkaLog, Membership, NotOwner, Role};
use carelog_tests::contract::event_log::{batch, everything, stream_in};
use carelog_tests::servers::kafka::Kafka;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ghost::Ghost;
use crate::home::{KafkaHome, durably, fill, one, slot, until};

async fn head(log: &KafkaLog) -> Head {
    log.head().await.expect("a head").remove(0)
}

fn nothing() -> (u64, Root) {
    (0, Root(Sha256::digest([]).into()))
}

fn not_owner(failure: &Failure) -> &NotOwner {
    let cause = failure.source.as_ref().and_then(|cause| cause.downcast_ref());
    cause.unwrap_or_else(|| panic!("another failure: {failure:?}"))
}

/// What a node that builds everything from the topic makes of it.
async fn as_another_node_sees_it(home: &KafkaHome) -> (Head, String) {
    let name = format!("observer-{}", Uuid::now_v7());
    let mut options = home.options(&name);
    // In the group of somebody who does not exist it would take over; it only reads, and is closed.
    options.membership = Membership::Group(name);
    let log = KafkaHome::open_with(options).await;
    (head(&log).await, format!("{:?}", everything(&log, Partition(0)).await))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_takes_over_knows_all_that_was_acknowledged() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let north = KafkaHome::open_owning(home.options("north")).await;
    fill(&north, "north", 30).await;
    let left = head(&north).await;
    drop(north);
    let south = KafkaHome::open_owning(home.options("south")).await;
    assert_eq!(head(&south).await, left);
    assert!(durably(&south, one("north 7")).await.repeated);
    assert_eq!(durably(&south, one("south")).await.events[0].version, Version(31));
    assert_eq!(until(&south, 0, |_| true).await.owning(), Some(2));
}

/// A node that takes what it is asked and never answers.
struct CutOff;

impl Peers for CutOff {
    fn ask(&self, _: &Node, _: &'static str, _: Bytes) -> BoxFuture<'_, Result<Bytes, Unanswered>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_does_not_answer_is_waited_for_until_another_owns() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let north = KafkaHome::open_owning(home.options("north")).await;
    fill(&north, "north", 1).await;
    let mut options = home.options("east");
    options.membership = Membership::Observer;
    options.peers = Some(Arc::new(CutOff));
    let east = KafkaHome::open_with(options).await;
    let mut asked = east.append(one("east"));
    let early = tokio::time::timeout(Duration::from_millis(500), &mut asked).await;
    assert!(early.is_err(), "north owns it and may yet answer");
    drop(north);
    let south = KafkaHome::open_owning(home.options("south")).await;
    let told = tokio::time::timeout(Duration::from_secs(20), asked).await.expect("north is not waited for any more");
    let Err(AppendError::Failed(failure)) = told else { panic!("nobody said what became of it") };
    assert!(failure.retry_helps, "{failure}");
    assert!(!durably(&south, one("east")).await.repeated, "nobody had appended it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_group_shares_partitions_and_hands_them_on() {
    let home = KafkaHome::new(&Kafka::shared(), 4);
    let in_group = |node: &str| {
        let mut options = home.options(node);
        options.membership = Membership::Group(home.topic.clone());
        options
    };
    let north = KafkaHome::open_owning(in_group("north")).await;
    fill(&north, "north", 10).await;
    let south = KafkaHome::open_with(in_group("south")).await;
    let begun = Instant::now();
    let owned = |log: &KafkaLog| -> Vec<bool> {
        let owning = |partition| log.standing(Partition(partition)).expect("a partition").borrow().owning().is_some();
        (0..4).map(owning).collect()
    };
    loop {
        let (norths, souths) = (owned(&north), owned(&south));
        if souths.iter().filter(|owns| **owns).count() == 2 && norths.iter().zip(&souths).all(|(n, s)| n != s) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "the partitions were not shared: {norths:?} {souths:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (owner, other, name) = if owned(&north)[0] { (&north, &south, "north") } else { (&south, &north, "south") };
    assert!(durably(owner, one("north 3")).await.repeated, "what was acknowledged before is known to the new owner");
    let owners = until(other, 0, |now| now.owner.as_ref().is_some_and(|owner| owner.node == name)).await;
    assert_eq!(owners.owner.expect("an owner").address, format!("{name}.example:8443"));
    let Err(AppendError::Failed(failure)) = other.append(one("new")).await else { panic!("it was taken") };
    assert_eq!(not_owner(&failure).owner, Some((name.to_owned(), format!("{name}.example:8443"))));
    let elsewhere = Node { name: name.to_owned(), address: format!("{name}.example:8443") };
    assert_eq!(other.owner(Partition(0)), Owner::Elsewhere(elsewhere));
    other.catch_up(Partition(0)).await.expect("whoever follows can read up to now");
    assert!(not_owner(&other.confirm(slot()).await.expect_err("it does not own it")).owner.is_some());
    drop(north);
    for partition in 0..4 {
        until(&south, partition, |now| now.owning().is_some()).await;
    }
    assert_eq!(durably(&south, one("south")).await.events[0].version, Version(11));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_an_old_epoch_between_new_ones_do_not_count() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let mut ghost = Ghost::new(&home);
    ghost.claim_at(1, Uuid::now_v7(), nothing());
    for frame in ghost.frames(one("ghost 0")).await {
        ghost.event(1, &frame);
    }
    let north = KafkaHome::open_owning(home.options("north")).await;
    assert_eq!((head(&north).await.size, until(&north, 0, |_| true).await.owning()), (1, Some(2)));
    for number in 1..6 {
        // At the very place that is next.
        for frame in ghost.frames(one(&format!("ghost {number}"))).await {
            ghost.event(1, &frame);
        }
        durably(&north, one(&format!("north {number}"))).await;
    }
    assert!(north.find_command(slot(), one("ghost 0").command).await.expect("a look-up").is_some());
    assert!(north.find_command(slot(), one("ghost 1").command).await.expect("a look-up").is_none());
    let seen = (head(&north).await, format!("{:?}", everything(&north, Partition(0)).await));
    assert_eq!(seen.0.size, 6);
    assert_eq!(until(&north, 0, |_| true).await.owning(), Some(2), "nothing of it was in its way");
    drop(north);
    assert_eq!(as_another_node_sees_it(&home).await, seen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incomplete_batch_of_a_dead_owner_never_counts() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let mut ghost = Ghost::new(&home);
    ghost.claim_at(1, Uuid::now_v7(), nothing());
    let stream = stream_in(slot(), "thing", 1);
    let two = batch(slot(), "two").event(&stream, "Made", &["t:1"], "{}").event(&stream, "Made", &[], "{}").build();
    let frames = ghost.frames(two.clone()).await;
    ghost.event(1, &frames[0]);
    let north = KafkaHome::open_owning(home.options("north")).await;
    assert_eq!(head(&north).await.size, 0);
    ghost.event(1, &frames[1]); // It was on its way all the time.
    let again = durably(&north, two).await;
    assert!(!again.repeated, "it never happened");
    assert_eq!(again.events.iter().map(|event| event.position.offset).collect::<Vec<_>>(), [0, 1]);
    let seen = (head(&north).await, format!("{:?}", everything(&north, Partition(0)).await));
    drop(north);
    assert_eq!(as_another_node_sees_it(&home).await, seen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_reads_of_a_new_epoch_answers_nothing_from_its_own() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let north = KafkaHome::open_owning(home.options("north")).await;
    fill(&north, "north", 5).await;
    let (size, owner) = (head(&north).await, until(&north, 0, |_| true).await.owner.expect("an owner"));
    let ghost = Ghost::new(&home);
    // Accepted, and perhaps sent, but the ghost's claim may stand before it.
    let (accepted, _) = tokio::join!(north.append(one("at the border")), async {
        ghost.claim_at(2, owner.lineage, (size.size, size.root));
    });
    let accepted = accepted.expect("taken").durable.await;
    let standing = until(&north, 0, |now| now.owning().is_some_and(|epoch| epoch >= 3)).await;
    assert_eq!(standing.owning(), Some(3), "it is alone, so it takes over anew");
    let known = north.find_command(slot(), one("at the border").command).await.expect("a look-up").is_some();
    assert!(known || accepted.is_err(), "acknowledged and lost");
    durably(&north, one("at the border")).await;
    assert_eq!(head(&north).await.size, 6, "once, whatever became of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_of_an_epoch_that_ended_is_never_appended() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let north = KafkaHome::open_owning(home.options("north")).await;
    fill(&north, "north", 5).await;
    let decided = |key: &str, term| {
        batch(slot(), key).event(&stream_in(slot(), "thing", 1), "Made", &[], "{}").in_term(Term(term)).build()
    };
    assert_eq!(north.owner(Partition(0)), Owner::Here(Term(1)));
    durably(&north, decided("decided and appended in the first", 1)).await;
    let (size, owner) = (head(&north).await, until(&north, 0, |_| true).await.owner.expect("an owner"));
    Ghost::new(&home).claim_at(2, owner.lineage, (size.size, size.root));
    until(&north, 0, |now| now.owning() == Some(3)).await;
    let stale = north.append(decided("decided in the first", 1)).await;
    assert!(matches!(stale, Err(AppendError::TermOver { decided: Term(1) })), "its own, and yet another term");
    durably(&north, decided("decided in the first", 3)).await;
    assert_eq!(north.owner(Partition(0)), Owner::Here(Term(3)));
}

/// Both believe that the partition is theirs, and take it from each other all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_claim_the_same_epochs_lose_nothing_and_do_nothing_twice() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let (north, south) =
        tokio::join!(KafkaHome::open_with(home.options("north")), KafkaHome::open_with(home.options("south")));
    let nodes = [Arc::new(north), Arc::new(south)];
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4u32 {
        let nodes = nodes.clone();
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                if number > 15 && epoch(&nodes[0]) > 8 {
                    break;
                }
                let asked = in_stream(writer, &format!("{writer} {number}"));
                acknowledged.push((asked.command, until_acknowledged(&nodes, asked).await));
            }
            acknowledged
        });
    }
    let acknowledged: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    drop(nodes);
    let log = KafkaHome::open_owning(home.options("east")).await;
    let events = everything(&log, Partition(0)).await;
    assert_eq!(events.len(), acknowledged.len(), "each once");
    for (command, position) in acknowledged {
        let context = &events[position.offset as usize].context;
        assert_eq!((context.command, context.position), (command, position), "where it was acknowledged");
    }
}

fn epoch(log: &KafkaLog) -> u64 {
    log.standing(Partition(0)).expect("a partition").borrow().owner.as_ref().map_or(0, |owner| owner.epoch)
}

fn in_stream(writer: u32, key: &str) -> Batch {
    batch(slot(), key).event(&stream_in(slot(), "thing", writer), "Made", &["t:1"], "{}").build()
}

/// Asks one node and the other with the same key until one says that it is durable.
async fn until_acknowledged(nodes: &[Arc<KafkaLog>; 2], asked: Batch) -> Position {
    let begun = Instant::now();
    for node in nodes.iter().cycle() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody takes {}", asked.command);
        if let Ok(accepted) = node.append(asked.clone()).await
            && let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(30), accepted.durable).await
        {
            return accepted.events[0].position;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    unreachable!("a cycle does not end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_exactly_the_largest_size_counts_everywhere() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let north = KafkaHome::open_owning(home.options("north")).await;
    let stream = stream_in(slot(), "thing", 1);
    let of = |key: &str, bytes: usize| {
        let data = format!("\"{}\"", "x".repeat(bytes - 2));
        batch(slot(), key).event(&stream, "Large", &[], &data).build()
    };
    let Err(AppendError::TooLarge { bytes, bytes_max }) = north.append(of("probe", 65_535)).await else {
        panic!("it was taken")
    };
    let fits = 65_535 - (bytes - bytes_max);
    assert!(matches!(north.append(of("over", fits + 1)).await, Err(AppendError::TooLarge { bytes: 65_536, .. })));
    durably(&north, of("exact", fits)).await;
    let mut many = batch(slot(), "many");
    for _ in 0..100 {
        many = many.event(&stream, "Large", &[], &format!("\"{}\"", "x".repeat(fits - 40)));
    }
    assert_eq!(durably(&north, many.build()).await.events.len(), 100);
    let seen = (head(&north).await, format!("{:?}", everything(&north, Partition(0)).await));
    drop(north);
    assert_eq!(as_another_node_sees_it(&home).await, seen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_records_are_passed_over_and_a_later_format_stops_the_partition() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let north = KafkaHome::open_owning(home.options("north")).await;
    let ghost = Ghost::new(&home);
    ghost.send(&[], b"hello");
    ghost.send(&[("carelog", "1".to_owned()), ("kind", "event".to_owned()), ("epoch", "1".to_owned())], b"no frame");
    durably(&north, one("after them")).await;
    ghost.send(&[("carelog", "2".to_owned()), ("kind", "event".to_owned())], b"who knows");
    let stopped = until(&north, 0, |now| matches!(now.role, Role::Stopped(_))).await;
    assert!(stopped.stopped().expect("why").to_string().contains("a record of format 2 at 0:1"), "{stopped:?}");
    let Err(AppendError::Failed(failure)) = north.append(one("more")).await else { panic!("it was taken") };
    assert!(!failure.retry_helps, "{failure:?}");
    assert!(north.failure().expect("it is not ready").contains("update this node"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_read_back_in_time_is_answered_as_not_known() {
    let kafka = Arc::new(Kafka::start(1));
    let home = KafkaHome::new(&kafka, 1);
    let mut options = home.options("north");
    options.limits.read_back = Duration::from_secs(1);
    options.limits.delivery = Duration::from_secs(60);
    let north = KafkaHome::open_owning(options).await;
    let frozen = kafka.freeze(0);
    let accepted = north.append(one("during")).await.expect("taken");
    let unknown = accepted.durable.await.expect_err("it is not acknowledged");
    assert!(unknown.message.contains("is not read back; ask again with the same key"), "{unknown:?}");
    drop(frozen);
    until(&north, 0, |now| now.owning().is_some()).await;
    durably(&north, one("during")).await;
    assert_eq!(head(&north).await.size, 1, "once, whatever became of the first attempt");
}

/// The broker stands still: nothing is acknowledged and nothing is answered, until it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_acknowledges_nothing_and_answers_nothing() {
    let kafka = Arc::new(Kafka::start(1));
    let home = KafkaHome::new(&kafka, 1);
    let mut options = home.options("north");
    options.limits.barrier = Duration::from_secs(1);
    options.limits.delivery = Duration::from_secs(2);
    let north = KafkaHome::open_owning(options).await;
    fill(&north, "before", 5).await;
    north.confirm(slot()).await.expect("it may answer");
    let stale = batch(slot(), "stale").event(&stream_in(slot(), "thing", 1), "Made", &[], "{}");
    let stale = stale.expecting(&stream_in(slot(), "thing", 1), 0).build();
    let frozen = kafka.freeze(0);
    let refused = north.confirm(slot()).await.expect_err("it cannot know");
    assert!(refused.retry_helps && refused.message.contains("cut off from Kafka"), "{refused:?}");
    let repeated = north.append(one("before 1")).await.expect("it is known here");
    assert!(repeated.repeated && repeated.durable.await.is_err(), "a repeat is not answered from the past");
    let conflict = north.append(stale.clone()).await;
    assert!(matches!(conflict, Err(AppendError::Failed(_))), "a conflict is not answered from the past");
    let unknown = north.append(one("during")).await.expect("taken").durable.await.expect_err("it is not acknowledged");
    assert!(unknown.message.contains("ask again with the same key"), "{unknown:?}");
    until(&north, 0, |now| now.owning().is_none()).await;
    drop(frozen);
    until(&north, 0, |now| now.owning().is_some()).await;
    // A broker that has just come back may take longer than the barrier waits.
    let begun = Instant::now();
    let said = loop {
        match north.append(stale.clone()).await {
            Err(AppendError::Failed(failure)) if failure.retry_helps && begun.elapsed() < Duration::from_secs(30) => {}
            said => break said,
        }
    };
    assert!(matches!(said, Err(AppendError::StreamMoved { .. })), "now it may be said");
    durably(&north, one("during")).await;
    let events = everything(&north, Partition(0)).await;
    let during = events.iter().filter(|event| event.context.command == one("during").command).count();
    assert_eq!(during, 1, "once, whatever became of the first attempt");
}
