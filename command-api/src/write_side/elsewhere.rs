//! Commands whose partition another process owns: it is asked to decide them, again and again while a partition goes
//! from one to another, so that whoever sent the command sees one service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::ports::{CommandDone, CommandError, CommandRequest, Failure, Node, Owner};

use super::{Target, Verdict, WriteSide, admitted, outcome};
use crate::nodes;

/// How long a command is kept while nobody can decide it. Less than a command may take in all, so that whoever waits is
/// told why.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// Between two times of asking, at first and at most.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// Whether the process that was asked is still the owner is looked at this often while it does not answer.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl WriteSide {
    /// Carries a command out to its end, wherever its partition is owned. An outcome that is not known because a
    /// partition changed hands is asked for again, with the same id, as any client would.
    pub(super) async fn carry_out(&self, request: &CommandRequest) -> Result<CommandDone, CommandError> {
        let target = admitted(request).map_err(CommandError::Rejected)?;
        let until = Instant::now() + PATIENCE;
        let mut unknown = None;
        loop {
            let result = self.accept_until(request, &target, until).await.settled().await;
            let ask_again = self.is_shared() && matches!(result, Err(CommandError::OutcomeUnknown(_)));
            if !ask_again || Instant::now() >= until {
                return outcome::after(unknown, result);
            }
            unknown = result.err();
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether others may own partitions: what fails in passing may then succeed at once, here or at another process.
    pub(super) fn is_shared(&self) -> bool {
        self.peers.is_some()
    }

    /// Carries a command out that another process sent here. It is decided here or not at all: were it passed on, two
    /// processes that take each other for the owner would never end.
    pub(crate) async fn carry_out_here(&self, request: &CommandRequest) -> Result<CommandDone, CommandError> {
        let target = admitted(request).map_err(CommandError::Rejected)?;
        self.once(request, self.decide_and_append(request, &target)).await.settled().await
    }

    /// Accepts a command once somebody who may decide it can be asked.
    pub(super) async fn accept_until(&self, request: &CommandRequest, target: &Target, until: Instant) -> Verdict {
        self.once(request, self.wherever_owned(request, target, until)).await
    }

    /// Runs a command, unless it is running.
    async fn once(&self, request: &CommandRequest, work: impl Future<Output = Verdict>) -> Verdict {
        let Some(guard) = self.running.begin(request.id) else {
            return Verdict::refused(CommandError::StillRunning);
        };
        let mut verdict = work.await;
        verdict.keep(guard, self.cache.clone());
        verdict
    }

    async fn wherever_owned(&self, request: &CommandRequest, target: &Target, until: Instant) -> Verdict {
        let (mut unknown, mut pause) = (None, PAUSE);
        loop {
            let verdict = match self.owner(target) {
                Owner::Here(_) => self.decide_and_append(request, target).await,
                Owner::Elsewhere(node) => Verdict::new(self.have_decided(&node, request, target).await, vec![]),
                Owner::Nobody => Verdict::refused(CommandError::NobodyOwns(moved())),
            };
            if !verdict.is_worth_asking_again() || Instant::now() >= until {
                return verdict.after(unknown);
            }
            unknown = verdict.unknown().or(unknown);
            tokio::time::sleep(pause).await;
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    /// Has the owner decide it, as long as it is the owner: one that was cut off would be waited for in vain, while
    /// another can say what became of the command.
    async fn have_decided(
        &self,
        node: &Node,
        request: &CommandRequest,
        target: &Target,
    ) -> Result<CommandDone, CommandError> {
        let Some(peers) = &self.peers else {
            return Err(CommandError::NobodyOwns(Failure::passing("peers", "this process asks no others")));
        };
        tokio::select! {
            biased;
            answer = nodes::send(&**peers, node, request) => answer,
            () = self.owned_by_another(node, target) => Err(CommandError::OutcomeUnknown(moved())),
        }
    }

    /// Waits until another process owns the partition, or this one.
    async fn owned_by_another(&self, node: &Node, target: &Target) {
        let has_moved = |owner| match owner {
            Owner::Here(_) => true,
            Owner::Elsewhere(now) => now.name != node.name,
            Owner::Nobody => false,
        };
        while !has_moved(self.owner(target)) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// The partition is being taken over.
pub(super) fn moved() -> Failure {
    Failure::passing("event log", "the partition is being taken over by another process")
}

/// What a decision was to build on is gone.
pub(super) fn lost(failure: Arc<Failure>) -> Failure {
    Failure::passing("event log", "what the command builds on did not become durable").caused_by(failure)
}
