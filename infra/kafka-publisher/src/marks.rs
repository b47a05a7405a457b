//! How far each topic has come, as the compacted topic of the marks has it.

use std::collections::BTreeMap;
use std::time::Instant;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Failure, Root, TopicMark};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use crate::client;
use crate::error::passing;
use crate::options::Options;

/// The value of a mark; its key is the topic.
#[derive(Serialize, Deserialize)]
struct Value {
    next: u64,
    root: String,
}

/// A mark as a record's value.
pub(crate) fn to_bytes(mark: &TopicMark) -> Vec<u8> {
    let value = Value { next: mark.next, root: hex::encode(mark.root.0) };
    serde_json::to_vec(&value).expect("a number and a text become JSON")
}

fn of_record(key: &[u8], value: &[u8]) -> Option<TopicMark> {
    let topic = std::str::from_utf8(key).ok()?.to_owned();
    let Value { next, root } = serde_json::from_slice(value).ok()?;
    Some(TopicMark { topic, next, root: Root(hex::decode(root).ok()?.try_into().ok()?) })
}

/// Reads the committed marks of a partition of the log.
pub(crate) fn read(options: &Options, partition: Partition) -> Result<BTreeMap<String, TopicMark>, Failure> {
    let failed = |error: KafkaError| passing("the marks of the public topics could not be read").caused_by(error);
    let consumer: BaseConsumer = client::reading(options).create().map_err(failed)?;
    let mut from = TopicPartitionList::new();
    let added = from.add_partition_offset(&options.marks_topic(), i32::from(partition.0), Offset::Beginning);
    added.and_then(|()| consumer.assign(&from)).map_err(failed)?;
    let until = Instant::now() + options.limits.take_over;
    let mut marks = BTreeMap::new();
    while Instant::now() < until {
        match consumer.poll(options.limits.answer) {
            Some(Ok(record)) => {
                let mark = of_record(record.key().unwrap_or_default(), record.payload().unwrap_or_default());
                let mark = mark.ok_or_else(|| unreadable(options, partition, record.offset()))?;
                marks.insert(mark.topic.clone(), mark);
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(marks),
            Some(Err(error)) => return Err(failed(error)),
            None => {}
        }
    }
    Err(passing("the marks of the public topics were not read to their end in time"))
}

fn unreadable(options: &Options, partition: Partition, offset: i64) -> Failure {
    let topic = options.marks_topic();
    let message = format!("the record at {topic} {partition}:{offset} is no mark; somebody else writes to this topic");
    Failure::lasting("publisher", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_was_written_reads_again_and_nothing_else_does() {
        let mark = TopicMark { topic: "carelog.x.v1".to_owned(), next: 7, root: Root([0xAB; 32]) };
        assert_eq!(of_record(b"carelog.x.v1", &to_bytes(&mark)), Some(mark));
        assert_eq!(of_record(b"carelog.x.v1", b"{\"next\":7,\"root\":\"ab\"}"), None);
        assert_eq!(of_record(b"carelog.x.v1", b""), None);
    }
}
