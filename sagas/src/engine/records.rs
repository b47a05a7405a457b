//! What the engine writes down about instances: reactions, steps done and failed, alarms that rang. Every record is an
//! append of its own whose command id derives from what it says, so that writing it again is a repeat.

use std::time::Duration;

use bytes::Bytes;
use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{Actor, CommandId, Context, EventId, HospitalId, Timestamp};
use carelog_domain::ports::{Batch, Expected, Failure, Fingerprint, ToAppend};
use carelog_domain::streams;

use super::Shared;
use crate::saga::command_id;

/// What a record follows from.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    pub(crate) id: EventId,
    pub(crate) recorded_at: Timestamp,
    pub(crate) occurred_at: Timestamp,
    pub(crate) occurred_assumed: bool,
    pub(crate) hospital: Option<HospitalId>,
    pub(crate) correlation: CommandId,
    pub(crate) traceparent: Option<String>,
}

impl Cause {
    pub(crate) fn of(context: &Context) -> Cause {
        Cause {
            id: context.id,
            recorded_at: context.recorded_at,
            occurred_at: context.occurred_at,
            occurred_assumed: context.occurred_assumed,
            hospital: context.hospital,
            correlation: context.correlation,
            traceparent: context.traceparent.clone(),
        }
    }
}

/// A record that was accepted.
pub(crate) struct Written {
    pub(crate) context: Context,
    pub(crate) durable: carelog_domain::ports::BoxFuture<'static, Result<(), Failure>>,
}

const RETRY_AFTER: Duration = Duration::from_millis(200);

impl Shared {
    /// Appends a record to an instance's stream, however long that takes; `None` when the engine stops first.
    pub(crate) async fn record(
        &self,
        saga: &str,
        instance: &str,
        name: &str,
        event: ProcessEvent,
        cause: &Cause,
    ) -> Option<Written> {
        let event = Event::from(event);
        loop {
            match self.log.append(batch(saga, instance, name, &event, cause)).await {
                Ok(accepted) => {
                    let context = accepted.events.into_iter().next()?;
                    return Some(Written { context, durable: accepted.durable });
                }
                Err(error) => {
                    self.trouble("a record of a saga could not be appended", &error);
                    metrics::counter!("carelog_saga_append_failures_total").increment(1);
                }
            }
            if !self.pause(RETRY_AFTER).await {
                return None;
            }
        }
    }

    /// Logs an error with what caused it.
    pub(crate) fn trouble(&self, what: &str, error: &(dyn std::error::Error + 'static)) {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            chain.push_str(": ");
            chain.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(error = %chain, "{what}");
    }
}

fn batch(saga: &str, instance: &str, name: &str, event: &Event, cause: &Cause) -> Batch {
    let stream = streams::saga(saga, instance);
    let slot = stream.slot();
    let command = command_id(saga, instance, &format!("record:{name}"));
    let text = event.to_json().to_string();
    let to_append = ToAppend {
        id: EventId::derive(command, slot, cause.occurred_at, 0),
        stream: stream.clone(),
        event_type: event.event_type(),
        revision: event.revision(),
        occurred_at: cause.occurred_at,
        occurred_assumed: cause.occurred_assumed,
        hospital: cause.hospital,
        tags: event.tags(),
        data: Bytes::from(text),
    };
    Batch {
        slot,
        command,
        // What a record says is given by its name; a detail that differs (a count of attempts) makes it no other one.
        fingerprint: Fingerprint([0; 32]),
        events: vec![to_append],
        expected: vec![(stream, Expected::Any)],
        conditions: vec![],
        actor: Actor::system(&format!("saga:{saga}")).recorded(),
        correlation: cause.correlation,
        causation: Some(cause.id),
        recorded_after: Some(cause.recorded_at),
        traceparent: cause.traceparent.clone(),
    }
}
