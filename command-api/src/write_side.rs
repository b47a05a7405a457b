//! The write side: carries each command out once. It looks the command up, decides on what was accepted so far, seals
//! what is personal, appends one batch, and answers when all of it is durable.
//!
//! ```text
//! permitted? -> done before? -> load (cache, else log) -> decide (domain, pure) -> seal
//!     -> gates of the streams to be written -> still current? -> append (accepted) -> cache -> durable -> answer
//! ```
//!
//! Nothing here is locked for everyone: gates are per stream and held only until the batch is accepted.

mod cache;
mod durability;
mod elsewhere;
mod fingerprint;
mod gates;
mod handlers;
mod outcome;
mod refusal;
mod running;
mod session;
mod staging;
mod state;
mod target;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use carelog_domain::kernel::actor::RecordedActor;
use carelog_domain::kernel::{Partition, Role, Slot, Timestamp, Version};
use carelog_domain::policy;
use carelog_domain::ports::{
    Accepted, AppendError, Batch, BoxFuture, Clock, CommandBus, CommandDone, CommandError, CommandRequest, EventLog,
    Failure, Fingerprint, KeyStore, Owner, Peers, Term,
};
use carelog_domain::rejection::Rejection;
use futures::future;
use tracing::Instrument;

use cache::StateCache;
use durability::{Durable, Watermarks};
use gates::{Gates, Held};
pub use outcome::Verdict;
pub(crate) use outcome::measure;
pub(crate) use refusal::{ApiRejection, Refusal};
use running::Running;
use session::Session;
use staging::Staged;
pub(crate) use target::Target;

/// How often a decision is made anew when streams keep moving under it. With the gates held a conflict needs another
/// process to write, so more than a few mean that something is wrong.
const ATTEMPTS_MAX: usize = 12;

/// Implements [`CommandBus`] over an [`EventLog`].
pub struct WriteSide {
    log: Arc<dyn EventLog>,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    cache: Arc<StateCache>,
    gates: Gates,
    running: Arc<Running>,
    watermarks: Arc<Watermarks>,
    peers: Option<Arc<dyn Peers>>,
}

impl WriteSide {
    /// A write side on these ports, of a process that owns its log alone.
    pub fn new(log: Arc<dyn EventLog>, keys: Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Arc<WriteSide> {
        WriteSide::among(log, keys, clock, None)
    }

    /// A write side that asks its peers to decide what they own.
    pub fn among(
        log: Arc<dyn EventLog>,
        keys: Arc<dyn KeyStore>,
        clock: Arc<dyn Clock>,
        peers: Option<Arc<dyn Peers>>,
    ) -> Arc<WriteSide> {
        let watermarks = Arc::new(Watermarks::new(log.partitions()));
        Arc::new(WriteSide {
            log,
            keys,
            clock,
            cache: Arc::new(StateCache::new()),
            gates: Gates::new(),
            running: Arc::new(Running::new()),
            watermarks,
            peers,
        })
    }

    /// The keys, for handlers that hash what must not be told.
    pub(crate) fn keys(&self) -> &dyn KeyStore {
        &*self.keys
    }

    /// Carries a command out as far as *accepted*: its place is fixed, but nothing may be told until the verdict is
    /// settled. Lets a batch go on with the next line while this one becomes durable. What another process owns is
    /// settled when this returns.
    pub async fn accept(&self, request: CommandRequest) -> Verdict {
        match admitted(&request) {
            Ok(target) => self.accept_until(&request, &target, Instant::now() + elsewhere::PATIENCE).await,
            Err(rejection) => Verdict::refused(CommandError::Rejected(rejection)),
        }
    }

    /// Decides a command whose partition this process owns.
    async fn decide_and_append(&self, request: &CommandRequest, target: &Target) -> Verdict {
        let fingerprint = fingerprint::of(&*self.keys, &request.command);
        match self.earlier(request, target).await {
            Ok(Some(accepted)) => return self.repeated(request, fingerprint, accepted).await,
            Ok(None) => {}
            Err(failure) => return Verdict::refused(self.failed(target, failure)),
        }
        self.attempts(request, target, fingerprint).await
    }

    /// A failure of the log, which wrote nothing, told apart from a partition that went to somebody else meanwhile. Where
    /// the log is shared, that may be one that was only looked at, so what fails in passing is taken for it.
    fn failed(&self, target: &Target, failure: Failure) -> CommandError {
        match self.owner(target) {
            Owner::Here(_) if !(self.is_shared() && failure.retry_helps) => CommandError::Failed(failure),
            _ => CommandError::NobodyOwns(failure),
        }
    }

    fn owner(&self, target: &Target) -> Owner {
        self.log.owner(self.log.partition_of(target.slot))
    }

    /// What the command did before. A key a client used at another hospital is found too, so that it is refused there.
    async fn earlier(&self, request: &CommandRequest, target: &Target) -> Result<Option<Accepted>, Failure> {
        if let Some(found) = self.log.find_command(target.slot, request.id).await? {
            return Ok(Some(found));
        }
        if policy::permits(&request.actor, policy::Permission::RunProcesses, None).is_ok() {
            return Ok(None); // A step's id derives from the step, which never changes its slot.
        }
        self.log.find_command_anywhere(request.id).await
    }

    async fn repeated(&self, request: &CommandRequest, fingerprint: Fingerprint, accepted: Accepted) -> Verdict {
        // Whatever is told of it, it must be durable: what was accepted and lost never used the key.
        let waits = vec![durability::shared(accepted.durable)];
        if accepted.fingerprint != fingerprint {
            return Verdict::new(Err(CommandError::KeyReused), waits);
        }
        match outcome::of_found(&*self.log, &request.command, &accepted.events, true).await {
            Ok(done) => Verdict::new(Ok(done), waits),
            Err(failure) => Verdict::refused(CommandError::Failed(failure)),
        }
    }

    async fn attempts(&self, request: &CommandRequest, target: &Target, fingerprint: Fingerprint) -> Verdict {
        let now = self.clock.now();
        let mut lifted = None;
        let mut contended = false;
        let mut held: Option<Held<'_>> = None;
        let mut sealed = staging::Sealed::default();
        let mut caught_up = false;
        for _ in 0..ATTEMPTS_MAX {
            let Owner::Here(term) = self.owner(target) else {
                return Verdict::refused(CommandError::NobodyOwns(elsewhere::moved()));
            };
            let mut session = Session::new(self, request, target, now, lifted, term);
            let staged = match decide(&mut session, request, target).await {
                Ok(staged) => staged,
                Err(Undecided::LaterThan(instant)) => {
                    lifted = Some(instant);
                    continue;
                }
                Err(Undecided::Refused(refusal)) => {
                    match self.catch_up(&session, std::mem::replace(&mut caught_up, true)).await {
                        Ok(true) => continue,
                        Ok(false) => return Verdict::new(Err(refusal), self.before_refusing(&session)),
                        Err(failure) => return Verdict::refused(self.failed(target, failure)),
                    }
                }
                Err(Undecided::Failed(failure)) => return Verdict::refused(self.failed(target, failure)),
            };
            // What is appended here must not outlive what it builds on elsewhere.
            if let Err(failure) = future::try_join_all(session.foreign_durable()).await {
                session.forget();
                return Verdict::refused(self.failed(target, elsewhere::lost(failure)));
            }
            if let Err(failure) = sealed.seal(&*self.keys, &staged).await {
                return Verdict::refused(CommandError::Failed(failure));
            }
            // What is only read moves rarely, so its gate is taken only after it did.
            let gates = if contended { session.touched(&staged) } else { staged.streams.clone() };
            if !held.as_ref().is_some_and(|held| held.covers(&gates)) {
                drop(held.take());
                held = Some(self.gates.enter(&gates).await);
                if !session.is_current() {
                    continue;
                }
            }
            let batch = batch(request, target, fingerprint, &session, &staged, &sealed);
            match self.log.append(batch).await {
                Ok(accepted) if accepted.repeated => return self.repeated(request, fingerprint, accepted).await,
                Ok(accepted) => return self.accepted(request, session, staged, accepted),
                Err(AppendError::StreamMoved { .. } | AppendError::TagUsed { .. }) => {
                    session.forget();
                    contended = true;
                }
                Err(AppendError::TermOver { .. }) => session.forget(),
                Err(AppendError::FingerprintDiffers { .. }) => {
                    return Verdict::new(Err(CommandError::KeyReused), self.before_refusing(&session));
                }
                Err(error @ AppendError::TooLarge { .. }) => {
                    return Verdict::refused(CommandError::Rejected(ApiRejection::EventTooLarge.because(error)));
                }
                Err(AppendError::Failed(failure)) => {
                    session.forget();
                    return Verdict::refused(self.failed(target, failure));
                }
            }
        }
        Verdict::refused(CommandError::Rejected(ApiRejection::TooBusy.into()))
    }

    /// Puts the new states into the cache, so that the next command decides on them, before they are durable.
    fn accepted(&self, request: &CommandRequest, session: Session<'_>, staged: Staged, accepted: Accepted) -> Verdict {
        let durable = durability::shared(accepted.durable);
        let done = outcome::of_staged(&request.command, &accepted.events, &staged.events);
        session.keep(staged, &accepted.events, &durable);
        Verdict::new(Ok(done), vec![durable])
    }

    /// Before a refusal: reads of other partitions up to what others wrote there by now, once, so that nobody is
    /// refused for what this process had not seen. True when there was anything to read up to.
    async fn catch_up(&self, session: &Session<'_>, already: bool) -> Result<bool, Failure> {
        let partitions = session.elsewhere().iter().map(|slot| self.log.partition_of(*slot));
        let others = partitions.filter(|partition| !matches!(self.log.owner(*partition), Owner::Here(_)));
        let others: BTreeSet<Partition> = others.collect();
        if already || others.is_empty() {
            return Ok(false);
        }
        future::try_join_all(others.into_iter().map(|partition| self.log.catch_up(partition))).await?;
        Ok(true)
    }

    /// What a refusal waits for before it is told: all it rests on is durable, and this process owned the partitions
    /// all the while.
    fn before_refusing(&self, session: &Session<'_>) -> Vec<Durable> {
        let mut waits = session.durable();
        waits.push(self.confirmed(session.slot(), Some(session.term())));
        waits.extend(session.elsewhere().iter().map(|slot| self.confirmed(*slot, None)));
        waits
    }

    fn confirmed(&self, slot: Slot, term: Option<Term>) -> Durable {
        let log = self.log.clone();
        durability::shared(Box::pin(async move {
            let partition = log.partition_of(slot);
            match (log.owner(partition), term) {
                (Owner::Here(now), Some(term)) if now != term => Err(elsewhere::moved()),
                (Owner::Here(_), _) => log.confirm(slot).await,
                (Owner::Elsewhere(_) | Owner::Nobody, Some(_)) => Err(elsewhere::moved()),
                (Owner::Elsewhere(_) | Owner::Nobody, None) => log.catch_up(partition).await,
            }
        }))
    }
}

impl CommandBus for WriteSide {
    fn send(&self, request: CommandRequest) -> BoxFuture<'_, Result<CommandDone, CommandError>> {
        let command = request.command.name();
        let span = tracing::info_span!(
            "command",
            otel.name = command,
            command.id = %request.id,
            command.name = command,
            traceparent = request.traceparent.as_deref(),
            outcome = tracing::field::Empty,
        );
        let started = Instant::now();
        Box::pin(
            async move {
                let result = self.carry_out(&request).await;
                measure(command, &result, started.elapsed());
                result
            }
            .instrument(span),
        )
    }
}

/// Where a command goes, if whoever sent it may send such commands at all.
fn admitted(request: &CommandRequest) -> Result<Target, Rejection> {
    policy::permits(&request.actor, request.command.permission(), None)?;
    if request.occurred_at.is_some() {
        policy::permits_occurred_at(&request.actor)?;
    }
    Target::of(&request.command, request.id)
}

/// Why nothing is to be appended.
enum Undecided {
    /// The decision has to be made as of this instant.
    LaterThan(Timestamp),
    /// The domain, or `If-Match`, says no.
    Refused(CommandError),
    /// A port could not.
    Failed(Failure),
}

/// Asks the domain what the command makes of the states it is about.
async fn decide(session: &mut Session<'_>, request: &CommandRequest, target: &Target) -> Result<Staged, Undecided> {
    let decided = handlers::decide(session, &request.command).await;
    if let Some(differs) = version_differs(request, target, session, decided.as_deref().ok()) {
        return Err(Undecided::Refused(differs));
    }
    let refused = |rejection| Undecided::Refused(CommandError::Rejected(rejection));
    let events = decided.map_err(|refusal| match refusal {
        Refusal::Rejected(rejection) => refused(rejection),
        Refusal::Failed(failure) => Undecided::Failed(failure),
    })?;
    staging::stage(session, events).map_err(|not_yet| match not_yet {
        staging::NotYet::LaterThan(instant) => Undecided::LaterThan(instant),
        staging::NotYet::Rejected(rejection) => refused(rejection),
    })
}

/// `If-Match` goes before any other refusal: whoever sent it decided on another version. It speaks of the leading
/// stream, or of the one the command names when nothing is written.
fn version_differs(
    request: &CommandRequest,
    target: &Target,
    session: &Session<'_>,
    decided: Option<&[session::Decided]>,
) -> Option<CommandError> {
    let expected = request.if_match?;
    let leading = decided.and_then(|events| events.first()).map(|(stream, _)| stream);
    let stream = leading.or(target.existing.as_ref())?;
    let found = session.version(stream).unwrap_or(Version::NONE);
    if leading.is_none() && found == Version::NONE {
        return None; // Not there, or refused before it was looked at: the refusal says what is wrong.
    }
    (found != expected).then_some(CommandError::VersionDiffers { expected, found })
}

/// Who it was. A person who says when it happened acts as an importer, whatever else they may be: sagas tell an imported
/// past from what happens now by it.
fn recorded(request: &CommandRequest) -> RecordedActor {
    let actor = request.actor.recorded();
    let imports = request.occurred_at.is_some() && actor.role != Role::System;
    RecordedActor { role: if imports { Role::Importer } else { actor.role }, ..actor }
}

fn batch(
    request: &CommandRequest,
    target: &Target,
    fingerprint: Fingerprint,
    session: &Session<'_>,
    staged: &Staged,
    sealed: &staging::Sealed,
) -> Batch {
    Batch {
        slot: target.slot,
        command: request.id,
        fingerprint,
        events: sealed.to_append(staged),
        expected: session.expected(staged),
        conditions: Vec::new(),
        term: Some(session.term()),
        actor: recorded(request),
        correlation: request.correlation.unwrap_or(request.id),
        causation: request.cause.map(|(event, _)| event),
        recorded_after: request.cause.map(|(_, recorded_at)| recorded_at),
        traceparent: request.traceparent.clone(),
    }
}
