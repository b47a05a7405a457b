//! Keeps the public topics up with the log: a task a partition, which reads what is new, maps it and publishes it with the
//! new marks at once.
//!
//! ```text
//! take over --> publish, batch by batch --> taken over by another --> stand by --> it fell silent --> take over
//!     ^                    |
//!     +---- any failure ---+     (what was in flight is looked up, never guessed)
//! ```

mod turn;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{EventLog, Failure, KeyStore, PublishError, Publisher, Root, TopicMark};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::mapper::MapError;
use crate::reading;
use turn::Publishing;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What publishing needs.
#[derive(Clone)]
pub struct Deps {
    /// What happened.
    pub log: Arc<dyn EventLog>,
    /// For pseudonyms.
    pub keys: Arc<dyn KeyStore>,
    /// Where it goes.
    pub publisher: Arc<dyn Publisher>,
    /// How fast.
    pub pace: Pace,
}

/// How fast it goes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long more is gathered once there is something: a transaction costs the same for one record as for many.
    pub gathered_for: Duration,
    /// Events looked at for one transaction, of each group of topics.
    pub events_max: usize,
    /// How long marks may stay behind what was read while nothing in it is for a topic.
    pub unmarked_for: Duration,
    /// After this long without a move, one that stands by takes over what lies there.
    pub silent_for: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            gathered_for: Duration::from_millis(100),
            events_max: 2_000,
            unmarked_for: Duration::from_secs(2),
            silent_for: Duration::from_secs(10),
        }
    }
}

/// Why publishing a partition cannot go on as it is.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error("the publisher is stopping")]
    Stopping,
    #[error(
        "topic {topic} was published from another log: {why}; nothing more is published. Restore the log it came from, \
             or make the public topics and carelog.publisher.marks anew"
    )]
    Diverged { topic: String, why: String },
    #[error(transparent)]
    Map(#[from] MapError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("publishing waits for a port")]
    Port(#[from] Failure),
}

/// What is in the way, by partition.
type Troubles = Arc<Mutex<BTreeMap<Partition, String>>>;

/// Every partition's task.
pub struct PublisherRunner {
    troubles: Troubles,
    stopping: watch::Sender<bool>,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl PublisherRunner {
    /// Starts publishing every partition of the log.
    pub fn start(deps: &Deps) -> PublisherRunner {
        let stopping = watch::Sender::new(false);
        let troubles = Troubles::default();
        let task = |partition| {
            let (deps, partition, stopping) = (deps.clone(), Partition(partition), stopping.subscribe());
            tokio::spawn(Work { deps, partition, stopping, troubles: Arc::clone(&troubles) }.run())
        };
        let tasks = (0..deps.log.partitions()).map(task).collect();
        PublisherRunner { troubles, stopping, tasks: tokio::sync::Mutex::new(tasks) }
    }

    /// What is in the way of publishing, by partition; empty while all goes on.
    pub fn troubles(&self) -> BTreeMap<Partition, String> {
        self.troubles.lock().clone()
    }

    /// Stops between two transactions and waits for it.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        for task in self.tasks.lock().await.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "publishing a partition ended with a panic");
            }
        }
    }
}

/// One partition.
struct Work {
    deps: Deps,
    partition: Partition,
    stopping: watch::Receiver<bool>,
    troubles: Troubles,
}

impl Work {
    async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            let mut published = false;
            let halt = self.publish(&mut published).await;
            if published {
                pause = PAUSE_MIN;
            }
            let partition = self.partition.0;
            match halt {
                Halt::Stopping => return,
                Halt::Publish(PublishError::Superseded { .. }) => {
                    tracing::info!(partition, "another publishes this partition; standing by");
                    if self.stand_by().await.is_err() {
                        return;
                    }
                    continue;
                }
                halt => {
                    tracing::error!(partition, error = &halt as &dyn std::error::Error, "publishing waits");
                    metrics::gauge!("carelog_publisher_stopped", "partition" => partition.to_string()).set(1.0);
                    self.troubles.lock().insert(self.partition, halt.to_string());
                }
            }
            if self.rest(pause).await.is_err() {
                return;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Publishes until something is in the way.
    async fn publish(&mut self, published: &mut bool) -> Halt {
        let mut publishing = match self.take_over().await {
            Ok(publishing) => publishing,
            Err(halt) => return halt,
        };
        metrics::gauge!("carelog_publisher_stopped", "partition" => self.partition.0.to_string()).set(0.0);
        self.troubles.lock().remove(&self.partition);
        loop {
            let turn = async {
                let at_the_end = publishing.turn().await?;
                *published = true;
                if at_the_end { self.wait_for_more(&publishing).await } else { Ok(()) }
            };
            if let Err(halt) = turn.await {
                return halt;
            }
            if *self.stopping.borrow() {
                return Halt::Stopping;
            }
        }
    }

    async fn take_over(&self) -> Result<Publishing, Halt> {
        let marks = self.deps.publisher.take_over(self.partition).await?;
        for mark in &marks {
            self.is_of_this_log(mark).await?;
        }
        Ok(Publishing::new(&self.deps, self.partition, &marks))
    }

    /// Nothing is published on top of what came from another log, or from this one before it lost its end.
    async fn is_of_this_log(&self, mark: &TopicMark) -> Result<(), Halt> {
        let diverged = |why: String| Halt::Diverged { topic: mark.topic.clone(), why };
        self.deps.log.catch_up(self.partition).await?; // This copy of it may be behind whoever published before.
        let size = reading::size(&self.deps.log, self.partition).await?;
        if mark.next > size {
            let partition = self.partition;
            return Err(diverged(format!("it is at {partition}:{} and the log ends at {partition}:{size}", mark.next)));
        }
        let root: Root = self.deps.log.root_at(self.partition, mark.next).await?;
        if mark.next > 0 && root != mark.root {
            return Err(diverged(format!("the root over {} events is {}, the log's is {root}", mark.next, mark.root)));
        }
        Ok(())
    }

    /// Waits for the next event, then a moment longer for what comes with it; or until marks have to be moved.
    async fn wait_for_more(&self, publishing: &Publishing) -> Result<(), Halt> {
        let mut stopping = self.stopping.clone();
        let marks_due = async {
            match publishing.marks_due_in() {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        let more = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return Err(Halt::Stopping),
            more = reading::wait(&self.deps.log, self.partition, publishing.end()) => more,
            () = marks_due => return Ok(()),
        };
        more?;
        self.rest(self.deps.pace.gathered_for).await
    }

    /// Until nobody has moved the marks for a while although there is something to publish.
    async fn stand_by(&self) -> Result<(), Halt> {
        let mut seen: Option<Vec<TopicMark>> = None;
        loop {
            self.rest(self.deps.pace.silent_for).await?;
            let marks = self.deps.publisher.marks(self.partition).await;
            let size = reading::size(&self.deps.log, self.partition).await;
            if let (Ok(marks), Ok(size)) = (marks, size) {
                let behind = marks.is_empty() || marks.iter().any(|mark| mark.next < size);
                if behind && seen.as_ref() == Some(&marks) {
                    return Ok(());
                }
                seen = Some(marks);
            }
        }
    }

    async fn rest(&self, pause: Duration) -> Result<(), Halt> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => Err(Halt::Stopping),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}
