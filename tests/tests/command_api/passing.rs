//! What fails in passing: where several processes share the log it is asked for again until it succeeds, as when a partition
//! goes from one to another; a process alone tells it at once. Nobody waits for an owner that was cut off once another owns.
//! And whoever is asked by another process believes it nothing about who asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use carelog_command_api::WriteSide;
use carelog_command_api::nodes::{self, NodeCommands};
use carelog_domain::kernel::{Actor, CommandId, Partition, Slot, StreamName, Tag, Version};
use carelog_domain::ports::{
    Accepted, Answers, AppendError, Authenticator, Batch, BoxFuture, BoxStream, Direction, EventFilter, EventLog,
    Failure, Head, Node, Owner, Peers, Root, Stored, Unanswered, Unauthenticated,
};

use crate::house::{Answer, House, owner};

/// Where a log fails, a few times.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// Nothing is taken.
    Append,
    /// It is taken, but whoever waits is told that it is not known to be durable.
    Durable,
    /// Nobody can be told what wrote nothing.
    Confirm,
}

/// A log that fails in passing so many times.
struct Stumbling {
    log: Arc<dyn EventLog>,
    at: Where,
    left: Arc<AtomicUsize>,
    /// Another process owns everything until then.
    elsewhere_until: Option<Instant>,
}

impl Stumbling {
    fn check(&self, at: Where) -> Result<(), Failure> {
        let down = |left: usize| left.checked_sub(1);
        match at == self.at && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, down).is_ok() {
            true => Err(Failure::passing("event log", "the partition is being taken over")),
            false => Ok(()),
        }
    }
}

impl EventLog for Stumbling {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Accepted, AppendError>> {
        Box::pin(async move {
            self.check(Where::Append).map_err(AppendError::Failed)?;
            let mut accepted = self.log.append(batch).await?;
            if let Err(failure) = self.check(Where::Durable) {
                accepted.durable = Box::pin(std::future::ready(Err(failure)));
            }
            Ok(accepted)
        })
    }

    fn find_command(&self, slot: Slot, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        self.log.find_command(slot, command)
    }

    fn find_command_anywhere(&self, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        self.log.find_command_anywhere(command)
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        self.log.read_stream(stream, after, limit)
    }

    fn stream_version(&self, stream: &StreamName) -> BoxFuture<'_, Result<Version, Failure>> {
        self.log.stream_version(stream)
    }

    fn read_tag(
        &self,
        slot: Slot,
        tag: &Tag,
        way: Direction,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        self.log.read_tag(slot, tag, way, limit)
    }

    fn read(
        &self,
        partition: Partition,
        from: u64,
        direction: Direction,
        filter: &EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<(Vec<Stored>, Option<u64>), Failure>> {
        self.log.read(partition, from, direction, filter, limit)
    }

    fn subscribe(&self, partition: Partition, from: u64) -> BoxStream<'_, Result<Vec<Stored>, Failure>> {
        self.log.subscribe(partition, from)
    }

    fn head(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        self.log.head()
    }

    fn root_at(&self, partition: Partition, size: u64) -> BoxFuture<'_, Result<Root, Failure>> {
        self.log.root_at(partition, size)
    }

    fn confirm(&self, slot: Slot) -> BoxFuture<'_, Result<(), Failure>> {
        match self.check(Where::Confirm) {
            Err(failure) => Box::pin(std::future::ready(Err(failure))),
            Ok(()) => self.log.confirm(slot),
        }
    }

    fn catch_up(&self, partition: Partition) -> BoxFuture<'_, Result<(), Failure>> {
        self.log.catch_up(partition)
    }

    fn owner(&self, partition: Partition) -> Owner {
        match self.elsewhere_until {
            Some(until) if Instant::now() < until => {
                Owner::Elsewhere(Node { name: "cut-off".to_owned(), address: "127.0.0.1:1".to_owned() })
            }
            _ => self.log.owner(partition),
        }
    }

    fn partition_of(&self, slot: Slot) -> Partition {
        self.log.partition_of(slot)
    }

    fn partitions(&self) -> u16 {
        self.log.partitions()
    }
}

/// Other processes, which are never asked here.
struct Silent;

impl Peers for Silent {
    fn ask(&self, node: &Node, _: &'static str, _: Bytes) -> BoxFuture<'_, Result<Bytes, Unanswered>> {
        panic!("{} is asked", node.name)
    }
}

/// A process that takes what it is asked and never answers.
#[derive(Default)]
struct CutOff(AtomicUsize);

impl Peers for CutOff {
    fn ask(&self, _: &Node, _: &'static str, _: Bytes) -> BoxFuture<'_, Result<Bytes, Unanswered>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending())
    }
}

/// A house whose log fails so many times from now on; how many times are left is told.
async fn stumbling(at: Where, times: usize, peers: Option<Arc<dyn Peers>>) -> (House, String, Arc<AtomicUsize>) {
    let mut house = House::open().await;
    let patient = house.patient("p").await;
    let left = Arc::new(AtomicUsize::new(times));
    let log = Arc::new(Stumbling { log: house.log.clone(), at, left: left.clone(), elsewhere_until: None });
    house.rebuilt(|api| {
        api.bus = WriteSide::among(log, api.keys.clone(), api.clock.clone(), peers);
    });
    (house, patient, left)
}

async fn book(house: &House, key: &str, patient: &str) -> Answer {
    house.keyed("POST", "/v1/appointments", key, &house.booking(patient, 2, 0)).await
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn among_several_processes_what_fails_in_passing_is_asked_for_again() {
    for at in [Where::Append, Where::Durable] {
        let (house, patient, left) = stumbling(at, 3, Some(Arc::new(Silent))).await;
        let booked = book(&house, "b", &patient).await;
        assert_eq!(booked.status, 201, "{}", booked.body);
        let all = house.call("GET", "/v1/events?type=AppointmentBooked", &[], &serde_json::Value::Null).await;
        assert_eq!(all.body["events"].as_array().map(Vec::len), Some(1), "{}", all.body);
        // What was taken is found again: it is appended once, however often it was not known to be durable.
        let expected = if at == Where::Append { 0 } else { 2 };
        assert_eq!(left.load(Ordering::SeqCst), expected);
    }
    let (house, patient, left) = stumbling(Where::Confirm, 2, Some(Arc::new(Silent))).await;
    assert_eq!(book(&house, "first", &patient).await.status, 201);
    assert_eq!(code(&book(&house, "second", &patient).await), (409, "slot-taken"));
    assert_eq!(left.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_alone_tells_at_once_what_fails_in_passing() {
    for (at, told) in [(Where::Append, "unavailable"), (Where::Durable, "outcome-unknown")] {
        let (house, patient, left) = stumbling(at, 2, None).await;
        let refused = book(&house, "b", &patient).await;
        assert_eq!((code(&refused), refused.header("retry-after")), ((503, told), "1"), "{}", refused.body);
        assert_eq!(left.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_cut_off_is_not_waited_for_once_another_owns() {
    let mut house = House::open().await;
    let patient = house.patient("p").await;
    let cut_off = Arc::new(CutOff::default());
    let elsewhere_until = Some(Instant::now() + Duration::from_secs(1));
    let left = Arc::default();
    let log = Arc::new(Stumbling { log: house.log.clone(), at: Where::Append, left, elsewhere_until });
    house.rebuilt(|api| {
        api.bus = WriteSide::among(log, api.keys.clone(), api.clock.clone(), Some(cut_off.clone()));
    });
    let booked = tokio::time::timeout(Duration::from_secs(15), book(&house, "b", &patient)).await;
    let booked = booked.expect("it is not waited for");
    assert_eq!(booked.status, 201, "{}", booked.body);
    assert_eq!(cut_off.0.load(Ordering::SeqCst), 1, "it was asked while it was the owner");
}

/// The process that owns everything, asked at once.
struct Owning(NodeCommands);

impl Peers for Owning {
    fn ask(&self, _: &Node, subject: &'static str, question: Bytes) -> BoxFuture<'_, Result<Bytes, Unanswered>> {
        assert_eq!(subject, nodes::SUBJECT);
        Box::pin(async move { self.0.answer("north", question).await.map_err(Unanswered::Unknown) })
    }
}

/// Knows two people by their credentials, and lets nobody else in.
struct Doorkeeper;

impl Authenticator for Doorkeeper {
    fn authenticate(&self, authorization: Option<&str>) -> BoxFuture<'_, Result<Actor, Unauthenticated>> {
        let found = match authorization {
            None => Err(Unauthenticated::Missing),
            Some("Bearer of the owner") => Ok(owner()),
            Some("Bearer of another") => Ok(Actor { user: "another".to_owned(), ..owner() }),
            Some(_) => Err(Unauthenticated::Invalid),
        };
        Box::pin(std::future::ready(found))
    }

    fn trusts_everyone(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_decides_a_command_that_was_passed_on_asks_again_who_sent_it() {
    let mut house = House::open().await;
    let patient = house.patient("p").await;
    let owning = Arc::new(Owning(NodeCommands::new(house.bus.clone(), Arc::new(Doorkeeper))));
    let elsewhere_until = Some(Instant::now() + Duration::from_secs(3_600));
    let log = Arc::new(Stumbling { log: house.log.clone(), at: Where::Append, left: Arc::default(), elsewhere_until });
    house.rebuilt(|api| {
        api.bus = WriteSide::among(log, api.keys.clone(), api.clock.clone(), Some(owning));
    });
    let book = async |key: &str, credential: Option<&str>| {
        let mut headers = vec![("idempotency-key", key)];
        headers.extend(credential.map(|credential| ("authorization", credential)));
        house.call("POST", "/v1/appointments", &headers, &house.booking(&patient, 2, 0)).await
    };
    let before = house.heads().await;
    // The process that was asked first took each of them for the owner.
    for credential in [None, Some("Bearer of nobody"), Some("Bearer of another")] {
        let refused = book("refused", credential).await;
        assert_eq!(code(&refused), (500, "internal"), "{credential:?}: {}", refused.body);
    }
    assert_eq!(house.heads().await, before);
    let booked = book("booked", Some("Bearer of the owner")).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
}
