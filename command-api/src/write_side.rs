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

use std::sync::Arc;
use std::time::Instant;

use carelog_domain::kernel::actor::RecordedActor;
use carelog_domain::kernel::{Role, Version};
use carelog_domain::policy;
use carelog_domain::ports::{
    Accepted, AppendError, Batch, BoxFuture, Clock, CommandBus, CommandDone, CommandError, CommandRequest, EventLog,
    Failure, Fingerprint, KeyStore,
};
use carelog_domain::rejection::Rejection;
use tracing::Instrument;

use cache::StateCache;
use durability::Watermarks;
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
}

impl WriteSide {
    /// A write side on these ports.
    pub fn new(log: Arc<dyn EventLog>, keys: Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Arc<WriteSide> {
        let watermarks = Arc::new(Watermarks::new(log.partitions()));
        Arc::new(WriteSide {
            log,
            keys,
            clock,
            cache: Arc::new(StateCache::new()),
            gates: Gates::new(),
            running: Arc::new(Running::new()),
            watermarks,
        })
    }

    /// The keys, for handlers that hash what must not be told.
    pub(crate) fn keys(&self) -> &dyn KeyStore {
        &*self.keys
    }

    /// Carries a command out as far as *accepted*: its place is fixed, but nothing may be told until the verdict is
    /// settled. Lets a batch go on with the next line while this one becomes durable.
    pub async fn accept(&self, request: CommandRequest) -> Verdict {
        let Some(guard) = self.running.begin(request.id) else {
            return Verdict::refused(CommandError::StillRunning);
        };
        let mut verdict = self.decide_and_append(&request).await;
        verdict.keep(guard, self.cache.clone());
        verdict
    }

    async fn decide_and_append(&self, request: &CommandRequest) -> Verdict {
        if let Err(refusal) = permitted(request) {
            return Verdict::refused(CommandError::Rejected(refusal));
        }
        let target = match Target::of(&request.command, request.id) {
            Ok(target) => target,
            Err(rejection) => return Verdict::refused(CommandError::Rejected(rejection)),
        };
        let fingerprint = fingerprint::of(&*self.keys, &request.command);
        match self.earlier(request, &target).await {
            Ok(Some(accepted)) => return self.repeated(request, fingerprint, accepted).await,
            Ok(None) => {}
            Err(failure) => return Verdict::refused(CommandError::Failed(failure)),
        }
        self.attempts(request, &target, fingerprint).await
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
        if accepted.fingerprint != fingerprint {
            return Verdict::refused(CommandError::KeyReused);
        }
        match outcome::of_found(&*self.log, &request.command, &accepted.events, true).await {
            Ok(done) => Verdict::new(Ok(done), vec![durability::shared(accepted.durable)]),
            Err(failure) => Verdict::refused(CommandError::Failed(failure)),
        }
    }

    async fn attempts(&self, request: &CommandRequest, target: &Target, fingerprint: Fingerprint) -> Verdict {
        let now = self.clock.now();
        let mut lifted = None;
        let mut contended = false;
        let mut held: Option<Held<'_>> = None;
        let mut sealed = staging::Sealed::default();
        for _ in 0..ATTEMPTS_MAX {
            let mut session = Session::new(self, request, target, now, lifted);
            let decided = handlers::decide(&mut session, &request.command).await;
            if let Some(error) = version_differs(request, target, &session, decided.as_deref().ok()) {
                return Verdict::new(Err(error), session.durable());
            }
            let events = match decided {
                Ok(events) => events,
                Err(Refusal::Rejected(rejection)) => {
                    return Verdict::new(Err(CommandError::Rejected(rejection)), session.durable());
                }
                Err(Refusal::Failed(failure)) => return Verdict::refused(CommandError::Failed(failure)),
            };
            let staged = match staging::stage(&session, events) {
                Ok(staged) => staged,
                Err(staging::NotYet::LaterThan(instant)) => {
                    lifted = Some(instant);
                    continue;
                }
                Err(staging::NotYet::Rejected(rejection)) => {
                    return Verdict::new(Err(CommandError::Rejected(rejection)), session.durable());
                }
            };
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
                Err(AppendError::FingerprintDiffers { .. }) => return Verdict::refused(CommandError::KeyReused),
                Err(error @ AppendError::TooLarge { .. }) => {
                    return Verdict::refused(CommandError::Rejected(ApiRejection::EventTooLarge.because(error)));
                }
                Err(AppendError::Failed(failure)) => {
                    session.forget();
                    return Verdict::refused(CommandError::Failed(failure));
                }
            }
        }
        Verdict::refused(CommandError::Rejected(ApiRejection::TooBusy.into()))
    }

    /// Puts the new states into the cache, so that the next command decides on them, before they are durable.
    fn accepted(&self, request: &CommandRequest, session: Session<'_>, staged: Staged, accepted: Accepted) -> Verdict {
        let durable = durability::shared(accepted.durable);
        let mut waits = session.foreign_durable();
        let done = outcome::of_staged(&request.command, &accepted.events, &staged.events);
        session.keep(staged, &accepted.events, &durable);
        waits.push(durable);
        Verdict::new(Ok(done), waits)
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
                let result = self.accept(request).await.settled().await;
                measure(command, &result, started.elapsed());
                result
            }
            .instrument(span),
        )
    }
}

fn permitted(request: &CommandRequest) -> Result<(), Rejection> {
    policy::permits(&request.actor, request.command.permission(), None)?;
    if request.occurred_at.is_some() {
        policy::permits_occurred_at(&request.actor)?;
    }
    Ok(())
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
        actor: recorded(request),
        correlation: request.correlation.unwrap_or(request.id),
        causation: request.cause.map(|(event, _)| event),
        recorded_after: request.cause.map(|(_, recorded_at)| recorded_at),
        traceparent: request.traceparent.clone(),
    }
}
