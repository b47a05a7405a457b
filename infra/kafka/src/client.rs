//! Settings that every client of the brokers shares.

use rdkafka::ClientConfig;

use crate::options::Options;

/// What all clients have in common; what the operator sets comes last.
pub(crate) fn config(options: &Options) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.bootstrap)
        .set("client.id", format!("carelog-{}", options.node))
        .set("socket.nagle.disable", "true")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("allow.auto.create.topics", "false");
    for (name, value) in &options.client {
        config.set(name, value);
    }
    config
}

/// A consumer that reads what it is told to, from where it is told to, and never commits.
pub(crate) fn reading(options: &Options) -> ClientConfig {
    let mut config = config(options);
    config
        .set("group.id", format!("carelog-reader-{}", options.node)) // Never joined: places are assigned by hand.
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error") // A place that is gone is a loss, not a reason to begin elsewhere.
        .set("isolation.level", "read_uncommitted") // We write no transactions, and wait for the high watermark.
        .set("enable.partition.eof", "true")
        .set("check.crcs", "true")
        .set("fetch.queue.backoff.ms", "10")
        .set("fetch.wait.max.ms", "100");
    config
}

/// A producer: every record once, in order, on all replicas in sync, none later than the limit. Each waits so many
/// milliseconds for others to go with it.
pub(crate) fn sending(options: &Options, linger: &str) -> ClientConfig {
    let mut config = config(options);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", linger)
        .set("message.max.bytes", "1000000")
        .set("compression.type", "none")
        .set("message.timeout.ms", options.limits.delivery.as_millis().to_string());
    config
}
