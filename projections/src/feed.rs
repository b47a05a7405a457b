//! One subscription a partition, decoded once and handed to the workers of all read models.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::Stored;
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::chunk::{Chunk, Reader, whole_batches};

/// Chunks that may wait for a worker.
const CHUNKS_WAITING: usize = 4;
/// Events of one chunk at most, so that progress shows and memory is bounded.
const CHUNK_EVENTS_MAX: usize = 2_048;

/// What is written within this time goes to the workers together. A chunk costs every read model that wants any of it a
/// transaction, however little that is, and a booking with its sagas comes as half a dozen batches, one after the other;
/// what comes after a silence waits for nothing. On Kafka and PostgreSQL with everything on two cores that doubles the
/// bookings.
const GATHERED_FOR: Duration = Duration::from_millis(10);
/// So many events are worth their transactions: there is more where they come from.
const MANY_EVENTS: usize = 256;

/// How long the feed waits for workers whose chunks wait. It decodes once for all of them, so it goes at the pace of the
/// slowest; but this is far more than a chunk takes, so whoever needs longer has a store that does not answer.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The feed of a partition.
pub(crate) struct Feed {
    pub(crate) partition: Partition,
    pub(crate) reader: Arc<Reader>,
    workers: Mutex<Vec<mpsc::Sender<Arc<Chunk>>>>,
}

impl Feed {
    pub(crate) fn new(partition: Partition, reader: Arc<Reader>) -> Arc<Feed> {
        Arc::new(Feed { partition, reader, workers: Mutex::default() })
    }

    /// What comes from now on. Whoever joins late reads what is missing before it by themselves.
    pub(crate) fn join(&self) -> mpsc::Receiver<Arc<Chunk>> {
        let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
        self.workers.lock().push(sender);
        receiver
    }

    /// Follows the log until told to stop.
    pub(crate) async fn run(self: Arc<Self>, from: u64, mut stopping: watch::Receiver<bool>) {
        let mut next = from;
        let mut pause = PAUSE_MIN;
        loop {
            let before = next;
            let followed = tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                followed = self.follow(&mut next) => followed,
            };
            if let Err(failure) = followed {
                let partition = self.partition.0;
                tracing::warn!(partition, next, error = %failure, "the log cannot be followed; trying again");
            }
            if next > before {
                pause = PAUSE_MIN;
            }
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }

    async fn follow(&self, next: &mut u64) -> Result<(), carelog_domain::ports::Failure> {
        let mut subscription = self.reader.log.subscribe(self.partition, *next);
        let mut waiting: Vec<Stored> = Vec::new();
        while let Some(stored) = subscription.next().await {
            waiting.extend(stored?);
            let mut rest = waiting.split_off(whole_batches(&waiting));
            std::mem::swap(&mut rest, &mut waiting);
            let mut whole = rest;
            let (begun, is_little) = (Instant::now(), whole.len() < MANY_EVENTS);
            while !whole.is_empty() {
                let cut = match whole_batches(&whole[..whole.len().min(CHUNK_EVENTS_MAX)]) {
                    0 => whole.len(), // One batch larger than a chunk.
                    cut => cut,
                };
                let later = whole.split_off(cut);
                let chunk = self.reader.chunk(self.partition, *next, std::mem::replace(&mut whole, later)).await?;
                *next = chunk.end;
                self.hand_out(Arc::new(chunk)).await;
            }
            if is_little {
                tokio::time::sleep_until(begun + GATHERED_FOR).await;
            }
        }
        Ok(())
    }

    /// Gives a chunk to every worker. Those that went away are forgotten; those that do not come along are left behind:
    /// their channel ends, and they join again once they have read by themselves what they missed.
    async fn hand_out(&self, chunk: Arc<Chunk>) {
        let mut workers = self.workers.lock().clone();
        workers.retain(|worker| matches!(worker.try_send(Arc::clone(&chunk)), Err(TrySendError::Full(_))));
        let patience = Instant::now() + PATIENCE;
        let mut left_behind = Vec::new();
        for worker in workers {
            if tokio::time::timeout_at(patience, worker.send(Arc::clone(&chunk))).await.is_err() {
                left_behind.push(worker);
            }
        }
        let stays =
            |worker: &mpsc::Sender<_>| !worker.is_closed() && !left_behind.iter().any(|left| left.same_channel(worker));
        self.workers.lock().retain(stays);
    }
}
