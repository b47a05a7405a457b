//! Public topics, without Kafka: what messages say and never say, that they follow from the log alone, and the feeds that
//! serve them over HTTP.

#[path = "topics/facts.rs"]
mod facts;
#[path = "topics/feeds.rs"]
mod feeds;
#[path = "projections/history.rs"]
mod history;
#[path = "topics/lagging.rs"]
mod lagging;
#[path = "topics/messages.rs"]
mod messages;
#[path = "topics/secrecy.rs"]
mod secrecy;
#[path = "topics/served.rs"]
mod served;
#[path = "topics/world.rs"]
mod world;
