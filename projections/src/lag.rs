//! How far read models are behind the log, sampled: a gauge that is set when something is applied says nothing of a read
//! model that stands still, which is the one that matters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::{Partition, Timestamp};
use carelog_domain::ports::{Direction, EventFilter, Failure};

use crate::worker::Shared;

/// Well below the minute in which alarms look.
const SAMPLED_EVERY: Duration = Duration::from_secs(5);

/// How far a read model is behind in a partition.
#[derive(Clone, PartialEq, Debug)]
pub struct Lag {
    /// The read model.
    pub model: &'static str,
    /// The partition.
    pub partition: Partition,
    /// Durable events that it has not applied.
    pub events: u64,
    /// For how long the oldest of them has been in the log; 0 when there is none.
    pub seconds: f64,
}

/// Every read model, and the partitions that are worked on here.
pub(crate) async fn lags(shared: &Shared) -> Result<Vec<Lag>, Failure> {
    let heads = shared.log.head().await?;
    let now = shared.clock.now();
    // Read models that wait for the same event stand at the same place.
    let mut recorded: BTreeMap<(Partition, u64), Option<Timestamp>> = BTreeMap::new();
    let mut lags = Vec::new();
    for model in &shared.models {
        let sizes = model.progress.borrow().clone();
        for head in heads.iter().filter(|head| shared.here.contains(head.partition)) {
            let applied = sizes.get(usize::from(head.partition.0)).copied().unwrap_or(0);
            let events = head.size.saturating_sub(applied);
            let oldest = match recorded.get(&(head.partition, applied)) {
                _ if events == 0 => None,
                Some(known) => *known,
                None => recorded_at(shared, head.partition, applied).await?,
            };
            recorded.insert((head.partition, applied), oldest);
            let seconds = oldest.map_or(0.0, |oldest| seconds_between(oldest, now));
            lags.push(Lag { model: model.name(), partition: head.partition, events, seconds });
        }
    }
    Ok(lags)
}

async fn recorded_at(shared: &Shared, partition: Partition, offset: u64) -> Result<Option<Timestamp>, Failure> {
    let (found, _) = shared.log.read(partition, offset, Direction::Forward, &EventFilter::default(), 1).await?;
    Ok(found.first().map(|stored| stored.context.recorded_at))
}

/// Sets the gauges every few seconds until everything stops.
pub(crate) async fn sample(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    let mut ticks = tokio::time::interval(SAMPLED_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
        }
        match lags(&shared).await {
            Ok(lags) => show(&lags),
            Err(failure) => tracing::warn!(error = %failure, "how far read models are behind cannot be told now"),
        }
    }
}

/// Events by partition; seconds by read model, of the partition that is furthest behind.
fn show(lags: &[Lag]) {
    let mut seconds: BTreeMap<&'static str, f64> = BTreeMap::new();
    for lag in lags {
        metrics::gauge!("carelog_projection_lag_events", "model" => lag.model, "partition" => lag.partition.0.to_string())
            .set(lag.events as f64);
        let most = seconds.entry(lag.model).or_default();
        *most = most.max(lag.seconds);
    }
    for (model, seconds) in seconds {
        metrics::gauge!("carelog_projection_lag_seconds", "model" => model).set(seconds);
    }
}

pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    (to.micros() - from.micros()).max(0) as f64 / 1e6
}
