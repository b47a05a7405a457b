//! One reaction on its way: its record first, then its steps in order, each followed by a record of what came of it.
//! Killed between any two of these it is handed out again after the restart, and what was done is not done again.

use std::sync::Arc;
use std::time::Instant;

use carelog_domain::command::Command;
use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{Actor, Context, Position, Token};
use carelog_domain::laboratory::FailureReason;
use carelog_domain::laboratory::commands::RecordProcessingFailure;
use carelog_domain::laboratory::events::LabReportUploaded;
use carelog_domain::ports::{CommandError, CommandRequest, Credential};
use carelog_domain::process::events::{SagaReacted, SagaStepDone, SagaStepFailed};
use carelog_schemas::trace_context;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;

use super::Shared;
use super::instances::{Known, Outcome};
use super::letters::DeadLetter;
use super::order::Turn;
use super::place::Place;
use super::records::{Cause, Written};
use crate::catalog::Kind;
use crate::saga::{Intent, Refused, command_id};

pub(crate) struct Reaction {
    pub(crate) shared: Arc<Shared>,
    pub(crate) place: Arc<Place>,
    pub(crate) kind: Arc<Kind>,
    pub(crate) instance: String,
    pub(crate) cause: Context,
    /// What is to be done, each with its place among others of the same order.
    pub(crate) intents: Vec<(Vec<Turn>, Intent)>,
    /// Its place among the reactions of its instance.
    pub(crate) lane: Turn,
    pub(crate) known: Arc<Known>,
    pub(crate) held_at: u64,
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// The write side's code for having lost too many races against other writers.
const TOO_BUSY: &str = "too-busy";
/// The write side's code for what does not fit an event.
const TOO_LARGE: &str = "event-too-large";

/// Why a step was not carried out.
struct Refusal {
    code: String,
    attempts: u32,
}

/// What one attempt at a step came to.
enum Attempt {
    Done(Token),
    /// The domain says no.
    Refused(String),
    /// Nobody could take it; however long that lasts, it is tried again.
    Later(&'static str),
    /// A port could not; `again` says whether another attempt may help.
    Failed {
        code: &'static str,
        again: bool,
    },
}

/// How much a step was tried.
pub(crate) struct Patience {
    /// As often as a file is given to a reader that loses it.
    pub(crate) often: bool,
    /// As often and as long as stores that are away are waited for.
    pub(crate) long: bool,
}

/// The engine is stopping: the reaction stays open, and no checkpoint passes it.
struct Stopped;

impl Reaction {
    pub(crate) async fn run(mut self) {
        let intents = std::mem::take(&mut self.intents);
        self.lane.wait().await;
        if self.carry_out(intents).await.is_err() {
            return;
        }
        let Reaction { shared, place, known, held_at, lane, _permit, .. } = self;
        drop(lane); // The next reaction of the instance may go on.
        place.progress.recorded(known.upto);
        place.progress.end(held_at);
        shared.settling.ticked();
    }

    async fn carry_out(&self, intents: Vec<(Vec<Turn>, Intent)>) -> Result<(), Stopped> {
        if self.place.letters.wait(self.kind.name, &self.instance, self.cause.correlation) {
            return Ok(());
        }
        let cause = Cause::of(&self.cause);
        self.record_reaction(&intents, &cause).await?;
        for (turns, intent) in intents {
            if matches!(intent, Intent::SetAlarm { .. } | Intent::CancelAlarm { .. }) {
                continue;
            }
            match self.known.steps.get(intent.step()) {
                Some(Outcome::Done) => {}
                Some(Outcome::Refused { code, attempts, offset }) => {
                    if self.refused(intent.step(), code, *attempts, *offset) != Refused::GoOn {
                        break;
                    }
                }
                None => {
                    if !self.step(turns, &intent, &cause).await? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn record_reaction(&self, intents: &[(Vec<Turn>, Intent)], cause: &Cause) -> Result<(), Stopped> {
        if self.known.reacted.contains(&self.cause.id) {
            return Ok(());
        }
        let record = |(_, intent): &(_, Intent)| intent.record(self.kind.name, &self.instance, &self.cause);
        let event = SagaReacted {
            saga: self.kind.name.to_owned(),
            instance: self.instance.clone(),
            cause: self.cause.id,
            cause_position: self.cause.position,
            intents: intents.iter().map(record).collect(),
        };
        let name = format!("reacted:{}", self.cause.id);
        self.write(&name, event, cause).await.map(drop)
    }

    /// Carries one step out in its turns and records what came of it; true when the next one may follow.
    async fn step(&self, mut turns: Vec<Turn>, intent: &Intent, cause: &Cause) -> Result<bool, Stopped> {
        for turn in &mut turns {
            turn.wait().await;
        }
        let (saga, instance, step) = (self.kind.name.to_owned(), self.instance.clone(), intent.step().to_owned());
        let command = command_id(&saga, &instance, &step);
        // Of two processes at work on the partition one might be refused what the other was allowed: the first record of
        // how a step ended stands for both, so both kinds have one name.
        let name = format!("ended:{step}:{}", self.known.retries);
        let event: ProcessEvent = match self.until_settled(intent).await? {
            Ok(token) => SagaStepDone { saga, instance, step: step.clone(), command, token }.into(),
            Err(Refusal { code, attempts }) => {
                SagaStepFailed { saga, instance, step: step.clone(), command, code, attempts }.into()
            }
        };
        let mut ended = Event::from(event.clone());
        let written = self.write(&name, event, cause).await?;
        if written.repeated {
            ended = self.shared.recorded(&written.context).await.ok_or(Stopped)?;
        }
        Ok(match ended {
            Event::ProcessEvent(ProcessEvent::SagaStepFailed(e)) => {
                self.refused(&step, &e.code, e.attempts, written.context.position.offset) == Refused::GoOn
            }
            _ => true,
        })
    }

    async fn write(&self, name: &str, event: impl Into<ProcessEvent>, cause: &Cause) -> Result<Written, Stopped> {
        let written = self.shared.record(self.kind.name, &self.instance, name, event.into(), cause).await;
        let written = written.ok_or(Stopped)?;
        self.place.progress.recorded(written.context.position.offset);
        Ok(written)
    }

    /// Parks the instance, unless its saga knows what the refusal means.
    fn refused(&self, step: &str, code: &str, attempts: u32, failed_offset: u64) -> Refused {
        let refused = (self.kind.refused)(step, code);
        let outcome = if refused == Refused::DeadLetter { "dead-letter" } else { "refused" };
        metrics::counter!("carelog_saga_steps_total", "saga" => self.kind.name, "outcome" => outcome).increment(1);
        if refused != Refused::DeadLetter {
            return refused;
        }
        tracing::error!(saga = self.kind.name, instance = %self.instance, step, code, "a saga's step is a dead letter");
        let Position { partition, offset } = self.cause.position;
        self.place.letters.park(DeadLetter {
            saga: self.kind.name.to_owned(),
            instance: self.instance.clone(),
            step: step.to_owned(),
            command: command_id(self.kind.name, &self.instance, step),
            code: code.to_owned(),
            attempts,
            partition: partition.0,
            cause_offset: offset,
            failed_offset,
            since: self.cause.recorded_at,
            waiting: vec![self.cause.correlation],
        });
        refused
    }

    /// Tries a step until it is done, refused, or failed too often.
    async fn until_settled(&self, intent: &Intent) -> Result<Result<Token, Refusal>, Stopped> {
        let config = &self.shared.config;
        let (begun, mut wait) = (Instant::now(), config.retry_first);
        let mut attempts = 0;
        while !self.shared.is_stopped() {
            attempts += 1;
            let often = attempts >= config.attempts_max;
            let patience = Patience { often, long: often && begun.elapsed() >= config.retry_for };
            let code = match self.attempt(intent, &patience).await {
                Attempt::Done(token) => {
                    let labels = [("saga", self.kind.name), ("outcome", "done")];
                    metrics::counter!("carelog_saga_steps_total", &labels).increment(1);
                    return Ok(Ok(token));
                }
                Attempt::Refused(code) => return Ok(Err(Refusal { code, attempts })),
                Attempt::Failed { code, again } if !again || patience.long => {
                    return Ok(Err(Refusal { code: code.to_owned(), attempts }));
                }
                Attempt::Failed { code, .. } => code,
                Attempt::Later(code) => {
                    attempts -= 1;
                    code
                }
            };
            tracing::warn!(saga = self.kind.name, instance = %self.instance, step = intent.step(), code, attempts,
                "a saga's step will be tried again");
            if !self.shared.pause(wait).await {
                return Err(Stopped);
            }
            wait = (wait * 2).min(config.retry_longest);
        }
        Err(Stopped)
    }

    async fn attempt(&self, intent: &Intent, patience: &Patience) -> Attempt {
        let step = intent.step();
        let span = tracing::info_span!("saga_step", saga = self.kind.name, instance = %self.instance, step);
        if let Some(traceparent) = &self.cause.traceparent {
            trace_context::adopt(&span, traceparent);
        }
        let attempt = async {
            match intent {
                Intent::Send { command, .. } => self.send(step, (**command).clone()).await,
                Intent::ReadLabReport { upload, attempt, .. } => {
                    self.read_lab_report(step, upload, *attempt, patience).await
                }
                Intent::SetAlarm { .. } | Intent::CancelAlarm { .. } => Attempt::Done(Token::empty()),
            }
        };
        attempt.instrument(span).await
    }

    /// Sends a command. It happened when its cause did (an alarm's when it was due).
    async fn send(&self, step: &str, command: Command) -> Attempt {
        let request = CommandRequest {
            id: command_id(self.kind.name, &self.instance, step),
            command,
            actor: Actor::system(&format!("saga:{}", self.kind.name)),
            credential: Credential::default(),
            occurred_at: Some(self.cause.occurred_at),
            occurred_assumed: self.cause.occurred_assumed,
            if_match: None,
            correlation: Some(self.cause.correlation),
            cause: Some((self.cause.id, self.cause.recorded_at)),
            traceparent: trace_context::current().or_else(|| self.cause.traceparent.clone()),
        };
        match self.shared.bus.send(request).await {
            Ok(done) => Attempt::Done(done.token),
            // The one refusal that says nothing about the command: it lost too many races.
            Err(CommandError::Rejected(rejection)) if rejection.code == TOO_BUSY => {
                Attempt::Failed { code: TOO_BUSY, again: true }
            }
            Err(CommandError::Rejected(rejection)) => Attempt::Refused(rejection.code.to_owned()),
            Err(CommandError::KeyReused) => Attempt::Refused("key-reused".to_owned()),
            Err(CommandError::VersionDiffers { .. }) => Attempt::Refused("version-differs".to_owned()),
            Err(CommandError::StillRunning) => Attempt::Failed { code: "still-running", again: true },
            // A partition on its way to another process, or brokers that are down, say nothing about the step either.
            Err(error @ (CommandError::OutcomeUnknown(_) | CommandError::NobodyOwns(_))) => {
                self.shared.trouble("a saga's step waits for the log", &error);
                Attempt::Later("log-unavailable")
            }
            Err(CommandError::Failed(failure)) => {
                let again = failure.retry_helps;
                self.shared.trouble("a saga's step failed", &failure);
                Attempt::Failed { code: "failed", again }
            }
        }
    }

    /// Reads the file unless that was done before: a second reading could come to another result. A reading that comes to
    /// nothing is an outcome of its own, so that whoever handed the file in sees it and can have it read again.
    async fn read_lab_report(
        &self,
        step: &str,
        upload: &LabReportUploaded,
        attempt: u32,
        patience: &Patience,
    ) -> Attempt {
        let command = command_id(self.kind.name, &self.instance, step);
        match self.shared.log.find_command(upload.report.slot(), command).await {
            Ok(Some(done)) => {
                if let Err(failure) = done.durable.await {
                    self.shared.trouble("a reading did not become durable", &failure);
                    return Attempt::Failed { code: "failed", again: true };
                }
                return Attempt::Done(done.events.iter().map(|event| event.position).collect());
            }
            Ok(None) => {}
            Err(failure) => {
                self.shared.trouble("the log could not be asked for a reading", &failure);
                return Attempt::Failed { code: "failed", again: failure.retry_helps };
            }
        }
        let failed = |reason| Command::from(RecordProcessingFailure { report: upload.report, attempt, reason });
        let command = match self.shared.read_file(upload, attempt, self.cause.occurred_at).await {
            Ok(command) => command,
            Err(unread) if unread.may_be_read_later(patience) => {
                self.shared.trouble("a lab report could not be read", unread.failure());
                return Attempt::Failed { code: "failed", again: true };
            }
            Err(unread) => {
                let what = "a lab report could not be read; somebody must have it read again";
                self.shared.trouble(what, unread.failure());
                failed(FailureReason::ReaderCrashed)
            }
        };
        match self.send(step, command).await {
            Attempt::Refused(code) if code == TOO_LARGE => self.send(step, failed(FailureReason::TooLarge)).await,
            attempt => attempt,
        }
    }
}
