//! How far a long operation has come, for whoever asked for it and for whoever looks.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;

/// Estimates made of less than this say nothing.
const ESTIMATE_AFTER: Duration = Duration::from_millis(500);

/// How far a long operation has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The read model.
    pub model: &'static str,
    /// Events applied.
    pub done: u64,
    /// Events there are, all partitions together.
    pub total: u64,
}

/// An operation that is under way, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Underway {
    /// What is worked on: a read model, or `log`.
    pub subject: &'static str,
    /// `rebuild`, `switch`, `diff` or `verify`.
    pub operation: &'static str,
    /// Events applied.
    pub done: u64,
    /// Events there are, all partitions together; 0 until they were counted.
    pub total: u64,
    /// For how long it has been going on.
    pub seconds: f64,
    /// How fast it is; `None` before that can be told.
    pub events_per_second: Option<f64>,
    /// How long the rest may take; comparing afterwards is not in it.
    pub seconds_left: Option<f64>,
}

/// Where an operation says how far it has come.
#[derive(Clone)]
pub struct Report {
    pub(crate) operation: &'static str,
    subject: &'static str,
    began: Instant,
    said: watch::Sender<Option<Said>>,
}

/// What was said last, and first: rates are made of the two.
#[derive(Clone)]
struct Said {
    first: (Instant, u64),
    progress: Progress,
}

impl Report {
    /// Of an operation that begins now, on a read model or the `log`.
    pub fn new(operation: &'static str, subject: &'static str) -> Report {
        Report { operation, subject, began: Instant::now(), said: watch::Sender::new(None) }
    }

    /// So far it has come.
    pub fn say(&self, done: u64, total: u64) {
        let progress = Progress { model: self.subject, done, total };
        self.said.send_modify(|said| match said {
            Some(said) => said.progress = progress,
            None => *said = Some(Said { first: (Instant::now(), done), progress }),
        });
    }

    /// What is said from now on.
    pub(crate) fn heard(&self) -> Heard {
        Heard(self.said.subscribe())
    }

    /// True when both tell of one operation.
    pub fn is(&self, other: &Report) -> bool {
        self.said.same_channel(&other.said)
    }

    /// How it is shown now.
    pub fn underway(&self) -> Underway {
        let said = self.said.borrow().clone();
        let rate = said.as_ref().and_then(|said| {
            let (since, first) = said.first;
            let took = since.elapsed();
            (took >= ESTIMATE_AFTER).then(|| said.progress.done.saturating_sub(first) as f64 / took.as_secs_f64())
        });
        let (done, total) = said.map_or((0, 0), |said| (said.progress.done, said.progress.total));
        let left = total.saturating_sub(done) as f64;
        Underway {
            subject: self.subject,
            operation: self.operation,
            done,
            total,
            seconds: self.began.elapsed().as_secs_f64(),
            events_per_second: rate,
            seconds_left: rate.filter(|rate| *rate > 0.0).map(|rate| left / rate),
        }
    }
}

/// The listening end of a [`Report`].
pub(crate) struct Heard(watch::Receiver<Option<Said>>);

impl Heard {
    /// The next thing said; never, once nobody speaks any more.
    pub(crate) async fn next(&mut self) -> Progress {
        loop {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            let said = self.0.borrow_and_update().clone();
            if let Some(said) = said {
                return said.progress;
            }
        }
    }
}
