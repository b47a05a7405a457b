//! What every `Publisher` does: all of a publication or nothing, by one publisher a partition.

use std::future::Future;
use std::sync::Arc;

use carelog_domain::kernel::{Partition, Timestamp};
use carelog_domain::ports::{Publication, PublishError, Publisher, Root, TopicMark, TopicRecord};

/// The topics of the suite.
pub const TOPICS: [&str; 2] = ["carelog.left.v1", "carelog.right.v1"];

/// Where a publisher publishes to.
pub trait PublisherHome {
    /// A publisher of another node; the topics stay.
    fn open(&self) -> impl Future<Output = Arc<dyn Publisher>> + Send;

    /// What an ordinary reader finds in a topic: key, headers and value, those of a key in their order.
    fn read(&self, topic: &str) -> impl Future<Output = Vec<Found>> + Send;
}

/// A record as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its key.
    pub key: String,
    /// Texts beside the value.
    pub headers: Vec<(String, String)>,
    /// When it was recorded in the log, ms.
    pub millis: i64,
    /// Its value.
    pub value: String,
}

fn record(topic: &'static str, key: &str, value: &str) -> TopicRecord {
    TopicRecord {
        topic,
        key: key.to_owned(),
        headers: vec![("ce_id".to_owned(), format!("id of {value}")), ("content-type".to_owned(), "text".to_owned())],
        at: Timestamp::from_micros(1_733_000_000_123_000),
        value: value.to_owned().into(),
    }
}

fn mark(topic: &str, next: u64) -> TopicMark {
    TopicMark { topic: topic.to_owned(), next, root: Root([u8::try_from(next % 251).expect("small"); 32]) }
}

fn publication(partition: u16, moves: &[(&str, u64, u64)], records: Vec<TopicRecord>) -> Publication {
    Publication {
        partition: Partition(partition),
        expected: moves.iter().map(|(topic, from, _)| ((*topic).to_owned(), *from)).collect(),
        reached: moves.iter().map(|(topic, _, to)| mark(topic, *to)).collect(),
        records,
    }
}

async fn values(home: &impl PublisherHome, topic: &str, key: &str) -> Vec<String> {
    let found = home.read(topic).await.into_iter();
    found.filter(|found| found.key == key).map(|found| found.value).collect()
}

/// Runs the whole suite on empty topics, for a log of at least two partitions.
pub async fn run(home: &impl PublisherHome) {
    let [left, right] = TOPICS;
    let first = home.open().await;
    assert_eq!(first.take_over(Partition(0)).await.expect("taken over"), [], "nothing is published yet");

    // Records and marks are there together, as they were given.
    let records = vec![record(left, "a", "1"), record(right, "a", "2"), record(left, "a", "3")];
    first.publish(publication(0, &[(left, 0, 7), (right, 0, 7)], records)).await.expect("published");
    assert_eq!(values(home, left, "a").await, ["1", "3"]);
    let found = home.read(right).await.remove(0);
    let given = record(right, "a", "2");
    assert_eq!((found.headers, found.millis), (given.headers, given.at.micros() / 1_000));

    // A topic that moves alone leaves the other's mark.
    first.publish(publication(0, &[(right, 7, 9)], vec![])).await.expect("marked");

    // What does not begin where the topic is writes nothing, and the publisher goes on.
    let repeated = first.publish(publication(0, &[(left, 0, 7)], vec![record(left, "a", "1")])).await;
    assert!(matches!(repeated, Err(PublishError::Moved { expected: 0, found: 7, .. })), "{repeated:?}");
    let ahead = first.publish(publication(0, &[(left, 8, 9)], vec![record(left, "a", "lost")])).await;
    assert!(matches!(ahead, Err(PublishError::Moved { expected: 8, found: 7, .. })), "{ahead:?}");
    first.publish(publication(0, &[(left, 7, 8)], vec![record(left, "a", "4")])).await.expect("published");
    assert_eq!(values(home, left, "a").await, ["1", "3", "4"]);

    // Who looks without taking over stops nobody.
    let second = home.open().await;
    let mut marks = second.marks(Partition(0)).await.expect("read");
    marks.sort_by(|one, other| one.topic.cmp(&other.topic));
    assert_eq!(marks, [mark(left, 8), mark(right, 9)]);
    first.publish(publication(0, &[(left, 8, 10)], vec![record(left, "a", "5")])).await.expect("published");
    let unasked = second.publish(publication(0, &[(left, 10, 11)], vec![record(left, "a", "none's")])).await;
    assert!(matches!(unasked, Err(PublishError::Superseded { .. })), "{unasked:?}");

    // Who is taken over publishes nothing more; partitions are apart.
    first.take_over(Partition(1)).await.expect("taken over");
    let mut marks = second.take_over(Partition(0)).await.expect("taken over");
    marks.sort_by(|one, other| one.topic.cmp(&other.topic));
    assert_eq!(marks, [mark(left, 10), mark(right, 9)]);
    let late = first.publish(publication(0, &[(left, 10, 11)], vec![record(left, "a", "late")])).await;
    assert!(matches!(late, Err(PublishError::Superseded { .. })), "{late:?}");
    second.publish(publication(0, &[(left, 10, 11)], vec![record(left, "a", "6")])).await.expect("published");
    first.publish(publication(1, &[(left, 0, 1)], vec![record(left, "b", "other")])).await.expect("published");
    assert_eq!(values(home, left, "a").await, ["1", "3", "4", "5", "6"]);
    assert_eq!(values(home, left, "b").await, ["other"]);
}
