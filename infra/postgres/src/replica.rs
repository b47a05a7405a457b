//! A second address for queries. It is asked first, and its answer is taken if it is fresh enough; one that cannot
//! answer is left alone for a while.

use std::time::{Duration, Instant};

use carelog_domain::ports::{FreshEnough, Rows, Statement};
use parking_lot::Mutex;

use crate::server::Server;
use crate::transaction;

/// A replica that did not answer is not asked again for so long, lest every query waits for it in vain.
const REST: Duration = Duration::from_secs(5);

pub(crate) struct Replica {
    server: Server,
    rests_until: Mutex<Option<Instant>>,
}

impl Replica {
    pub(crate) fn new(server: Server) -> Replica {
        Replica { server, rests_until: Mutex::new(None) }
    }

    /// What it finds, if it answers and that is fresh enough.
    pub(crate) async fn read(&self, queries: &[Statement], fresh_enough: FreshEnough<'_>) -> Option<Vec<Rows>> {
        let rests = self.rests_until.lock().is_some_and(|until| Instant::now() < until);
        if rests {
            return None;
        }
        match transaction::read(&self.server, queries).await {
            Ok(found) if fresh_enough(&found) => Some(found),
            Ok(_) => {
                tracing::debug!(replica = self.server.shown, "the replica is behind; asking the primary");
                None
            }
            Err(failure) => {
                tracing::warn!(replica = self.server.shown, %failure, "the replica cannot answer; asking the primary");
                *self.rests_until.lock() = Some(Instant::now() + REST);
                None
            }
        }
    }
}
