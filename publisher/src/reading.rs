//! Reading what a topic wants from a partition of the log.

use std::sync::Arc;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Direction, EventFilter, EventLog, Failure, Stored};
use futures::StreamExt;

/// Some events, and how far the partition was looked through.
pub(crate) struct Read {
    pub(crate) events: Vec<Stored>,
    /// Everything before this was seen.
    pub(crate) next: u64,
}

/// Durable events of these types from an offset on, at most `limit`.
pub(crate) async fn read(
    log: &Arc<dyn EventLog>,
    partition: Partition,
    from: u64,
    filter: &EventFilter,
    limit: usize,
) -> Result<Read, Failure> {
    // Asked before it is read: what comes in between is looked through again the next time.
    let end = size(log, partition).await?;
    if from >= end {
        return Ok(Read { events: Vec::new(), next: from });
    }
    let (events, more) = log.read(partition, from, Direction::Forward, filter, limit).await?;
    let last = events.last().map_or(from, |last| last.context.position.offset + 1);
    Ok(Read { next: more.unwrap_or_else(|| end.max(last)), events })
}

/// How many events of a partition are durable.
pub(crate) async fn size(log: &Arc<dyn EventLog>, partition: Partition) -> Result<u64, Failure> {
    let heads = log.head().await?;
    Ok(heads.iter().find(|head| head.partition == partition).map_or(0, |head| head.size))
}

/// Waits until there is an event at this offset.
pub(crate) async fn wait(log: &Arc<dyn EventLog>, partition: Partition, offset: u64) -> Result<(), Failure> {
    match log.subscribe(partition, offset).next().await {
        Some(Ok(_)) => Ok(()),
        Some(Err(failure)) => Err(failure),
        None => Err(Failure::passing("event log", "the log ended its subscription; it is being closed")),
    }
}
