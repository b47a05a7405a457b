//! A write side that remembers commands by their ids and knows three rules: a claim has one owner, a draft is there
//! before it is issued, a registration ends once. Faults are put in by command name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::billing::{BillingRejection, InvoiceStatus};
use carelog_domain::command::Command;
use carelog_domain::event::Event;
use carelog_domain::kernel::{CommandId, EventId, Slot, StreamName, Token};
use carelog_domain::laboratory::events::ProcessingStarted;
use carelog_domain::patient::PatientRejection;
use carelog_domain::ports::{
    Batch, BoxFuture, CommandBus, CommandDone, CommandError, CommandRequest, EventLog, Failure, Fingerprint, ToAppend,
};
use carelog_domain::process::events::{CommandRemembered, SagaStepRetried};
use carelog_domain::rejection::{Rejection, RejectionClass};
use carelog_domain::streams;
use parking_lot::Mutex;

use crate::memory_log::MemoryLog;
use crate::story::patient;
use crate::world::Life;

/// How a command goes wrong.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// Passing failures, this many times.
    Fails(u32),
    /// Done, but the answer is lost, this many times.
    Lost(u32),
    /// Refused because others kept changing the same records, this many times.
    Busy(u32),
    /// Refused because it does not fit an event.
    TooLarge,
    /// Refused until the fault is taken away.
    Refused,
    /// Refused because people did it by hand.
    DoneByHand,
}

pub(crate) struct WriteSide {
    log: Arc<MemoryLog>,
    pub(crate) life: Arc<Life>,
    state: Mutex<State>,
    pub(crate) faults: Mutex<HashMap<&'static str, Fault>>,
}

#[derive(Default)]
struct State {
    claims: BTreeMap<String, uuid::Uuid>,
    drafts: BTreeMap<uuid::Uuid, bool>,
    /// What was done, in order, each once.
    done: Vec<(CommandId, Command)>,
}

impl WriteSide {
    pub(crate) fn new(log: Arc<MemoryLog>, life: Arc<Life>) -> WriteSide {
        WriteSide { log, life, state: Mutex::default(), faults: Mutex::default() }
    }

    /// The same write side in the engine's next life.
    pub(crate) fn done(&self) -> Vec<(CommandId, Command)> {
        self.state.lock().done.clone()
    }

    pub(crate) fn claims(&self) -> BTreeMap<String, uuid::Uuid> {
        self.state.lock().claims.clone()
    }

    /// Somebody nobody else here is holds an identifier for good.
    pub(crate) fn somebody_holds(&self, claim: &str) {
        self.state.lock().claims.insert(claim.to_owned(), uuid::Uuid::nil());
    }

    /// Whoever held an identifier holds it no more.
    pub(crate) fn free_all_claims(&self) {
        self.state.lock().claims.clear();
    }

    async fn carry_out(&self, request: CommandRequest) -> Result<CommandDone, CommandError> {
        let name = request.command.name();
        let mut lost = false;
        {
            let mut faults = self.faults.lock();
            match faults.get_mut(name) {
                Some(Fault::Refused) => {
                    return Err(CommandError::Rejected(BillingRejection::InvoiceUnknown.into()));
                }
                Some(Fault::TooLarge) => {
                    let (code, class) = ("event-too-large", RejectionClass::Unprocessable);
                    return Err(CommandError::Rejected(Rejection { code, class, field: None, message: String::new() }));
                }
                Some(Fault::DoneByHand) => {
                    let status = InvoiceStatus::Cancelled;
                    return Err(CommandError::Rejected(BillingRejection::InvoiceNotIssued { status }.into()));
                }
                Some(Fault::Fails(times)) if *times > 0 => {
                    *times -= 1;
                    return Err(CommandError::Failed(Failure::passing("test", "not now")));
                }
                Some(Fault::Busy(times)) if *times > 0 => {
                    *times -= 1;
                    let (code, class) = ("too-busy", RejectionClass::Conflict);
                    return Err(CommandError::Rejected(Rejection { code, class, field: None, message: String::new() }));
                }
                Some(Fault::Lost(times)) if *times > 0 => {
                    *times -= 1;
                    lost = true;
                }
                _ => {}
            }
        }
        let done = self.decide_and_append(request).await?;
        if lost {
            return Err(CommandError::OutcomeUnknown(Failure::passing("test", "the answer was lost")));
        }
        Ok(done)
    }

    async fn decide_and_append(&self, request: CommandRequest) -> Result<CommandDone, CommandError> {
        let (stream, event) = recorded(&request);
        let slot = stream.slot();
        if self.log.find_command(slot, request.id).await.map_err(CommandError::Failed)?.is_none() {
            self.decide(&request).map_err(CommandError::Rejected)?;
        }
        let occurred_at = request.occurred_at.unwrap_or_default();
        let to_append = ToAppend {
            id: EventId::derive(request.id, slot, occurred_at, 0),
            stream: stream.clone(),
            event_type: event.event_type().into(),
            revision: event.revision(),
            occurred_at,
            occurred_assumed: false,
            hospital: event.hospital(),
            tags: event.tags(),
            data: Bytes::from(event.to_json().to_string()),
        };
        let batch = Batch {
            slot,
            command: request.id,
            fingerprint: Fingerprint([1; 32]),
            events: vec![to_append],
            expected: vec![],
            conditions: vec![],
            term: None,
            actor: request.actor.recorded(),
            correlation: request.correlation.unwrap_or(request.id),
            causation: request.cause.map(|(event, _)| event),
            recorded_after: request.cause.map(|(_, at)| at),
            traceparent: None,
        };
        let accepted = self
            .log
            .append(batch)
            .await
            .map_err(|error| CommandError::Failed(Failure::lasting("test", "append").caused_by(error)))?;
        let last = accepted.events.last().expect("one event");
        Ok(CommandDone {
            command: request.id,
            stream,
            version: last.version,
            subject: uuid::Uuid::nil(),
            events: vec![last.id],
            token: Token::from_iter([last.position]),
            repeated: accepted.repeated,
        })
    }

    fn decide(&self, request: &CommandRequest) -> Result<(), Rejection> {
        let mut state = self.state.lock();
        match &request.command {
            Command::ClaimIdentifier(c) => {
                let owner = *state.claims.entry(c.keyed_hash.clone()).or_insert(c.owner);
                if owner != c.owner {
                    return Err(PatientRejection::IdentifierTaken.into());
                }
            }
            Command::ReleaseClaim(c) => {
                if state.claims.get(&c.keyed_hash) == Some(&c.owner) {
                    state.claims.remove(&c.keyed_hash);
                }
            }
            Command::DraftInvoice(c) => {
                state.drafts.insert(c.invoice(request.id).0, false);
            }
            Command::IssueInvoice(c) => {
                if state.drafts.insert(c.invoice.0, true) != Some(false) {
                    return Err(BillingRejection::InvoiceUnknown.into());
                }
            }
            _ => {}
        }
        state.done.push((request.id, request.command.clone()));
        Ok(())
    }
}

impl CommandBus for WriteSide {
    fn send(&self, request: CommandRequest) -> BoxFuture<'_, Result<CommandDone, CommandError>> {
        Box::pin(async {
            self.life.step().await;
            let done = self.carry_out(request).await;
            self.life.step().await;
            done
        })
    }
}

/// The one event a command leaves, in the slot of what it is about.
fn recorded(request: &CommandRequest) -> (StreamName, Event) {
    if let Command::RetrySagaStep(c) = &request.command {
        let (saga, instance, step) = (c.saga.clone(), c.instance.clone(), c.step.clone());
        return (streams::saga(&c.saga, &c.instance), SagaStepRetried { saga, instance, step }.into());
    }
    if let Command::StartProcessing(c) = &request.command {
        let started = ProcessingStarted { report: c.report, patient: patient("ada"), attempt: 1 };
        return (streams::lab_report(c.report), started.into());
    }
    let slot = match &request.command {
        Command::RecordExtraction(c) => c.report.slot(),
        Command::RecordProcessingFailure(c) => c.report.slot(),
        Command::OpenDays(c) => c.role.slot(),
        Command::DraftInvoice(c) => c.hospital.slot(),
        Command::RepriceDraft(c) => c.invoice.slot(),
        Command::IssueInvoice(c) => c.invoice.slot(),
        Command::CancelDraft(c) => c.invoice.slot(),
        Command::CreditInvoice(c) => c.invoice.slot(),
        Command::MarkNoShow(c) => c.appointment.slot(),
        Command::ClaimIdentifier(c) => Slot::of_key(c.keyed_hash.as_bytes()),
        Command::ConfirmClaim(c) => Slot::of_key(c.keyed_hash.as_bytes()),
        Command::ReleaseClaim(c) => Slot::of_key(c.keyed_hash.as_bytes()),
        Command::RegisterPatient(c) => c.patient.slot(),
        Command::EndRegistration(c) => c.patient.slot(),
        Command::RecordIdentifier(c) => c.patient.slot(),
        Command::RefuseIdentifier(c) => c.patient.slot(),
        Command::LinkPatient(c) => c.hospital.slot(),
        other => panic!("these tests send no {}", other.name()),
    };
    let stream = streams::remembered(slot, request.id);
    let about = stream.clone();
    (stream, CommandRemembered { subject: uuid::Uuid::nil(), stream: about, version: 0 }.into())
}
