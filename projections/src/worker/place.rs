//! Where a worker goes on: always where the store has the partition now, compared with the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::Failure;

use super::settled::Settled;
use super::{Halt, PAUSE_MIN, Shared, Worker};
use crate::check::{self, Standing};
use crate::feed::Feed;
use crate::home::Mark;
use crate::running::{self, Running};
use crate::state::Doing;

const SAID_AGAIN_AFTER: Duration = Duration::from_secs(60);

impl Worker {
    /// A worker at the place where the store has the partition now.
    ///
    /// # Errors
    /// When the store or the log cannot be asked.
    pub(crate) async fn placed(
        shared: &Arc<Shared>,
        model: &Arc<Running>,
        feed: &Arc<Feed>,
    ) -> Result<(Worker, Option<Halt>), Failure> {
        let partition = feed.partition;
        let mut worker = Worker {
            shared: Arc::clone(shared),
            model: Arc::clone(model),
            feed: Arc::clone(feed),
            mark: Mark::start(partition),
            passed: None,
            wrote_passed: None,
            generation: 0,
            compared: false,
            settled: Settled::default(),
            fault_at: None,
            said_moved: None,
        };
        let faults = running::faults(shared.sql.as_ref()).await?;
        let diverged = worker.place().await?;
        let (key, mark) = (model.key(), &worker.mark);
        if faults.is_over(key, mark) {
            running::forget_fault(shared.sql.as_ref(), key, partition).await?;
        }
        let standing = faults.standing(key, mark).cloned();
        worker.fault_at = standing.as_ref().map(|fault| fault.position.offset);
        if diverged {
            return Ok((worker, Some(Halt::Diverged)));
        }
        // One that was stopped is taken to be so until it has passed the event.
        model.set_doing(partition, standing.map_or(Doing::Running, Doing::Stopped));
        Ok((worker, None))
    }

    /// Waits until the read model was built anew from this log; false when told to stop.
    pub(super) async fn wait_until_rebuilt(&self) -> bool {
        let mut stopping = self.shared.stopping.subscribe();
        let mut switched = self.model.switched.subscribe();
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => false,
            _ = switched.wait_for(|live| live.generation != self.generation) => true,
        }
    }

    /// Goes to where the store has the partition, however long it takes to ask.
    pub(super) async fn find_place(&mut self) -> Result<(), Halt> {
        let mut pause = PAUSE_MIN;
        loop {
            match self.place().await {
                Ok(false) => break,
                Ok(true) => return Err(Halt::Diverged),
                Err(failure) => self.pause(&mut pause, failure.to_string()).await?,
            }
        }
        self.running();
        Ok(())
    }

    /// Goes to where the store has the partition in the set that is live now: nothing that was known before is used. True
    /// when that place is not of this log.
    pub(super) async fn place(&mut self) -> Result<bool, Failure> {
        let partition = self.feed.partition;
        self.model.home.forget(self.model.live_now().set, partition);
        self.passed = None;
        self.settled.forget();
        let marks = loop {
            let Some(stored) = self.model.home.stored().await? else { break vec![] };
            let live = self.model.follow_live(stored.set).await?;
            self.generation = live.generation;
            if live.set == stored.set {
                break stored.marks;
            }
        };
        self.mark =
            marks.into_iter().find(|mark| mark.partition == partition).unwrap_or_else(|| Mark::start(partition));
        self.model.reached(&self.mark);
        let standing = check::standing(self.shared.log.as_ref(), &self.mark).await?;
        self.compared = matches!(standing, Standing::Ours);
        let Standing::Wrong(message) = standing else { return Ok(false) };
        self.model.set_doing(partition, diverged(self.model.name(), partition, message));
        Ok(true)
    }

    /// Once a minute: while an upgrade runs two versions side by side, both keep up what is the same in both.
    pub(super) fn say_moved(&mut self, found: &Mark) {
        if self.said_moved.is_some_and(|said| said.elapsed() < SAID_AGAIN_AFTER) {
            return;
        }
        self.said_moved = Some(Instant::now());
        let (model, partition) = (self.model.name(), self.feed.partition.0);
        tracing::warn!(
            model,
            partition,
            expected = self.mark.size,
            found = found.size,
            "somebody else moved the checkpoint: nothing was written, going on from there while it is assigned"
        );
    }
}

/// The state in which a partition whose checkpoint is not of this log is left.
fn diverged(model: &str, partition: Partition, message: String) -> Doing {
    tracing::error!(model, partition = partition.0, message, "a projection does not start");
    metrics::gauge!("carelog_projection_stopped", "model" => model.to_owned(), "partition" => partition.0.to_string())
        .set(1.0);
    Doing::Diverged { message }
}
