//! A right that is taken away while a node runs: a producer that is refused an id has failed for good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{AppendError, EventLog};
use carelog_tests::contract::event_log::everything;
use carelog_tests::servers::kafka::Kafka;

use super::home::{KafkaHome, durably, fill, one, until};

/// Long enough for several producers to fail, one after the other.
const WITHOUT: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_that_fails_for_good_is_followed_by_one_that_works_once_it_may() {
    let kafka = Arc::new(Kafka::start_with_rights());
    let home = KafkaHome::new(&kafka, 1);
    let north = KafkaHome::open_owning(home.options("north")).await;
    fill(&north, "before", 5).await;

    kafka.may_be_written(false);
    // Until the broker has heard of it.
    let (begun, mut taken) = (Instant::now(), 0);
    loop {
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on without the right to");
        match north.append(one(&format!("on the way {taken}"))).await {
            Ok(accepted) => match accepted.durable.await {
                Ok(()) => taken += 1,
                Err(failure) => {
                    assert!(failure.message.contains("ask again with the same key"), "{failure:?}");
                    break;
                }
            },
            // It was noticed while nothing was under way.
            Err(AppendError::Failed(failure)) => {
                assert!(failure.retry_helps, "{failure:?}");
                break;
            }
            Err(other) => panic!("{other}"),
        }
    }
    let begun = Instant::now();
    while begun.elapsed() < WITHOUT {
        assert!(north.standing(Partition(0)).expect("a partition").borrow().owning().is_none(), "it cannot own it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    kafka.may_be_written(true);
    until(&north, 0, |now| now.owning().is_some()).await;
    for number in 0..=taken {
        durably(&north, one(&format!("on the way {number}"))).await;
    }
    let events = everything(&north, Partition(0)).await;
    assert_eq!(events.len(), 5 + taken + 1, "each once, whatever became of the first attempt");
}
