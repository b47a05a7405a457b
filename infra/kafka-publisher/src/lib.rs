//! The port `Publisher` on Kafka: records of public topics and the marks that say how far they go, in one transaction.
//!
//! ```text
//! transactional.id  <prefix>carelog.publisher-<log partition>      a newer publisher of the partition fences the older
//! marks             topic <prefix>carelog.publisher.marks, compacted, a partition for each of the log's
//!                   key = topic, value = {"next":1234,"root":"<hex>"}
//! ```
//! A consumer group's offsets would do for marks too, but Kafka forgets them after a week of silence, and they hold no root.

mod client;
mod error;
mod faults;
mod marks;
mod options;
mod publisher;
mod session;
mod topic;

pub use error::OpenError;
pub use faults::{Faults, Step};
pub use options::{Brokers, Limits, Options};
pub use publisher::KafkaPublisher;
