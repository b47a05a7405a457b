//! What a command came to: the same answer whether it was done now or long ago.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::command::Command;
use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{
    AllocationId, CommandId, Context, CreditNoteId, HoldId, LeaveId, PaymentId, RefundId, StreamName, Timestamp,
    Version,
};
use carelog_domain::ports::{CommandDone, CommandError, EventLog, Failure};
use carelog_domain::process::events::CommandRemembered;
use carelog_schemas::sealing;
use futures::future;
use uuid::Uuid;

use super::cache::StateCache;
use super::durability::Durable;
use super::running::RunningGuard;

/// A decided command. Nothing of it may be told before it is settled.
pub struct Verdict {
    result: Result<CommandDone, CommandError>,
    waits: Vec<Durable>,
    kept: Option<(RunningGuard, Arc<StateCache>)>,
}

impl Verdict {
    pub(crate) fn new(result: Result<CommandDone, CommandError>, waits: Vec<Durable>) -> Verdict {
        Verdict { result, waits, kept: None }
    }

    pub(crate) fn refused(error: CommandError) -> Verdict {
        Verdict::new(Err(error), Vec::new())
    }

    pub(crate) fn keep(&mut self, guard: RunningGuard, cache: Arc<StateCache>) {
        self.kept = Some((guard, cache));
    }

    /// Whether somebody may be able to decide it soon: nobody owned the partition, or whoever did was asked and gave
    /// no answer.
    pub(crate) fn is_worth_asking_again(&self) -> bool {
        use CommandError::{NobodyOwns, OutcomeUnknown, StillRunning};
        matches!(self.result, Err(NobodyOwns(_) | OutcomeUnknown(_) | StillRunning))
    }

    /// The error of one whose outcome is not known.
    pub(crate) fn unknown(self) -> Option<CommandError> {
        self.result.err().filter(|error| matches!(error, CommandError::OutcomeUnknown(_)))
    }

    /// This one, told after an attempt whose outcome is not known, if there was one.
    pub(crate) fn after(mut self, unknown: Option<CommandError>) -> Verdict {
        self.result = after(unknown, self.result);
        self
    }

    /// The answer, once everything it builds on is durable.
    ///
    /// # Errors
    /// Why the command was not carried out; [`CommandError::OutcomeUnknown`] when what it builds on did not become
    /// durable.
    pub async fn settled(self) -> Result<CommandDone, CommandError> {
        let waits = future::try_join_all(self.waits).await;
        if let Err(failure) = waits {
            if let Some((_, cache)) = &self.kept {
                cache.clear(); // It holds states that were accepted and lost.
            }
            let unknown = Failure::passing("event log", "an accepted batch is not known to be durable");
            return Err(CommandError::OutcomeUnknown(unknown.caused_by(failure)));
        }
        self.result
    }
}

/// Nobody could decide it: nothing was done, unless an attempt before may have done it.
pub(crate) fn after(
    unknown: Option<CommandError>,
    result: Result<CommandDone, CommandError>,
) -> Result<CommandDone, CommandError> {
    match (result, unknown) {
        (Err(CommandError::NobodyOwns(_) | CommandError::Failed(_)), Some(unknown)) => Err(unknown),
        (result, _) => result,
    }
}

/// The answer for a command accepted now.
pub(crate) fn of_staged(command: &Command, events: &[Context], staged: &[(StreamName, Event)]) -> CommandDone {
    let mut done = of_events(command, events, false);
    if let Some((_, Event::ProcessEvent(ProcessEvent::CommandRemembered(remembered)))) = staged.first() {
        remember(&mut done, remembered.clone());
    }
    done
}

/// The answer for a command found in the log.
pub(crate) async fn of_found(
    log: &dyn EventLog,
    command: &Command,
    events: &[Context],
    repeated: bool,
) -> Result<CommandDone, Failure> {
    let mut done = of_events(command, events, repeated);
    if done.stream.category() != "command" {
        return Ok(done);
    }
    let stream = done.stream.clone();
    let unreadable = || Failure::lasting("event log", format!("what {stream} remembers cannot be read"));
    let stored = log.read_stream(&stream, Version::NONE, 1).await?.into_iter().next().ok_or_else(unreadable)?;
    let recorded = sealing::read_sealed(&stored).map_err(|error| unreadable().caused_by(error))?;
    let Event::ProcessEvent(ProcessEvent::CommandRemembered(remembered)) = recorded.event else {
        return Err(unreadable());
    };
    remember(&mut done, remembered);
    Ok(done)
}

fn of_events(command: &Command, events: &[Context], repeated: bool) -> CommandDone {
    let first = events.first().expect("a batch is never empty");
    let leading = events.iter().filter(|event| event.stream == first.stream);
    CommandDone {
        command: first.command,
        subject: subject(command, first.command, &first.stream, first.occurred_at),
        version: leading.map(|event| event.version).max().unwrap_or(first.version),
        stream: first.stream.clone(),
        events: events.iter().map(|event| event.id).collect(),
        token: events.iter().map(|event| event.position).collect(),
        repeated,
    }
}

fn remember(done: &mut CommandDone, remembered: CommandRemembered) {
    done.subject = remembered.subject;
    done.version = Version(remembered.version);
    done.stream = remembered.stream;
}

/// The id of what a command makes or changes. What has no stream of its own has an id that derives from the command;
/// everything else is named by the leading stream.
pub(crate) fn subject(command: &Command, id: CommandId, leading: &StreamName, occurred_at: Timestamp) -> Uuid {
    let slot = leading.slot();
    match command {
        Command::HoldSlot(_) => HoldId::derive(id, slot, occurred_at, 0).0,
        Command::ReleaseHold(release) => release.hold.0,
        Command::TakeLeave(_) => LeaveId::derive(id, slot, occurred_at, 0).0,
        Command::CancelLeave(cancel) => cancel.leave.0,
        Command::RecordPayment(_) | Command::PayInvoice(_) => PaymentId::derive(id, slot, occurred_at, 0).0,
        Command::ResolvePayment(resolve) => resolve.payment.0,
        Command::CreditInvoice(_) => CreditNoteId::derive(id, slot, occurred_at, 0).0,
        Command::AllocateCredit(_) => AllocationId::derive(id, slot, occurred_at, 0).0,
        Command::UndoAllocation(undo) => undo.allocation.0,
        Command::RefundPayment(_) => RefundId::derive(id, slot, occurred_at, 0).0,
        _ => first_id(leading).unwrap_or(id.0),
    }
}

fn first_id(stream: &StreamName) -> Option<Uuid> {
    Uuid::parse_str(stream.key().split(':').next()?).ok()
}

/// Counts and times a command by its name and what came of it.
pub(crate) fn measure(command: &'static str, result: &Result<CommandDone, CommandError>, took: Duration) {
    let outcome = match result {
        Ok(done) if done.repeated => "repeated",
        Ok(_) => "done",
        Err(CommandError::Rejected(_)) => "rejected",
        Err(CommandError::VersionDiffers { .. }) => "version-differs",
        Err(CommandError::KeyReused) => "key-reused",
        Err(CommandError::StillRunning) => "still-running",
        Err(CommandError::NobodyOwns(_)) => "nobody-owns",
        Err(CommandError::OutcomeUnknown(_)) => "outcome-unknown",
        Err(CommandError::Failed(_)) => "failed",
    };
    tracing::Span::current().record("outcome", outcome);
    metrics::counter!("carelog_commands_total", "command" => command, "outcome" => outcome).increment(1);
    metrics::histogram!("carelog_command_seconds", "command" => command).record(took.as_secs_f64());
}
