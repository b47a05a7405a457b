//! Settings of the clients of the brokers.

use carelog_domain::kernel::Partition;
use rdkafka::ClientConfig;

use crate::options::Options;

/// What all clients have in common; what the operator sets comes last.
pub(crate) fn config(options: &Options) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.bootstrap)
        .set("client.id", format!("carelog-publisher-{}", options.node))
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("allow.auto.create.topics", "false");
    for (name, value) in &options.client {
        config.set(name, value);
    }
    config
}

/// The producer of a partition of the log.
pub(crate) fn sending(options: &Options, partition: Partition) -> ClientConfig {
    let mut config = idempotent(options);
    let id = format!("{}carelog.publisher-{partition}", options.prefix);
    config.set("transactional.id", id);
    config.set("transaction.timeout.ms", options.limits.transaction.as_millis().to_string());
    config
}

/// A producer whose records are there once, in order; keys go to partitions as every Java client sends them.
pub(crate) fn idempotent(options: &Options) -> ClientConfig {
    let mut config = config(options);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "5")
        .set("partitioner", "murmur2_random")
        .set("message.timeout.ms", options.limits.transaction.as_millis().to_string());
    config
}

/// A consumer that reads what is committed, from where it is told to, and never commits.
pub(crate) fn reading(options: &Options) -> ClientConfig {
    let mut config = config(options);
    config
        .set("group.id", format!("carelog-publisher-reader-{}", options.node)) // Never joined.
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest") // Compaction takes the first ones away.
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "100");
    config
}
