//! A worker that stopped at an event: on record until somebody lets it try again, or skip the event.

use std::time::Duration;

use super::Worker;
use crate::running;
use crate::state::{Doing, Fault};

/// How often a stopped worker looks whether somebody lets it try again, in whichever process.
const LOOKED_EVERY: Duration = Duration::from_secs(1);

impl Worker {
    pub(super) async fn wait_for_retry(&mut self, fault: Fault) -> bool {
        let (model, partition) = (self.model.name(), self.feed.partition);
        tracing::error!(
            model, position = %fault.position, event = %fault.event, event_type = fault.event_type,
            error = fault.message, "a projection stopped at an event it cannot take: retry it or skip it"
        );
        metrics::gauge!("carelog_projection_stopped", "model" => model, "partition" => partition.0.to_string())
            .set(1.0);
        if let Err(failure) = running::record_fault(self.shared.sql.as_ref(), self.model.key(), &fault).await {
            tracing::warn!(model, error = %failure, "the fault could not be recorded");
        }
        self.fault_at = Some(fault.position.offset);
        self.model.set_doing(partition, Doing::Stopped(fault.clone()));
        let mut stopping = self.shared.stopping.subscribe();
        while !self.shared.skipped.contains(model, fault.position) {
            // Nothing more is applied for long: what stands before the event is told to others. Who is further meets it too.
            let _ = self.settle_here().await;
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return false,
                () = self.model.retry[usize::from(partition.0)].notified() => break,
                () = tokio::time::sleep(LOOKED_EVERY) => {}
            }
            if self.may_try_again().await {
                break;
            }
        }
        metrics::gauge!("carelog_projection_stopped", "model" => model, "partition" => partition.0.to_string())
            .set(0.0);
        self.running();
        true
    }

    /// True when somebody elsewhere took the fault off the record, or the read model was built anew.
    async fn may_try_again(&self) -> bool {
        if self.model.live_now().generation != self.generation {
            return true;
        }
        match running::faults(self.shared.sql.as_ref()).await {
            Ok(faults) => faults.of(self.model.key(), self.feed.partition).is_none(),
            Err(_) => false, // It is asked again in a moment.
        }
    }
}
