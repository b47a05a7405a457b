//! What a publisher is opened with.

use std::time::Duration;

use crate::faults::Faults;

/// How a publisher is opened; [`Options::new`] has the defaults.
#[derive(Clone)]
pub struct Options {
    /// `host:port`, with commas between them.
    pub bootstrap: String,
    /// Partitions of the log.
    pub log_partitions: u16,
    /// The public topics; those that are missing are made.
    pub topics: Vec<String>,
    /// Partitions of a topic that is made.
    pub topic_partitions: i32,
    /// Stands before every name, so that several platforms can share a cluster.
    pub prefix: String,
    /// How many brokers hold a record of a topic that is made.
    pub brokers: Brokers,
    /// This node's name, for people.
    pub node: String,
    /// More settings for librdkafka, such as TLS and SASL.
    pub client: Vec<(String, String)>,
    /// How long things may take.
    pub limits: Limits,
    /// What it is told to do wrong.
    pub faults: Faults,
}

/// How many brokers hold a record before it is published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Brokers {
    /// Three replicas, two of them in sync: one broker may be lost.
    Replicated,
    /// One broker, which may lose everything when it is lost; for tests and trials.
    One,
}

/// How long things may take before they are given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// A transaction that is open for longer is undone by Kafka: readers wait behind it no longer than this.
    pub transaction: Duration,
    /// Taking over, which waits until the transaction of the one before is undone or done.
    pub take_over: Duration,
    /// Any other answer of a broker.
    pub answer: Duration,
}

impl Options {
    /// The defaults.
    pub fn new(bootstrap: &str, log_partitions: u16, topics: impl IntoIterator<Item = impl Into<String>>) -> Options {
        Options {
            bootstrap: bootstrap.to_owned(),
            log_partitions,
            topics: topics.into_iter().map(Into::into).collect(),
            topic_partitions: 6,
            prefix: String::new(),
            brokers: Brokers::Replicated,
            node: "carelog".to_owned(),
            client: vec![],
            limits: Limits {
                transaction: Duration::from_secs(20),
                take_over: Duration::from_secs(60),
                answer: Duration::from_secs(10),
            },
            faults: Faults::default(),
        }
    }

    /// The name of a topic on the cluster.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The topic of the marks.
    pub(crate) fn marks_topic(&self) -> String {
        self.topic("carelog.publisher.marks")
    }
}
