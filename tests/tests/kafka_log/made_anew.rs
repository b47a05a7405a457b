//! A topic that was deleted and made anew under the same name is another one, with another id: no node starts on it unless
//! it holds the same log, one that runs stops, and none fills it by itself.

use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::EventLog;
use carelog_kafka::{KafkaLog, OpenError, Stopped, refill, topic};
use carelog_tests::servers::kafka::Kafka;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;

use crate::home::{KafkaHome, durably, fill, one, until};

/// How long Kafka may take to forget a topic.
const GONE_MAX: Duration = Duration::from_secs(30);

fn lineage(log: &KafkaLog) -> Option<uuid::Uuid> {
    let standing = log.standing(Partition(0)).expect("a partition");
    let owner = standing.borrow().owner.clone();
    owner.map(|owner| owner.lineage)
}

/// Deletes the topic and makes it once more.
async fn make_anew(home: &KafkaHome) {
    let admin: AdminClient<DefaultClientContext> =
        rdkafka::ClientConfig::new().set("bootstrap.servers", &home.bootstrap).create().expect("a client");
    for deleted in admin.delete_topics(&[&home.topic], &AdminOptions::new()).await.expect("an answer") {
        deleted.expect("deleted");
    }
    let begun = Instant::now();
    loop {
        let options = home.options("north");
        match tokio::task::spawn_blocking(move || topic::create(&options)).await.expect("no panic") {
            Ok(()) => return,
            Err(error) => assert!(begun.elapsed() < GONE_MAX, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_it_is_refused_with_the_command_that_fills_it_until_somebody_did() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let north = KafkaHome::open_owning(home.options("north")).await;
    fill(&north, "before", 7).await;
    let was = (north.head().await.expect("heads"), lineage(&north));
    drop(north);
    make_anew(&home).await;
    let Err(OpenError::Stopped(stopped)) = KafkaHome::try_open(home.options("north")).await else {
        panic!("it was opened");
    };
    assert!(matches!(&stopped, Stopped::Longer { at, local: 7 } if at.offset == 0), "{stopped}");
    assert!(
        stopped.to_string().contains("the topic was made anew") && stopped.to_string().contains("carelog log refill")
    );
    let options = home.options("north");
    let filled = tokio::task::spawn_blocking(move || refill(&options, |_, _, _| {})).await.expect("no panic");
    filled.expect("filled");
    let north = KafkaHome::open_owning(home.options("north")).await;
    assert_eq!((north.head().await.expect("heads"), lineage(&north)), was, "it is the same log");
    assert!(durably(&north, one("before 3")).await.repeated, "what was done stays done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_one_that_others_filled_otherwise_is_refused_with_the_first_difference() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let north = KafkaHome::open_owning(home.options("north")).await;
    fill(&north, "before", 7).await;
    drop(north);
    make_anew(&home).await;
    let south = KafkaHome::open_owning(home.options("south")).await;
    fill(&south, "after", 20).await;
    drop(south);
    let Err(OpenError::Stopped(stopped)) = KafkaHome::try_open(home.options("north")).await else {
        panic!("it was opened");
    };
    assert!(matches!(&stopped, Stopped::Differs { at, .. } if at.offset == 0), "{stopped}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_runs_stops_and_acknowledges_nothing_more() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let mut trusting = home.options("north");
    trusting.limits.same_topic = Duration::from_secs(3600); // By its place alone.
    let north = KafkaHome::open_owning(trusting).await;
    fill(&north, "before", 7).await;
    make_anew(&home).await;
    let accepted = north.append(one("after")).await;
    if let Ok(accepted) = accepted {
        accepted.durable.await.expect_err("nobody reads it back");
    }
    let now = until(&north, 0, |now| now.stopped().is_some()).await;
    assert!(matches!(now.stopped(), Some(Stopped::Missing { .. })), "{now:?}");
    assert!(north.append(one("later")).await.is_err(), "a partition that stopped takes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_runs_stops_where_others_filled_it_beyond_its_place() {
    let home = KafkaHome::new(&Kafka::shared(), 1);
    let mut slow_to_look = home.options("north");
    // Its place is in the new topic by the time it reads there again.
    slow_to_look.client.push(("fetch.error.backoff.ms".to_owned(), "20000".to_owned()));
    slow_to_look.limits.same_topic = Duration::from_secs(3);
    let north = KafkaHome::open_owning(slow_to_look).await;
    fill(&north, "before", 3).await;
    tokio::time::sleep(Duration::from_secs(7)).await; // Two looks at the topic, with some time to spare.
    make_anew(&home).await;
    let south = KafkaHome::open_owning(home.options("south")).await;
    fill(&south, "after", 30).await;
    let at = |log: &KafkaLog| log.standing(Partition(0)).expect("a partition").borrow().clone();
    assert!(at(&south).read_to > at(&north).read_to && at(&north).stopped().is_none(), "{:?}", at(&north));
    let now = until(&north, 0, |now| now.stopped().is_some()).await;
    let Some(Stopped::MadeAnew { at, was, is }) = now.stopped() else { panic!("{now:?}") };
    assert_ne!(was, is);
    assert_eq!(at.offset, 3, "all of its own is of the old topic");
    assert!(north.append(one("later")).await.is_err(), "a partition that stopped takes nothing");
}
