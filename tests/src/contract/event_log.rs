//! What every `EventLog` keeps to. `holds` runs each promise on a log of its own; `agrees_with_the_model` runs random
//! histories beside the oracle.

mod batches;
mod promises;
mod random;

use std::future::Future;

use carelog_domain::kernel::{Partition, Version};
use carelog_domain::ports::{EventLog, Expected};

pub use batches::{BatchBuilder, batch, stream_in};
pub use random::{History, agrees_with_the_model, assert_same, seeds};

use crate::clock::ManualClock;

/// A place where a log lives while it is closed and opened again.
pub trait LogHome: Send + Sync {
    /// The log.
    type Log: EventLog + Send + Sync + 'static;

    /// Opens it; the one opened before has been dropped.
    fn open(&self) -> impl Future<Output = Self::Log> + Send;

    /// The clock it was given.
    fn clock(&self) -> &ManualClock;

    /// Loses the power if it can, and says if so; the log has been dropped. What was not durable may be gone.
    fn crash(&self, seed: u64) -> bool {
        let _ = seed;
        false
    }
}

/// Every promise, each on a new log.
pub async fn holds<H: LogHome>(new_home: impl Fn() -> H) {
    promises::an_event_reads_back_as_it_was_appended(&new_home()).await;
    promises::a_stream_that_moved_is_a_conflict_that_says_where_it_is(&new_home()).await;
    promises::a_decision_of_another_term_is_refused(&new_home()).await;
    promises::a_tag_used_since_is_a_conflict_that_says_where(&new_home()).await;
    promises::a_batch_is_taken_whole_or_not_at_all(&new_home()).await;
    promises::a_command_is_remembered_for_ever(&new_home()).await;
    promises::commands_and_tags_are_scoped_by_slot(&new_home()).await;
    promises::recorded_at_follows_clock_log_cause_and_fact(&new_home()).await;
    promises::reads_go_both_ways_and_filter(&new_home()).await;
    promises::streams_and_tags_read_in_pieces(&new_home()).await;
    promises::an_event_larger_than_a_frame_is_refused(&new_home()).await;
    promises::the_root_is_that_of_every_prefix(&new_home()).await;
    promises::a_subscription_misses_and_repeats_nothing(&new_home()).await;
}

/// An expectation no stream meets.
fn never() -> Expected {
    Expected::Exactly(Version(u64::MAX))
}

/// All events of a partition, read in pieces.
pub async fn everything(log: &dyn EventLog, partition: Partition) -> Vec<carelog_domain::ports::Stored> {
    let (mut all, mut from) = (Vec::new(), Some(0));
    while let Some(next) = from {
        let read = log.read(partition, next, carelog_domain::ports::Direction::Forward, &Default::default(), 97).await;
        let (events, rest) = read.expect("the log can be read");
        all.extend(events);
        from = rest;
    }
    all
}
