//! KafkaLog: the event log of a hospital chain. The topic is the truth, a LocalLog on every node its local state; what
//! counts is decided by the order of the topic alone. docs/decisions/0014-kafka-log.md is the design.

mod assignment;
mod client;
mod counting;
mod ends;
mod error;
mod faults;
mod follower;
mod local;
mod log;
mod lost;
mod membership;
mod options;
mod pace;
mod passing_on;
mod points;
mod producers;
mod pulse;
mod reader;
mod record;
mod refill;
mod sending;
mod standing;
pub mod topic;
mod under_way;

pub use assignment::GroupAssignment;
pub use error::{NotOwner, OpenError, Stopped};
pub use faults::Faults;
pub use log::KafkaLog;
pub use options::{Brokers, Limits, Membership, Options};
pub use passing_on::{Appending, SUBJECT as APPENDS};
pub use record::{Ownership, event_headers, ownership_headers};
pub use refill::{Refilled, refill};
pub use standing::{Role, Standing};
