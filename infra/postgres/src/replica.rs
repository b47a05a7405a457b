//! A second address for queries. It is asked first, and its answer is taken if it is fresh enough; one that cannot
//! answer is left alone for a while.

use std::time::{Duration, Instant};

use carelog_domain::ports::{Failure, FreshEnough, Rows, Statement};
use parking_lot::Mutex;

use crate::failure::PORT;
use crate::server::Server;
use crate::transaction;

/// A replica that did not answer is not asked again for so long, lest every query waits for it in vain.
const REST: Duration = Duration::from_secs(5);
/// One that is silent is not waited for longer than this: whoever asks has time left to be answered by the primary.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

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
        if !self.may_be_asked() {
            return None;
        }
        let answer = tokio::time::timeout(ANSWERS_WITHIN, transaction::read(&self.server, queries)).await;
        let failure = match answer {
            Ok(Ok(found)) => {
                *self.rests_until.lock() = None;
                if fresh_enough(&found) {
                    return Some(found);
                }
                tracing::debug!(replica = self.server.shown, "the replica is behind; asking the primary");
                return None;
            }
            Ok(Err(failure)) => failure,
            Err(_) => Failure::passing(PORT, "no answer in time"),
        };
        tracing::warn!(replica = self.server.shown, %failure, "the replica cannot answer; asking the primary");
        *self.rests_until.lock() = Some(Instant::now() + REST);
        None
    }

    /// After a rest one query finds out for all whether it answers again.
    fn may_be_asked(&self) -> bool {
        let (now, mut rests_until) = (Instant::now(), self.rests_until.lock());
        let rested = rests_until.is_none_or(|until| until <= now);
        if rested && rests_until.is_some() {
            *rests_until = Some(now + ANSWERS_WITHIN);
        }
        rested
    }
}
