//! The log on the real disk, end to end: what is appended is found again, also after a restart.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use carelog_domain::kernel::actor::RecordedActor;
use carelog_domain::kernel::{
    CommandId, EventId, Partition, PurposeOfUse, Revision, Role, Slot, StreamName, Tag, Timestamp, Version,
};
use carelog_domain::ports::{
    AppendError, Batch, BoxFuture, Clock, Direction, EventFilter, EventLog, Expected, Fingerprint, ToAppend,
};
use carelog_event_log::{LocalLog, Options};
use futures::StreamExt;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_000)
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

fn batch(key: &str, number: u32, events: usize) -> Batch {
    let command = CommandId::of_client_key("t", "op", &format!("{key}{number}"));
    let stream = StreamName::new("thing", key);
    let event = |index: usize| ToAppend {
        id: EventId::derive(command, stream.slot(), Timestamp::from_micros(5), index as u32),
        stream: stream.clone(),
        event_type: "Happened".into(),
        revision: Revision(1),
        occurred_at: Timestamp::from_micros(5),
        occurred_assumed: false,
        hospital: None,
        tags: vec![Tag::new("key", key)],
        data: br#"{"a":1}"#.as_slice().into(),
    };
    Batch {
        slot: stream.slot(),
        command,
        fingerprint: Fingerprint([1; 32]),
        events: (0..events).map(event).collect(),
        expected: vec![],
        conditions: vec![],
        term: None,
        actor: RecordedActor { user: "u".into(), role: Role::System, purpose: PurposeOfUse::Operations },
        correlation: command,
        causation: None,
        recorded_after: None,
        traceparent: None,
    }
}

fn options(folder: &std::path::Path) -> Options {
    Options { segment_bytes_max: 64 * 1024, ..Options::new(folder, Arc::new(Fixed)) }
}

#[tokio::test]
async fn what_was_appended_is_found_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let log = LocalLog::open(options(folder.path())).unwrap();
    for number in 0..500 {
        let accepted = log.append(batch("a", number, 2)).await.unwrap();
        assert_eq!(accepted.events[1].version, Version(u64::from(number) * 2 + 2));
        accepted.durable.await.unwrap();
    }
    let head = log.head().await.unwrap();
    assert_eq!(head[0].size, 1_000);
    drop(log);
    let log = LocalLog::open(options(folder.path())).unwrap();
    assert_eq!(log.head().await.unwrap(), head);
    assert!(log.stats().unwrap().partitions[0].segments > 2);
    let again = log.append(batch("a", 7, 2)).await.unwrap();
    assert!(again.repeated);
    assert_eq!(again.events[0].position.offset, 14);
    let mut moved = batch("a", 5_000, 1);
    moved.expected = vec![(moved.events[0].stream.clone(), Expected::Exactly(Version(3)))];
    assert!(matches!(log.append(moved).await, Err(AppendError::StreamMoved { found: Version(1_000), .. })));
    let stream = StreamName::new("thing", "a");
    assert_eq!(log.read_stream(&stream, Version(990), 100).await.unwrap().len(), 10);
    let tag = Tag::new("key", "a");
    let newest = log.read_tag(Slot::of_key(b"a"), &tag, Direction::Backward, 1).await.unwrap();
    assert_eq!(newest[0].context.version, Version(1_000));
    let mut followed = 0;
    let mut events = log.subscribe(Partition(0), 10);
    while followed < 990 {
        for event in events.next().await.unwrap().unwrap() {
            assert_eq!(event.context.position.offset, 10 + followed);
            followed += 1;
        }
    }
    let back = log.read(Partition(0), u64::MAX, Direction::Backward, &EventFilter::default(), 3).await.unwrap();
    assert_eq!(back.0.iter().map(|e| e.context.position.offset).collect::<Vec<_>>(), [999, 998, 997]);
    assert_eq!(back.1, Some(996));
}
