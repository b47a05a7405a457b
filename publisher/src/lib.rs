//! What others may see of the log: a pure mapping for each public topic, the feeds that serve it over HTTP, and the runner
//! that writes it to Kafka.
//!
//! ```text
//! EventLog --read--> mapper (a topic: one event -> at most one CloudEvent) --> feed    GET /v1/topics/{topic}, SSE
//!                                                                          --> runner  port Publisher: records + marks
//! ```
//! Events are mapped with their personal values sealed: what was never opened cannot leak. A message follows from the log
//! and the chain's secret alone, so the feed and Kafka carry the same bytes. docs/decisions/0018-public-topics.md is the
//! design.

mod analytics;
mod appointments;
mod billing;
mod feed;
mod hospitals;
mod http;
mod laboratory;
mod mapper;
mod patients;
mod plan;
mod pseudonyms;
mod reading;
mod runner;

pub use http::{CODES, Deps as FeedDeps, Limits as FeedLimits, router};
pub use mapper::{MapError, Mapper};
pub use pseudonyms::Pseudonyms;
pub use runner::{Deps, Pace, PublisherRunner};
