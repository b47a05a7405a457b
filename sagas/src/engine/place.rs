//! What belongs to one assignment of a partition: how far it is handled, its alarms and dead letters, and the tasks that
//! work on it. All of it is loaded when the partition is assigned and dropped when it is taken away.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Failure, Head};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::alarms::Alarms;
use super::checkpoint::{self, Saved};
use super::follower::Follower;
use super::letters::Letters;
use super::progress::Progress;
use super::seen::{OPEN_MAX, Seen};
use super::{Shared, ringer};

/// How far a partition is handled is told to other processes at once, but no more often than this; twice as long is waited
/// each time that more was handled meanwhile, up to the longest pause: each time costs a write of the store.
const TOLD_AGAIN_MIN: Duration = Duration::from_millis(50);
const TOLD_AGAIN_MAX: Duration = Duration::from_millis(400);
/// And when the store refused it.
const TOLD_AGAIN_AFTER_TROUBLE: Duration = Duration::from_secs(1);

/// A partition, while it is assigned.
pub(crate) struct Place {
    pub(crate) partition: Partition,
    pub(crate) progress: Progress,
    pub(crate) alarms: Alarms,
    pub(crate) letters: Letters,
    /// Completes when the partition is taken away: whatever runs for it is dropped where it stands.
    taken_away: CancellationToken,
    tasks: TaskTracker,
    saved: tokio::sync::Mutex<u64>,
    told: tokio::sync::Mutex<Option<Seen>>,
}

impl Place {
    /// Loads a partition as the documents have it.
    ///
    /// # Errors
    /// When its checkpoint is not of this log, or a port fails.
    pub(crate) async fn load(shared: &Shared, head: &Head) -> Result<Arc<Place>, Failure> {
        let (documents, log) = (&*shared.documents, &*shared.log);
        let restored = checkpoint::restore(documents, log, head).await?;
        let letters = checkpoint::restore_letters(documents, head.partition).await?;
        // What was recorded before now, of what is handled already, may stand anywhere up to here.
        let recorded = letters.iter().map(|letter| letter.failed_offset + 1).fold(head.size, u64::max);
        Ok(Arc::new(Place {
            partition: head.partition,
            progress: Progress::from(restored.next, recorded),
            alarms: Alarms::restored(restored.alarms, restored.imports),
            letters: Letters::restored(letters),
            taken_away: CancellationToken::new(),
            tasks: TaskTracker::new(),
            saved: tokio::sync::Mutex::new(restored.next),
            told: tokio::sync::Mutex::default(),
        }))
    }

    /// Begins to work; says so to `overtaken` when another process turns out to have handled more.
    pub(crate) fn begin(self: &Arc<Place>, shared: &Arc<Shared>, overtaken: impl Fn() + Send + 'static) {
        self.spawn(Follower::new(shared.clone(), self.clone()).run());
        self.spawn(ringer::ring(shared.clone(), self.clone()));
        let (place, all) = (self.clone(), shared.clone());
        self.spawn(async move { place.tell_on(&all).await });
        let (place, all) = (self.clone(), shared.clone());
        self.spawn(async move {
            while all.pause(all.config.checkpoint_every).await {
                if place.save(&all).await {
                    overtaken();
                }
            }
        });
    }

    /// Runs a task until it ends or the partition is taken away.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let taken_away = self.taken_away.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = taken_away.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// The partition is taken away: everything ends where it stands, and nothing more is written.
    pub(crate) async fn leave(&self) {
        self.taken_away.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The engine stops: steps that are on their way end, and what they came to is saved.
    pub(crate) async fn stop(&self, shared: &Shared) {
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(failure) = self.tell(shared).await {
            shared.trouble("how far the sagas are could not be told", &failure);
        }
        self.save(shared).await;
    }

    /// Saves how far the partition is handled; true when another process has saved that it handled more.
    async fn save(&self, shared: &Shared) -> bool {
        let mut saved = self.saved.lock().await;
        match checkpoint::save(shared, self, *saved).await {
            Ok(Saved::At(next)) => *saved = next,
            Ok(Saved::Beyond(found)) => {
                let (partition, handled) = (self.partition.0, self.progress.low_water());
                tracing::warn!(
                    partition,
                    handled,
                    found,
                    "somebody else has handled more of this partition: their checkpoint stays, going on from there while \
                     it is assigned"
                );
                return true;
            }
            Err(failure) => shared.trouble("a checkpoint of the sagas could not be saved", &failure),
        }
        false
    }

    /// Tells others how far the partition is handled, whenever that changes.
    async fn tell_on(&self, shared: &Shared) {
        let mut tick = shared.settling.ticks();
        let mut pause = TOLD_AGAIN_MIN;
        loop {
            tick.borrow_and_update();
            let told = match self.tell(shared).await {
                Ok(told) => told,
                Err(failure) => {
                    shared.trouble("how far the sagas are could not be told", &failure);
                    // Whoever waits in another process waits for it, though nothing more may ever be handled.
                    if !shared.pause(TOLD_AGAIN_AFTER_TROUBLE).await {
                        return;
                    }
                    continue;
                }
            };
            if !shared.pause(pause).await || shared.unless_stopped(tick.changed()).await.is_none() {
                return;
            }
            pause = if told { (pause * 2).min(TOLD_AGAIN_MAX) } else { TOLD_AGAIN_MIN };
        }
    }

    /// Tells it, if there is anything new to tell; true when there was.
    async fn tell(&self, shared: &Shared) -> Result<bool, Failure> {
        let mut told = self.told.lock().await;
        let seen = self.progress.seen(OPEN_MAX);
        if told.as_ref() == Some(&seen) {
            return Ok(false);
        }
        seen.tell(&*shared.documents, self.partition).await?;
        *told = Some(seen);
        Ok(true)
    }
}
