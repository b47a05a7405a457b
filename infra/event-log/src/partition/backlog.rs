//! How far the index is behind what is appended. Full indexes wait in memory until the keeper has made tables of them;
//! when too many wait, who appends waits too, so that memory stays bounded.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::ports::Failure;
use tokio::sync::watch;

use super::Partition;
use crate::error::passing;
use crate::index::memory::MemoryIndex;

/// So many full indexes may wait: with 64 Ki events each, some hundred MiB.
const WAITING_MAX: usize = 8;

/// Who follows cannot wait, since others read with it, and is stopped when so many wait for a store that cannot be written.
const FOLLOWED_MAX: usize = 4 * WAITING_MAX;

/// It is stopped as well when there was no room for so long for what is appended: it may be the owner, and another could be.
const REFUSED_MAX: Duration = Duration::from_secs(10);

/// What those who append look at.
pub(super) struct Backlog(watch::Sender<Now>);

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Now {
    /// Full indexes that are not tables yet.
    waiting: usize,
    /// Since when the store of the index cannot be written, if it cannot.
    failing: Option<Instant>,
    /// True when nothing more is accepted anyway.
    ended: bool,
}

impl Now {
    fn is_full(self) -> bool {
        self.waiting >= WAITING_MAX && !self.ended
    }
}

impl Backlog {
    pub(super) fn new() -> Backlog {
        Backlog(watch::Sender::new(Now::default()))
    }

    /// Under the partition's lock, so that the numbers come in order.
    pub(super) fn set_waiting(&self, partition: u16, frozen: &VecDeque<Arc<MemoryIndex>>) {
        self.0.send_modify(|now| now.waiting = frozen.len());
        metrics::gauge!("carelog_log_index_waiting", "partition" => partition.to_string()).set(frozen.len() as f64);
    }

    pub(super) fn set_failing(&self, failing: bool) {
        self.0.send_if_modified(|now| {
            let changed = now.failing.is_some() != failing;
            now.failing = failing.then(|| now.failing.unwrap_or_else(Instant::now));
            changed
        });
    }

    /// How many full indexes wait, where a follower must stop for it.
    pub(super) fn too_many_for_a_follower(&self) -> Option<usize> {
        let now = *self.0.borrow();
        let failing = now.failing?.elapsed();
        (now.waiting >= FOLLOWED_MAX || (now.is_full() && failing > REFUSED_MAX)).then_some(now.waiting)
    }

    /// Lets everyone go on, to be told why nothing is accepted any more.
    pub(super) fn end(&self) {
        self.0.send_modify(|now| now.ended = true);
    }
}

impl Partition {
    /// Waits until the index has room for more events; a failure if it cannot be written.
    pub(crate) async fn room_in_index(&self) -> Result<(), Failure> {
        if !self.backlog.0.borrow().is_full() {
            return Ok(());
        }
        metrics::counter!("carelog_log_index_waits_total").increment(1);
        let mut backlog = self.backlog.0.subscribe();
        let full = match backlog.wait_for(|now| !now.is_full() || now.failing.is_some()).await {
            Ok(now) => now.is_full(),
            Err(_) => false, // The partition is gone; nobody could have asked.
        };
        match full {
            true => Err(passing(
                "the index of the log cannot be written, so the disk does not keep up; see the program's log for why, \
                 and try again later",
            )),
            false => Ok(()),
        }
    }
}
