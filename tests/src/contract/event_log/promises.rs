//! The promises of an event log, one function each; names say what is promised.

use carelog_domain::kernel::{CommandId, EventId, HospitalId, Partition, Slot, Tag, Timestamp, Version};
use carelog_domain::ports::{
    Accepted, AppendError, Batch, Clock, Direction, EventFilter, EventLog, Fingerprint, Owner, Stored, Term,
};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::batches::{batch, stream_in};
use super::{LogHome, everything};

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

async fn durably(log: &impl EventLog, batch: Batch) -> Accepted {
    let mut accepted = log.append(batch).await.expect("the batch is taken");
    let durable = std::mem::replace(&mut accepted.durable, Box::pin(std::future::ready(Ok(()))));
    durable.await.expect("it becomes durable");
    accepted
}

fn offsets(events: &[Stored]) -> Vec<u64> {
    events.iter().map(|event| event.context.position.offset).collect()
}

pub(super) async fn an_event_reads_back_as_it_was_appended(home: &impl LogHome) {
    let log = home.open().await;
    let s = stream_in(slot(11), "thing", 1);
    let cause = EventId(Uuid::from_u128(9));
    let before = home.clock().now();
    let asked = batch(slot(11), "k1")
        .event(&s, "Made", &["patient:p", "hospital:h"], r#"{"a":1}"#)
        .event(&s, "Moved", &[], r#"{"b":"ü"}"#)
        .occurred(Timestamp::from_micros(55), 77)
        .caused_by(cause, Timestamp::from_micros(3))
        .build();
    let accepted = durably(&log, asked.clone()).await;
    assert!(!accepted.repeated);
    let stored = log.read_stream(&s, Version::NONE, 10).await.expect("a read");
    assert_eq!(stored.len(), 2);
    assert_eq!(accepted.events, stored.iter().map(|event| event.context.clone()).collect::<Vec<_>>());
    assert_eq!((stored[0].data.as_ref(), stored[0].event_type.as_str()), (br#"{"a":1}"#.as_slice(), "Made"));
    let second = &stored[1].context;
    assert_eq!(second.id, asked.events[1].id);
    assert_eq!((second.stream.clone(), second.version), (s.clone(), Version(2)));
    assert_eq!((second.position.partition, second.position.offset), (log.partition_of(slot(11)), 1));
    assert_eq!((second.occurred_at, second.occurred_assumed), (Timestamp::from_micros(55), true));
    assert_eq!(second.hospital, Some(HospitalId(Uuid::from_u128(77))));
    assert_eq!((second.command, second.correlation), (asked.command, asked.correlation));
    assert_eq!((second.index, second.batch_length, second.causation), (1, 2, Some(cause)));
    assert_eq!((second.actor.clone(), second.traceparent.clone()), (asked.actor, asked.traceparent));
    assert_eq!(stored[0].context.tags, [Tag::new("patient", "p"), Tag::new("hospital", "h")]);
    assert!(stored[0].context.recorded_at >= before);
    drop(log);
    let log = home.open().await;
    let again = log.read_stream(&s, Version::NONE, 10).await.expect("a read");
    assert_eq!(format!("{again:?}"), format!("{stored:?}"), "the same after a restart");
}

pub(super) async fn a_stream_that_moved_is_a_conflict_that_says_where_it_is(home: &impl LogHome) {
    let log = home.open().await;
    let (s, other) = (stream_in(slot(5), "thing", 1), stream_in(slot(5), "thing", 2));
    let first = batch(slot(5), "k1").event(&s, "Made", &[], "{}").expecting(&s, 0).expecting(&other, 0);
    durably(&log, first.build()).await;
    let stale = log.append(batch(slot(5), "k2").event(&s, "Made", &[], "{}").expecting(&s, 0).build()).await;
    let Err(AppendError::StreamMoved { stream, expected, found }) = stale else { panic!("a conflict was not seen") };
    assert_eq!((stream, expected, found), (s.clone(), Version(0), Version(1)));
    let relied_on = batch(slot(5), "k3").event(&other, "Made", &[], "{}").expecting(&s, 7).build();
    assert!(matches!(log.append(relied_on).await, Err(AppendError::StreamMoved { found: Version(1), .. })));
    durably(&log, batch(slot(5), "k2").event(&s, "Made", &[], "{}").expecting(&s, 1).build()).await;
    assert_eq!(log.stream_version(&s).await.expect("a version"), Version(2));
    assert_eq!(log.stream_version(&other).await.expect("a version"), Version::NONE);
}

pub(super) async fn a_decision_of_another_term_is_refused(home: &impl LogHome) {
    let log = home.open().await;
    let (s, partition) = (stream_in(slot(5), "thing", 1), log.partition_of(slot(5)));
    let Owner::Here(term) = log.owner(partition) else { panic!("whoever opens it alone owns it") };
    let decided = |key: &str, term| batch(slot(5), key).event(&s, "Made", &[], "{}").in_term(term).build();
    let later = Term(term.0 + 1);
    let refused = log.append(decided("k1", later)).await;
    assert!(matches!(refused, Err(AppendError::TermOver { decided }) if decided == later));
    assert_eq!(log.stream_version(&s).await.expect("a version"), Version::NONE, "nothing of it was taken");
    durably(&log, decided("k1", term)).await;
    assert!(durably(&log, decided("k1", later)).await.repeated, "what was done is done, whenever it was decided");
    log.catch_up(partition).await.expect("all of it is here");
}

pub(super) async fn a_tag_used_since_is_a_conflict_that_says_where(home: &impl LogHome) {
    let log = home.open().await;
    let s = stream_in(slot(5), "thing", 1);
    let once =
        |key: &str, after| batch(slot(5), key).event(&s, "Made", &["name:x"], "{}").unless("name:x", after).build();
    let first = durably(&log, once("k1", None)).await.events[0].position;
    let Err(AppendError::TagUsed { tag, found }) = log.append(once("k2", None)).await else { panic!("no conflict") };
    assert_eq!((tag, found), (Tag::new("name", "x"), first));
    let second = durably(&log, once("k3", Some(first.offset))).await.events[0].position;
    let Err(AppendError::TagUsed { found, .. }) = log.append(once("k4", Some(first.offset))).await else {
        panic!("no conflict")
    };
    assert_eq!(found, second);
}

pub(super) async fn a_batch_is_taken_whole_or_not_at_all(home: &impl LogHome) {
    let log = home.open().await;
    let (a, b) = (stream_in(slot(9), "thing", 1), stream_in(slot(9), "thing", 2));
    durably(&log, batch(slot(9), "k0").event(&b, "Made", &[], "{}").build()).await;
    let two = batch(slot(9), "k1").event(&a, "Made", &["t:1"], "{}").event(&b, "Made", &[], "{}");
    assert!(log.append(two.clone().expecting(&b, 0).build()).await.is_err());
    assert_eq!(log.stream_version(&a).await.expect("a version"), Version::NONE);
    assert!(log.read_tag(slot(9), &Tag::new("t", 1), Direction::Forward, 9).await.expect("a read").is_empty());
    let command = two.clone().build().command;
    assert!(log.find_command(slot(9), command).await.expect("a look-up").is_none(), "what failed is not remembered");
    let taken = durably(&log, two.expecting(&b, 1).build()).await;
    assert_eq!(taken.events.iter().map(|context| context.position.offset).collect::<Vec<_>>(), [1, 2]);
}

pub(super) async fn a_command_is_remembered_for_ever(home: &impl LogHome) {
    let log = home.open().await;
    let s = stream_in(slot(3), "thing", 1);
    let asked = |key: &str| batch(slot(3), key).event(&s, "Made", &[], "{}").event(&s, "Made", &[], "{}");
    let first = durably(&log, asked("k1").build()).await;
    for key in 0..200 {
        durably(&log, asked(&format!("other {key}")).build()).await;
    }
    is_remembered(&log, asked("k1").build(), &first).await;
    drop(log);
    let log = home.open().await;
    is_remembered(&log, asked("k1").build(), &first).await;
    let late = asked("other 199").build();
    assert!(log.append(late).await.expect("a repeat").repeated);
    assert_eq!(everything(&log, log.partition_of(slot(3))).await.len(), 402);
}

async fn is_remembered(log: &impl EventLog, asked: Batch, first: &Accepted) {
    let again =
        durably(log, Batch { expected: vec![(asked.events[0].stream.clone(), super::never())], ..asked.clone() }).await;
    assert!(again.repeated, "a repeat is known before any version is looked at");
    assert_eq!(again.events, first.events);
    assert_eq!(again.fingerprint, first.fingerprint);
    let other = log.append(Batch { fingerprint: Fingerprint([9; 32]), ..asked.clone() }).await;
    assert!(matches!(other, Err(AppendError::FingerprintDiffers { command }) if command == asked.command));
    let found = log.find_command(asked.slot, asked.command).await.expect("a look-up").expect("it is known");
    assert_eq!((found.repeated, found.events), (true, first.events.clone()));
    let unknown = CommandId::of_client_key("test", "append", "never sent");
    assert!(log.find_command(asked.slot, unknown).await.expect("a look-up").is_none());
    assert!(log.find_command_anywhere(unknown).await.expect("a look-up").is_none());
}

pub(super) async fn commands_and_tags_are_scoped_by_slot(home: &impl LogHome) {
    let log = home.open().await;
    let at = |number: u16| (slot(number), stream_in(slot(number), "thing", 1));
    for number in [20, 21, 4000] {
        let (slot, stream) = at(number);
        let taken = durably(&log, batch(slot, "same").event(&stream, "Made", &["t:1"], "{}").build()).await;
        assert!(!taken.repeated, "the same id in another slot is another command");
        assert_eq!(log.read_tag(slot, &Tag::new("t", 1), Direction::Forward, 9).await.expect("a read").len(), 1);
    }
    let (unused, stream) = at(22);
    let fresh = batch(unused, "more").event(&stream, "Made", &["t:1"], "{}").unless("t:1", None).build();
    let command = batch(unused, "same").build().command;
    assert!(log.find_command(unused, command).await.expect("a look-up").is_none());
    let anywhere = log.find_command_anywhere(command).await.expect("a look-up").expect("it is somewhere");
    assert_eq!(anywhere.events[0].command, command);
    durably(&log, fresh).await;
}

pub(super) async fn recorded_at_follows_clock_log_cause_and_fact(home: &impl LogHome) {
    let log = home.open().await;
    let s = stream_in(slot(3), "thing", 1);
    let now = home.clock().now();
    let asked = |key: &str| batch(slot(3), key).event(&s, "Made", &[], "{}");
    let recorded = |accepted: &Accepted| accepted.events.iter().map(|c| c.recorded_at.micros()).collect::<Vec<_>>();
    let base = now.micros();
    let first = durably(&log, asked("k1").event(&s, "Made", &[], "{}").build()).await;
    assert_eq!(recorded(&first), [base, base + 1], "the clock, then a microsecond later");
    home.clock().set(now.plus_micros(-500));
    let second = durably(&log, asked("k2").build()).await;
    assert_eq!(recorded(&second), [base + 2], "never back, though the clock went back");
    let caused = asked("k3").caused_by(first.events[0].id, now.plus_micros(100)).build();
    assert_eq!(recorded(&durably(&log, caused).await), [base + 101], "later than its cause");
    let ahead = asked("k4").occurred(now.plus_micros(1_000), 1).build();
    assert_eq!(recorded(&durably(&log, ahead).await), [base + 1_000], "not before it happened");
    drop(log);
    let log = home.open().await;
    assert_eq!(recorded(&durably(&log, asked("k5").build()).await), [base + 1_001], "a restart forgets nothing");
    let head = &log.head().await.expect("a head")[usize::from(log.partition_of(slot(3)).0)];
    assert_eq!(head.recorded_at, Some(now.plus_micros(1_001)));
    home.clock().set(now);
}

pub(super) async fn reads_go_both_ways_and_filter(home: &impl LogHome) {
    let log = home.open().await;
    let (a, b) = (stream_in(slot(3), "apple", 1), stream_in(slot(3), "bread", 1));
    for number in 0..50u32 {
        let (stream, event_type) = if number % 2 == 0 { (&a, "Even") } else { (&b, "Odd") };
        let tag = format!("third:{}", number % 3);
        durably(&log, batch(slot(3), &format!("k{number}")).event(stream, event_type, &[&tag], "{}").build()).await;
    }
    let partition = log.partition_of(slot(3));
    let read = async |from, direction, filter: &EventFilter, limit| {
        let (events, next) = log.read(partition, from, direction, filter, limit).await.expect("a read");
        (offsets(&events), next)
    };
    let all = EventFilter::default();
    assert_eq!(read(47, Direction::Forward, &all, 2).await, (vec![47, 48], Some(49)));
    assert_eq!(read(48, Direction::Forward, &all, 2).await, (vec![48, 49], None));
    assert_eq!(read(50, Direction::Forward, &all, 2).await, (vec![], None));
    assert_eq!(read(u64::MAX, Direction::Backward, &all, 2).await, (vec![49, 48], Some(47)));
    assert_eq!(read(1, Direction::Backward, &all, 2).await, (vec![1, 0], None));
    let bread = EventFilter { categories: vec!["bread".into()], ..all.clone() };
    assert_eq!(read(0, Direction::Forward, &bread, 2).await, (vec![1, 3], Some(4)));
    let both =
        EventFilter { types: vec!["Even".into()], tags: vec![Tag::new("third", 0), Tag::new("third", 9)], ..all };
    assert_eq!(read(0, Direction::Forward, &both, 3).await, (vec![0, 6, 12], Some(13)));
    assert_eq!(read(40, Direction::Backward, &both, 3).await, (vec![36, 30, 24], Some(23)));
    assert!(log.read(Partition(4_000), 0, Direction::Forward, &bread, 1).await.is_err() || log.partitions() > 4_000);
}

pub(super) async fn streams_and_tags_read_in_pieces(home: &impl LogHome) {
    let log = home.open().await;
    let (s, other) = (stream_in(slot(3), "thing", 1), stream_in(slot(3), "thing", 2));
    for number in 0..40u32 {
        let stream = if number % 4 == 3 { &other } else { &s };
        durably(&log, batch(slot(3), &format!("k{number}")).event(stream, "Made", &["t:1", "t:1"], "{}").build()).await;
    }
    let versions = async |after, limit| {
        let events = log.read_stream(&s, Version(after), limit).await.expect("a read");
        events.iter().map(|event| event.context.version.0).collect::<Vec<_>>()
    };
    assert_eq!(versions(0, 3).await, [1, 2, 3]);
    assert_eq!(versions(27, 100).await, [28, 29, 30]);
    assert!(versions(30, 100).await.is_empty());
    let tag = Tag::new("t", 1);
    let newest = log.read_tag(slot(3), &tag, Direction::Backward, 3).await.expect("a read");
    assert_eq!(offsets(&newest), [39, 38, 37], "a tag that stands on an event twice counts once");
    let oldest = log.read_tag(slot(3), &tag, Direction::Forward, 3).await.expect("a read");
    assert_eq!(offsets(&oldest), [0, 1, 2]);
}

pub(super) async fn an_event_larger_than_a_frame_is_refused(home: &impl LogHome) {
    let log = home.open().await;
    let s = stream_in(slot(3), "thing", 1);
    let large = format!("\"{}\"", "x".repeat(65_535));
    let asked = batch(slot(3), "k1").event(&s, "Small", &[], "{}").event(&s, "Large", &[], &large).build();
    assert!(matches!(log.append(asked).await, Err(AppendError::TooLarge { bytes_max: 65_535, .. })));
    assert_eq!(log.stream_version(&s).await.expect("a version"), Version::NONE);
    let fits = format!("\"{}\"", "x".repeat(65_000));
    let taken =
        durably(&log, batch(slot(3), "k2").event(&s, "Large", &[], &fits).event(&s, "Large", &[], &fits).build()).await;
    assert_eq!(taken.events.len(), 2);
    assert_eq!(log.read_stream(&s, Version(1), 1).await.expect("a read")[0].data.as_ref(), fits.as_bytes());
}

pub(super) async fn the_root_is_that_of_every_prefix(home: &impl LogHome) {
    let log = home.open().await;
    let s = stream_in(slot(3), "thing", 1);
    let partition = log.partition_of(slot(3));
    let mut seen = Vec::new();
    for number in 0..300u32 {
        let head = log.head().await.expect("a head")[usize::from(partition.0)].clone();
        assert_eq!(head.size, u64::from(number));
        seen.push(head.root);
        durably(&log, batch(slot(3), &format!("k{number}")).event(&s, "Made", &[], "{}").build()).await;
    }
    let empty: [u8; 32] = Sha256::digest([]).into();
    assert_eq!(seen[0].0, empty);
    for (size, root) in seen.iter().enumerate() {
        assert_eq!(log.root_at(partition, size as u64).await.expect("a root"), *root, "at {size}");
    }
    assert!(log.root_at(partition, 301).await.is_err(), "there is no root of what is not there");
}

pub(super) async fn a_subscription_misses_and_repeats_nothing(home: &impl LogHome) {
    let log = std::sync::Arc::new(home.open().await);
    let partition = log.partition_of(slot(3));
    let append = |log: std::sync::Arc<_>, writer: u32| async move {
        for number in 0..150u32 {
            let stream = stream_in(slot(3), "thing", writer);
            let asked = batch(slot(3), &format!("{writer} {number}")).event(&stream, "Made", &[], "{}");
            let asked = if number % 5 == 0 { asked.event(&stream, "Made", &[], "{}") } else { asked };
            durably(&*log, asked.build()).await;
        }
    };
    append(log.clone(), 0).await;
    let follow = async |from: u64| {
        let mut events = log.subscribe(partition, from);
        let mut next = from;
        while next < 720 {
            for event in events.next().await.expect("it goes on").expect("it can be read") {
                assert_eq!(event.context.position.offset, next, "no gap and no repeat");
                let head = log.head().await.expect("a head")[usize::from(partition.0)].size;
                assert!(next < head, "only what is durable is shown");
                next += 1;
            }
        }
    };
    let writers = async {
        tokio::join!(append(log.clone(), 1), append(log.clone(), 2), append(log.clone(), 3));
    };
    tokio::join!(writers, follow(0), follow(100), follow(300));
}
