//! Keeps one read model up with one partition.

mod passed;
mod place;
mod settled;
mod stopped;

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::ports::{Clock, EventLog, SqlStore};
use tokio::sync::{mpsc, watch};
use tracing::Instrument;

use crate::apply::{Applier, Refusal};
use crate::assigned::Here;
use crate::chunk::Chunk;
use crate::feed::Feed;
use crate::home::Mark;
use crate::lag::seconds_between;
use crate::looking::Looking;
use crate::running::{self, Running, Skipped};
use crate::state::{Doing, Fault};
use passed::Passed;
use settled::Settled;

/// Events read at a time by a worker that has to catch up by itself.
const CATCH_UP_EVENTS: usize = 2_048;
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What workers share.
pub(crate) struct Shared {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) sql: Arc<dyn SqlStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) skipped: Skipped,
    pub(crate) models: Vec<Arc<Running>>,
    /// The partitions that are worked on in this process.
    pub(crate) here: Here,
    pub(crate) looking: Looking,
    pub(crate) stopping: watch::Sender<bool>,
}

impl Shared {
    fn applier<'a>(&'a self, model: &'a Running) -> Applier<'a> {
        Applier { projection: model.projection, home: model.home.as_ref(), log: &self.log, skipped: &self.skipped }
    }
}

/// One read model, one partition.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) model: Arc<Running>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) mark: Mark,
    /// What lies after the mark and is nothing to this read model.
    passed: Option<Passed>,
    /// When the checkpoint was last moved over such events alone.
    wrote_passed: Option<tokio::time::Instant>,
    generation: u64,
    /// False while the checkpoint is further than this copy of the log: it is compared when the log has come to it.
    compared: bool,
    settled: Settled,
    /// Where the fault on record is; forgotten once the checkpoint has passed it.
    fault_at: Option<u64>,
    /// When it was last said that somebody else moved the checkpoint.
    said_moved: Option<std::time::Instant>,
}

/// Why a worker cannot go on.
pub(crate) enum Halt {
    Poison(Fault),
    /// The checkpoint is not of this log.
    Diverged,
    /// The feed went on without it.
    LeftBehind,
    Stopping,
}

/// What a worker to whom nothing is given has to do.
enum Due {
    /// Another set is the live one.
    Place,
    /// The checkpoint is to be moved over what was passed by.
    Passed,
    /// What was applied is to be made durable.
    Settling,
}

impl Worker {
    /// Runs until told to stop; `halted` if it cannot begin. A `source` that was joined before the feed began misses
    /// nothing; without one the worker joins and reads by itself what it missed.
    pub(crate) async fn run(mut self, halted: Option<Halt>, mut source: Option<mpsc::Receiver<Arc<Chunk>>>) {
        let mut halted = halted;
        loop {
            let halt = match (halted.take(), source.take()) {
                (Some(halt), _) => halt,
                (None, Some(source)) => self.follow(source).await,
                (None, None) => self.join().await,
            };
            match halt {
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
                Halt::Diverged => {
                    if !self.wait_until_rebuilt().await {
                        return;
                    }
                    halted = self.find_place().await.err();
                }
            }
        }
        // What cannot be written now is read again after a start, which changes nothing.
        let _ = self.write_passed().await;
        let _ = self.settle().await;
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
        loop {
            let next = match source.try_recv() {
                Ok(chunk) => Ok(Some(chunk)),
                Err(_) => self.next(&mut source).await,
            };
            let taken = match next {
                Ok(Some(chunk)) => self.take(&chunk).await,
                Ok(None) => self.catch_up(u64::MAX).await,
                Err(halt) => Err(halt),
            };
            if let Err(halt) = taken {
                return halt;
            }
        }
    }

    /// The next chunk, once there is one; `None` when its place is another one now, perhaps before what the feed has given
    /// out: another set became the live one, or somebody else moved the checkpoint.
    async fn next(&mut self, source: &mut mpsc::Receiver<Arc<Chunk>>) -> Result<Option<Arc<Chunk>>, Halt> {
        let reached = self.reached();
        let mut stopping = self.shared.stopping.subscribe();
        let mut switched = self.model.switched.subscribe();
        let generation = self.generation;
        while self.reached() >= reached {
            let due = tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return Err(Halt::Stopping),
                _ = switched.wait_for(|live| live.generation != generation) => Due::Place,
                next = source.recv() => return next.map(Some).ok_or(Halt::LeftBehind),
                () = self.passed_is_due() => Due::Passed,
                () = self.settling_is_due() => Due::Settling,
            };
            match due {
                Due::Place => {
                    self.find_place().await?;
                    break;
                }
                Due::Passed => self.write_passed().await?,
                Due::Settling => self.settle().await?,
            }
        }
        Ok(None)
    }

    /// Applies a chunk, after whatever lies between it and the checkpoint.
    async fn take(&mut self, chunk: &Chunk) -> Result<(), Halt> {
        let mut pause = PAUSE_MIN;
        loop {
            if chunk.start > self.reached() {
                self.catch_up(chunk.start).await?;
            }
            if chunk.start > self.reached() {
                self.pause(&mut pause, "the log does not show what was read from it before".to_owned()).await?;
            } else if self.apply(chunk).await? {
                return Ok(());
            }
        }
    }

    /// Reads and applies up to `until` (or the end of the log) without the feed.
    async fn catch_up(&mut self, until: u64) -> Result<(), Halt> {
        let mut pause = PAUSE_MIN;
        while self.reached() < until {
            if *self.shared.stopping.borrow() {
                return Err(Halt::Stopping);
            }
            let limit = usize::try_from(until - self.reached()).unwrap_or(usize::MAX).min(CATCH_UP_EVENTS);
            match self.feed.reader.read(self.feed.partition, self.reached(), limit).await {
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

    /// Applies what of a chunk is missing; false when nothing was applied and the place is another one now.
    async fn apply(&mut self, chunk: &Chunk) -> Result<bool, Halt> {
        let mut pause = PAUSE_MIN;
        loop {
            let is_switched = self.model.live.read().await.generation != self.generation;
            if is_switched || !self.compared && chunk.end > self.mark.size {
                self.find_place().await?; // Of another set; or the log has come to a checkpoint that was beyond it.
                return Ok(false);
            }
            if self.pass_by(chunk) {
                return Ok(true);
            }
            let span = self.span(chunk);
            match self.attempt(chunk).instrument(span).await {
                Ok(()) => break,
                Err(Refusal::Poison(fault)) => {
                    self.settled.applied(); // What stands before the event was.
                    return Err(Halt::Poison(fault));
                }
                Err(Refusal::Moved(found)) => {
                    self.say_moved(&found);
                    self.find_place().await?;
                    return Ok(false);
                }
                Err(Refusal::Port(failure)) => self.pause(&mut pause, failure.to_string()).await?,
            }
        }
        self.running();
        self.forget_passed_fault().await;
        self.after(chunk).await?;
        Ok(true)
    }

    async fn attempt(&mut self, chunk: &Chunk) -> Result<(), Refusal> {
        let model = Arc::clone(&self.model);
        let live = model.live.read().await;
        if live.generation != self.generation {
            return Err(Refusal::Moved(self.mark.clone())); // Switched a moment ago.
        }
        assert!(chunk.start <= self.reached(), "a chunk was to be applied with events missing before it");
        let shared = Arc::clone(&self.shared);
        let applied = shared.applier(&model).take(live.set, &mut self.mark, chunk).await;
        self.passed.take_if(|passed| !passed.is_beyond(&self.mark));
        model.reached(&self.mark);
        applied
    }

    fn running(&self) {
        self.model.set_doing(self.feed.partition, Doing::Running);
    }

    async fn after(&mut self, chunk: &Chunk) -> Result<(), Halt> {
        let (model, now) = (self.model.name(), self.shared.clock.now());
        if let Some(last) = chunk.recorded_at {
            metrics::histogram!("carelog_projection_delay_seconds", "model" => model)
                .record(seconds_between(last, now));
        }
        metrics::counter!("carelog_projection_events_total", "model" => model).increment(chunk.items.len() as u64);
        if model == "skips" && chunk.items.iter().any(|item| self.model.projection.wants(&item.event_type)) {
            self.heed_skips().await;
        }
        self.applied().await
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

    /// What stopped this partition is over as soon as the checkpoint is beyond it, however that came about: a retry, a
    /// skip, another set, a mended program.
    async fn forget_passed_fault(&mut self) {
        if self.fault_at.is_none_or(|offset| self.mark.size <= offset) {
            return;
        }
        let (model, partition) = (self.model.name(), self.feed.partition);
        match running::forget_fault(self.shared.sql.as_ref(), self.model.key(), partition).await {
            Ok(()) => self.fault_at = None,
            // Whoever reads the record compares it with the checkpoint; it is deleted after the next chunk, or at a start.
            Err(failure) => tracing::warn!(model, error = %failure, "the fault could not be forgotten yet"),
        }
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
