//! What a consumer group assigns to this node. Nothing is read through the group: it only says who should work on which
//! partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;

use crate::client;
use crate::options::Options;
use crate::pulse::Pulse;

/// How often the group is heard.
const POLL: Duration = Duration::from_millis(50);
/// Heartbeats in a session: a member hears with the next one that the partitions of another are free.
const HEARTBEATS: u128 = 20;
/// How long the group may take to say who is in it.
const ASKED: Duration = Duration::from_secs(2);
/// How often a node that cannot do its share looks whether somebody else could.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// A member of a group, until it is dropped: then it gives back what is assigned to it and leaves, so that others need not
/// wait for its session to end.
pub(crate) struct Member {
    leaving: Arc<AtomicBool>,
    consumer: Arc<BaseConsumer<Telling>>,
    group: String,
    thread: Option<JoinHandle<()>>,
}

/// Whoever wants to know which partitions are assigned.
pub(crate) type Tell = Box<dyn Fn(Vec<u16>) + Send + Sync>;

struct Telling(Tell);

impl ClientContext for Telling {}

impl ConsumerContext for Telling {
    fn post_rebalance(&self, consumer: &BaseConsumer<Telling>, _: &Rebalance<'_>) {
        let Ok(assigned) = consumer.assignment() else { return };
        if let Err(error) = consumer.pause(&assigned) {
            tracing::warn!(%error, "partitions of the group could not be paused; what they bring is thrown away");
        }
        (self.0)(assigned.elements().iter().map(|element| element.partition() as u16).collect());
    }
}

impl Member {
    /// Joins the group. Whoever is to work must be alive: a member whose pulse stops is silent, so that the group gives
    /// its partitions to others, and is told anew what is its own when the pulse comes back. One that says it is unfit
    /// leaves, if there are others to do its share.
    pub(crate) fn join(options: &Options, group: &str, pulse: Pulse, tell: Tell) -> Result<Member, KafkaError> {
        let session = options.limits.session.as_millis();
        let mut config = client::config(options);
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", session.to_string())
            .set("max.poll.interval.ms", session.to_string())
            .set("heartbeat.interval.ms", (session / HEARTBEATS).to_string());
        let consumer: Arc<BaseConsumer<Telling>> = Arc::new(config.create_with_context(Telling(tell))?);
        consumer.subscribe(&[&options.topic])?;
        let leaving = Arc::new(AtomicBool::new(false));
        let (left, polled, of_group) = (leaving.clone(), consumer.clone(), group.to_owned());
        let silent_after = options.limits.session / 2;
        let stay = move || {
            let (mut is_member, mut asked) = (true, None::<Instant>);
            while !left.load(Ordering::Acquire) {
                if is_member && pulse.says_unfit() && asked.is_none_or(|at| at.elapsed() > ASKED_EVERY) {
                    asked = Some(Instant::now());
                    if has_others(&polled, &of_group).unwrap_or(false) {
                        tracing::error!(group = of_group, "this node leaves the group, since it cannot do its share");
                        (polled.context().0)(Vec::new()); // First, as at the end.
                        polled.unsubscribe();
                        is_member = false;
                    }
                }
                if pulse.age() > silent_after {
                    std::thread::sleep(POLL); // Polled too rarely, librdkafka leaves the group by itself.
                    continue;
                }
                if let Some(Err(error)) = polled.poll(POLL) {
                    tracing::warn!(%error, "the consumer group has trouble with Kafka");
                }
            }
        };
        let thread = std::thread::Builder::new().name("kafka-group".to_owned()).spawn(stay);
        let thread =
            thread.map_err(|error| KafkaError::ClientCreation(format!("no thread could be started: {error}")))?;
        Ok(Member { leaving, consumer, group: group.to_owned(), thread: Some(thread) })
    }

    /// True when there may be others in the group that take over what this one has.
    pub(crate) fn has_others(&self) -> bool {
        has_others(&self.consumer, &self.group).unwrap_or(true)
    }

    /// Begins to leave; the end of it is waited for when it is dropped.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }
}

fn has_others(consumer: &BaseConsumer<Telling>, group: &str) -> Result<bool, KafkaError> {
    let found = consumer.fetch_group_list(Some(group), ASKED)?;
    Ok(found.groups().iter().any(|group| group.members().len() > 1))
}

impl Drop for Member {
    fn drop(&mut self) {
        self.leave();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the consumer group panicked");
        }
        // Before the group gives it to another: what this node wrote after that would make the other's claim false.
        (self.consumer.context().0)(Vec::new());
    }
}
