//! What a KafkaLog is opened with.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::ports::Peers;

use crate::faults::Faults;

/// How a log is opened; [`Options::new`] has the defaults.
#[derive(Clone)]
pub struct Options {
    /// `host:port`, with commas between them.
    pub bootstrap: String,
    /// The topic.
    pub topic: String,
    /// How many partitions it has.
    pub partitions: u16,
    /// This node's name, for people.
    pub node: String,
    /// Where other nodes reach this one.
    pub address: String,
    /// The local state; its number of partitions is taken from here.
    pub local: carelog_event_log::Options,
    /// How many brokers there must be.
    pub brokers: Brokers,
    /// Which partitions this node takes over.
    pub membership: Membership,
    /// Has batches for partitions of other nodes appended by them; without it they are refused.
    pub peers: Option<Arc<dyn Peers>>,
    /// More settings for librdkafka, such as TLS and SASL.
    pub client: Vec<(String, String)>,
    /// How long things may take.
    pub limits: Limits,
    /// What tests have it do wrong; nothing can be set without the feature `faults`.
    pub faults: Faults,
}

/// How many brokers hold a record before it is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Brokers {
    /// Three replicas, two of them in sync: one broker may be lost.
    Replicated,
    /// One broker, which may lose everything when it is lost; for tests and trials.
    One,
}

/// Which partitions a node takes over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Membership {
    /// Those that the consumer group assigns to it.
    Group(String),
    /// All, always: a node that is alone.
    Alone,
    /// None: a node that only follows.
    Observer,
}

/// How long things may take before something is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// A record that is not delivered by then ends the epoch.
    pub delivery: Duration,
    /// What was accepted and is not read back for so long ends the epoch.
    pub read_back: Duration,
    /// A read barrier that is not reached by then is a failure.
    pub barrier: Duration,
    /// A claim that is not read back by then is made anew.
    pub claim: Duration,
    /// After this long without a heartbeat the group takes a node's partitions away.
    pub session: Duration,
    /// How long the start waits for an answer of a broker.
    pub start: Duration,
    /// So often a node looks whether the topic is still the one it began with.
    pub same_topic: Duration,
}

impl Options {
    /// The defaults, for a node that shares its partitions with others.
    pub fn new(bootstrap: &str, partitions: u16, node: &str, local: carelog_event_log::Options) -> Options {
        Options {
            bootstrap: bootstrap.to_owned(),
            topic: "carelog.log".to_owned(),
            partitions,
            node: node.to_owned(),
            address: String::new(),
            local,
            brokers: Brokers::Replicated,
            membership: Membership::Group("carelog".to_owned()),
            peers: None,
            client: vec![],
            faults: Faults::default(),
            limits: Limits {
                delivery: Duration::from_secs(10),
                read_back: Duration::from_secs(20),
                barrier: Duration::from_secs(5),
                claim: Duration::from_secs(10),
                // The shortest that brokers allow unless they are told otherwise (group.min.session.timeout.ms).
                session: Duration::from_secs(6),
                start: Duration::from_secs(10),
                same_topic: Duration::from_secs(1),
            },
        }
    }
}
