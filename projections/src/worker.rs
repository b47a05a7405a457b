//! Keeps one read model up with one partition.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Clock, EventLog, SqlStore};
use tokio::sync::{mpsc, watch};
use tracing::Instrument;

use crate::apply::{Applier, Refusal};
use crate::chunk::Chunk;
use crate::feed::Feed;
use crate::home::Mark;
use crate::lag::seconds_between;
use crate::running::{self, Running, Skipped};
use crate::state::{Doing, Fault};

/// Events read at a time by a worker that has to catch up by itself.
const CATCH_UP_EVENTS: usize = 2_048;
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long documents may stay unflushed while more comes.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// What workers share.
pub(crate) struct Shared {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) sql: Arc<dyn SqlStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) skipped: Skipped,
    pub(crate) models: Vec<Arc<Running>>,
    pub(crate) stopping: watch::Sender<bool>,
}

/// One read model, one partition.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) model: Arc<Running>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) mark: Mark,
    generation: u64,
    unsettled_since: Option<Instant>,
    /// Where the fault on record is; forgotten once the checkpoint has passed it.
    fault_at: Option<u64>,
}

/// Why a worker cannot go on.
enum Halt {
    Poison(Fault),
    /// The feed went on without it.
    LeftBehind,
    Stopping,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, model: Arc<Running>, feed: Arc<Feed>, mark: Mark) -> Worker {
        let fault_at = match model.doing(feed.partition) {
            Doing::Stopped(fault) => Some(fault.position.offset),
            _ => None,
        };
        Worker { shared, model, feed, mark, generation: 0, unsettled_since: None, fault_at }
    }

    /// Runs until told to stop. A `source` that was joined before the feed began misses nothing; without one the
    /// worker joins and reads by itself what it missed.
    pub(crate) async fn run(mut self, mut source: Option<mpsc::Receiver<Arc<Chunk>>>) {
        loop {
            let halted = match source.take() {
                Some(source) => self.follow(source).await,
                None => self.join().await,
            };
            match halted {
                Halt::Stopping => break,
                Halt::LeftBehind => {
                    let (model, partition) = (self.model.name(), self.feed.partition.0);
                    tracing::warn!(model, partition, applied = self.mark.size, "left behind: catching up by itself");
                }
                Halt::Poison(fault) => {
                    if !self.wait_for_retry(fault).await {
                        break;
                    }
                }
            }
        }
        self.settle().await;
    }

    /// Waits until the read model was built anew from this log, then runs.
    pub(crate) async fn run_once_rebuilt(mut self) {
        let mut stopping = self.shared.stopping.subscribe();
        let partition = self.feed.partition;
        while self.model.live.read().await.generation == self.generation {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = self.model.retry[usize::from(partition.0)].notified() => {}
            }
        }
        self.notice_switch().await;
        self.running();
        self.run(None).await;
    }

    /// Reads by itself what it missed, then follows. Most of it is read before it joins, since the feed waits for those
    /// who have.
    async fn join(&mut self) -> Halt {
        if let Err(halt) = self.catch_up(u64::MAX).await {
            return halt;
        }
        let joined = self.feed.join();
        match self.catch_up(u64::MAX).await {
            Ok(()) => self.follow(joined).await,
            Err(halt) => halt,
        }
    }

    async fn follow(&mut self, mut source: mpsc::Receiver<Arc<Chunk>>) -> Halt {
        let mut stopping = self.shared.stopping.subscribe();
        loop {
            let chunk = match source.try_recv() {
                Ok(chunk) => chunk,
                Err(_) => {
                    self.settle().await; // Nothing waits: a good moment.
                    let next = tokio::select! {
                        _ = stopping.wait_for(|stopping| *stopping) => return Halt::Stopping,
                        next = source.recv() => next,
                    };
                    let Some(chunk) = next else { return Halt::LeftBehind };
                    chunk
                }
            };
            if let Err(halt) = self.take(&chunk).await {
                return halt;
            }
        }
    }

    /// Applies a chunk, after whatever lies between it and the checkpoint.
    async fn take(&mut self, chunk: &Chunk) -> Result<(), Halt> {
        self.notice_switch().await;
        if chunk.start > self.mark.size {
            self.catch_up(chunk.start).await?;
        }
        self.apply(chunk).await
    }

    /// Reads and applies up to `until` (or the end of the log) without the feed.
    async fn catch_up(&mut self, until: u64) -> Result<(), Halt> {
        let mut pause = PAUSE_MIN;
        while self.mark.size < until {
            if *self.shared.stopping.borrow() {
                return Err(Halt::Stopping);
            }
            let limit = usize::try_from(until - self.mark.size).unwrap_or(usize::MAX).min(CATCH_UP_EVENTS);
            match self.feed.reader.read(self.feed.partition, self.mark.size, limit).await {
                Ok(Some(chunk)) => {
                    self.apply(&chunk).await?;
                    pause = PAUSE_MIN;
                }
                Ok(None) => return Ok(()),
                Err(failure) => self.pause(&mut pause, failure.to_string()).await?,
            }
        }
        Ok(())
    }

    async fn apply(&mut self, chunk: &Chunk) -> Result<(), Halt> {
        let mut pause = PAUSE_MIN;
        loop {
            let span = self.span(chunk);
            match self.attempt(chunk).instrument(span).await {
                Ok(()) => break,
                Err(Refusal::Poison(fault)) => return Err(Halt::Poison(fault)),
                Err(Refusal::Moved(found)) => self.moved(found),
                Err(Refusal::Port(failure)) => self.pause(&mut pause, failure.to_string()).await?,
            }
        }
        self.running();
        self.forget_passed_fault().await;
        self.after(chunk).await;
        Ok(())
    }

    async fn attempt(&mut self, chunk: &Chunk) -> Result<(), Refusal> {
        let model = Arc::clone(&self.model);
        let live = model.live.read().await;
        if live.generation != self.generation {
            // Switched since this chunk was begun: go on from where the new set is.
            self.generation = live.generation;
            let marks = model.home.marks(live.set).await.map_err(Refusal::Port)?;
            return Err(Refusal::Moved(self.mark_among(marks)));
        }
        let applier = Applier {
            projection: model.projection,
            home: model.home.as_ref(),
            log: &self.shared.log,
            skipped: &self.shared.skipped,
        };
        let applied = applier.take(live.set, &mut self.mark, chunk).await;
        model.reached(&self.mark);
        applied
    }

    /// Another set became the live one: the checkpoint is where that set is.
    async fn notice_switch(&mut self) {
        let live = *self.model.live.read().await;
        if live.generation == self.generation {
            return;
        }
        match self.model.home.marks(live.set).await {
            Ok(marks) => {
                self.generation = live.generation;
                self.mark = self.mark_among(marks);
                self.model.reached(&self.mark);
            }
            Err(failure) => tracing::warn!(model = self.model.name(), error = %failure, "checkpoints cannot be read"),
        }
    }

    fn mark_among(&self, marks: Vec<Mark>) -> Mark {
        let partition = self.feed.partition;
        marks.into_iter().find(|mark| mark.partition == partition).unwrap_or_else(|| Mark::start(partition))
    }

    fn moved(&mut self, found: Mark) {
        let (model, partition) = (self.model.name(), self.feed.partition.0);
        tracing::warn!(model, partition, expected = self.mark.size, found = found.size, "the checkpoint was moved");
        self.mark = found;
        self.model.reached(&self.mark);
    }

    fn running(&self) {
        self.model.set_doing(self.feed.partition, Doing::Running);
    }

    async fn after(&mut self, chunk: &Chunk) {
        let (model, now) = (self.model.name(), self.shared.clock.now());
        if let Some(last) = chunk.recorded_at {
            metrics::histogram!("carelog_projection_delay_seconds", "model" => model)
                .record(seconds_between(last, now));
        }
        metrics::counter!("carelog_projection_events_total", "model" => model).increment(chunk.items.len() as u64);
        if model == "skips" && chunk.items.iter().any(|item| self.model.projection.wants(&item.event_type)) {
            self.heed_skips().await;
        }
        let since = *self.unsettled_since.get_or_insert_with(Instant::now);
        if since.elapsed() > SETTLED_AFTER {
            self.settle().await;
        }
    }

    /// Someone may wait for a skip: lets them try again.
    async fn heed_skips(&self) {
        if let Err(failure) = self.shared.skipped.refresh(self.shared.sql.as_ref()).await {
            tracing::warn!(error = %failure, "skipped events cannot be read; retry the projection by hand");
        }
        for model in &self.shared.models {
            model.retry(Some(&self.shared.skipped.of(model.name())));
        }
    }

    async fn settle(&mut self) {
        if self.unsettled_since.take().is_none() {
            return;
        }
        let set = self.model.live.read().await.set;
        if let Err(failure) = self.model.home.settle(set).await {
            // What was not settled is applied again after a restart, which changes nothing.
            tracing::warn!(model = self.model.name(), error = %failure, "could not be made durable yet");
        }
    }

    /// What stopped this partition is over as soon as the checkpoint is beyond it, however that came about: a retry, a
    /// skip, another set, a mended program.
    async fn forget_passed_fault(&mut self) {
        if self.fault_at.is_none_or(|offset| self.mark.size <= offset) {
            return;
        }
        let (model, partition) = (self.model.name(), self.feed.partition);
        match running::forget_fault(self.shared.sql.as_ref(), model, partition).await {
            Ok(()) => self.fault_at = None,
            // Whoever reads the record compares it with the checkpoint; it is deleted after the next chunk, or at a start.
            Err(failure) => tracing::warn!(model, error = %failure, "the fault could not be forgotten yet"),
        }
    }

    async fn wait_for_retry(&mut self, fault: Fault) -> bool {
        let (model, partition) = (self.model.name(), self.feed.partition);
        tracing::error!(
            model, position = %fault.position, event = %fault.event, event_type = fault.event_type,
            error = fault.message, "a projection stopped at an event it cannot take: retry it or skip it"
        );
        metrics::gauge!("carelog_projection_stopped", "model" => model, "partition" => partition.0.to_string())
            .set(1.0);
        if let Err(failure) = running::record_fault(self.shared.sql.as_ref(), model, &fault).await {
            tracing::warn!(model, error = %failure, "the fault could not be recorded");
        }
        self.fault_at = Some(fault.position.offset);
        self.model.set_doing(partition, Doing::Stopped(fault.clone()));
        let mut stopping = self.shared.stopping.subscribe();
        if !self.shared.skipped.contains(model, fault.position) {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return false,
                () = self.model.retry[usize::from(partition.0)].notified() => {}
            }
        }
        metrics::gauge!("carelog_projection_stopped", "model" => model, "partition" => partition.0.to_string())
            .set(0.0);
        self.running();
        true
    }

    async fn pause(&self, pause: &mut Duration, message: String) -> Result<(), Halt> {
        let model = self.model.name();
        tracing::warn!(model, partition = self.feed.partition.0, error = message, "waiting, then trying again");
        self.model.set_doing(self.feed.partition, Doing::Waiting { message });
        let mut stopping = self.shared.stopping.subscribe();
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return Err(Halt::Stopping),
            () = tokio::time::sleep(*pause) => {}
        }
        *pause = (*pause * 2).min(PAUSE_MAX);
        Ok(())
    }

    /// A span that goes on with the trace of the first event in it.
    fn span(&self, chunk: &Chunk) -> tracing::Span {
        let span = tracing::info_span!(
            "projection_batch",
            model = self.model.name(),
            partition = self.feed.partition.0,
            from = chunk.start,
            to = chunk.end
        );
        let wanted = chunk.items.iter().find(|item| self.model.projection.wants(&item.event_type));
        if let Some(traceparent) = wanted.and_then(|item| item.traceparent.as_deref()) {
            carelog_schemas::trace_context::adopt(&span, traceparent);
        }
        span
    }
}

/// The state in which a partition whose checkpoint is not of this log is left.
pub(crate) fn diverged(model: &str, partition: Partition, message: String) -> Doing {
    tracing::error!(model, partition = partition.0, message, "a projection does not start");
    metrics::gauge!("carelog_projection_stopped", "model" => model.to_owned(), "partition" => partition.0.to_string())
        .set(1.0);
    Doing::Diverged { message }
}
