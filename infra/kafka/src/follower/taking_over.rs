//! Taking a partition over: read to the end that its leader knows, claim the next epoch, and own it if the claim is read
//! back as the first of that epoch. Only an assigned node does this, so that nodes do not duel.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::error::TryRecvError;
use uuid::Uuid;

use super::Follower;
use crate::ends::Holds;
use crate::record::Ownership;
use crate::standing::Role;

/// After an attempt that failed.
const PAUSE: Duration = Duration::from_millis(250);

/// How far a node is.
pub(super) enum TakingOver {
    /// It does not want the partition, or has it.
    Idle,
    /// It has asked where the partition ends.
    Asking(Holds),
    /// It reads up to there.
    Reading(i64),
    /// It has sent a claim and reads on until that comes back.
    Claimed { claim: Uuid, since: Instant },
    /// An attempt failed; the next begins then.
    Pausing(Instant),
}

impl TakingOver {
    /// True when this is the claim that was sent.
    pub(super) fn is(&self, sent: Uuid) -> bool {
        matches!(self, TakingOver::Claimed { claim, .. } if *claim == sent)
    }

    fn pause() -> TakingOver {
        TakingOver::Pausing(Instant::now() + PAUSE)
    }
}

impl Follower {
    /// The group gave this node the partition, or took it away.
    pub(crate) fn assign(&mut self, assigned: bool) {
        self.assigned = assigned;
        if !assigned {
            self.end_epoch("the partition was given to another node");
            self.taking = TakingOver::Idle;
            if matches!(self.standing.borrow().role, Role::TakingOver) {
                self.be(Role::Following);
            }
        }
    }

    /// One step towards owning the partition, if that is due.
    pub(crate) fn step(&mut self) {
        let role = self.standing.borrow().role.clone();
        if !self.assigned || !matches!(role, Role::Following | Role::TakingOver) {
            return;
        }
        self.taking = match std::mem::replace(&mut self.taking, TakingOver::Idle) {
            TakingOver::Idle => {
                self.be(Role::TakingOver);
                TakingOver::Asking(self.node.ends.ask(self.number))
            }
            TakingOver::Asking(mut end) => match end.try_recv() {
                Ok(Ok(held)) => TakingOver::Reading(held.end),
                Err(TryRecvError::Empty) => TakingOver::Asking(end),
                Ok(Err(_)) | Err(TryRecvError::Closed) => TakingOver::pause(),
            },
            TakingOver::Reading(end) if self.read_to < end => TakingOver::Reading(end),
            TakingOver::Reading(_) => self.send_claim(),
            TakingOver::Claimed { since, .. } if since.elapsed() > self.node.options.limits.claim => {
                TakingOver::pause()
            }
            TakingOver::Pausing(until) if until <= Instant::now() => TakingOver::Idle,
            waiting => waiting,
        };
    }

    fn send_claim(&mut self) -> TakingOver {
        let claim = match self.own_claim() {
            Ok(claim) => claim,
            Err(error) => {
                tracing::error!(partition = self.number.0, %error, "the local log cannot say where it ends");
                return TakingOver::pause();
            }
        };
        match self.node.sending.claim(self.number, &claim) {
            Ok(()) => TakingOver::Claimed { claim: claim.claim, since: Instant::now() },
            Err(error) => {
                tracing::warn!(partition = self.number.0, %error, "a claim could not be sent");
                TakingOver::pause()
            }
        }
    }

    /// An epoch begins in the log: ours, if the claim is.
    pub(super) fn begun(&mut self, ownership: &Ownership) {
        self.end_epoch(&format!("node {} took the partition over", ownership.node));
        if self.taking.is(ownership.claim) {
            self.taking = TakingOver::Idle;
            self.owned.store(ownership.epoch, Ordering::Release);
            self.applier.begin_epoch(ownership.epoch);
            tracing::info!(partition = self.number.0, epoch = ownership.epoch, "this node owns the partition");
            return self.be(Role::Owning(ownership.epoch));
        }
        let role = self.standing.borrow().role.clone();
        self.be(if role == Role::TakingOver { Role::Following } else { role });
        self.taking = TakingOver::pause(); // Whoever was first has the time to be told that it is not wanted.
    }

    /// Another was first.
    pub(super) fn claim_lost(&mut self) {
        if !matches!(self.taking, TakingOver::Idle) {
            self.taking = TakingOver::pause();
        }
    }
}
