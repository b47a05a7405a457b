//! Taking note, about once a second, of what operators did in other processes: another set switched to, events skipped.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::ports::Failure;

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
        if let Err(failure) = look(&shared).await {
            tracing::warn!(error = %failure, "what was done to read models elsewhere cannot be seen now");
        }
    }
}

async fn look(shared: &Shared) -> Result<(), Failure> {
    shared.skipped.refresh(shared.sql.as_ref()).await?;
    for model in &shared.models {
        if let Some(stored) = model.home.stored().await? {
            model.follow_live(stored.set).await?;
        }
    }
    Ok(())
}
