//! Whether the topic is still the one that this node began with. One that was deleted and made anew has another id; where
//! others filled it beyond the place of this node, nothing else would tell.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use carelog_kafka_topic_id::topic_id;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use crate::client;
use crate::options::Options;
use crate::reader::Happened;

/// How long the client is heard each time.
const HEARD: Duration = Duration::from_millis(5);

/// Looks on a thread of its own, which ends some time after this is dropped: it may be waiting for brokers.
pub(super) struct Watch(#[expect(dead_code, reason = "the thread hears when it is dropped")] mpsc::Sender<()>);

impl Watch {
    /// Looks whether the topic still has this id, and says so when another was told twice; without one there is nothing to
    /// look for.
    pub(super) fn start(
        options: &Options,
        id: Option<String>,
        tell: mpsc::Sender<Happened>,
    ) -> Result<Option<Watch>, KafkaError> {
        let Some(was) = id else { return Ok(None) };
        let consumer: BaseConsumer = client::config(options).create()?;
        let (looking, ended) = mpsc::channel();
        let (topic, every, limit) = (options.topic.clone(), options.limits.same_topic, options.limits.barrier);
        let look = move || {
            let mut told = None;
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                consumer.poll(HEARD); // What the client has to say goes to the log.
                let is = match topic_id(consumer.client(), &topic, limit) {
                    Ok(Some(is)) if is != was => is,
                    Ok(_) => {
                        told = None;
                        let _ = tell.send(Happened::SameTopic); // The reader may have ended.
                        continue;
                    }
                    // A topic that is gone, and brokers that do not answer, are no other topic.
                    Err(error) => {
                        tracing::debug!(%error, "the id of the topic was not told");
                        continue;
                    }
                };
                // One broker alone may not have heard of a new topic yet.
                if told.replace(is.clone()).is_some_and(|before| before == is) {
                    let _ = tell.send(Happened::MadeAnew { was, is });
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("kafka-same-topic".to_owned()).spawn(look);
        thread.map_err(|error| KafkaError::ClientCreation(format!("no thread could be started: {error}")))?;
        Ok(Some(Watch(looking)))
    }
}
