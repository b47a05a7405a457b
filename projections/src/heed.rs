//! Taking note, about once a second, of what operators did in other processes: another set switched to, events skipped.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::ports::Failure;
use futures::future::join_all;

use crate::worker::Shared;

const HEEDED_EVERY: Duration = Duration::from_secs(1);

/// Takes note until everything stops.
pub(crate) async fn heed(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    let mut ticks = tokio::time::interval(HEEDED_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await; // The first is at once, when all was just read.
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
        }
        look(&shared).await;
    }
}

async fn look(shared: &Shared) {
    let trouble = |failure: Failure| {
        tracing::warn!(error = %failure, "what was done to read models elsewhere cannot be seen now");
    };
    if let Err(failure) = shared.skipped.refresh(shared.sql.as_ref()).await {
        return trouble(failure);
    }
    // Together: one that is held by a comparison, or whose store is silent, keeps no other waiting.
    let all = join_all(shared.models.iter().map(|model| model.follow_stored())).await;
    if let Some(failure) = all.into_iter().find_map(Result::err) {
        trouble(failure);
    }
}
