//! What the engine writes down about instances: reactions, steps done and failed, alarms that rang. Every record is an
//! append of its own whose command id derives from what it says, so that writing it again is a repeat.

use std::time::Duration;

use bytes::Bytes;
use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{Actor, CommandId, Context, EventId, HospitalId, Timestamp, Version};
use carelog_domain::ports::{Batch, Expected, Fingerprint, ToAppend};
use carelog_domain::streams;

use super::Shared;
use super::instances::read_sealed;
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

/// A record that is durable.
pub(crate) struct Written {
    /// True when it had been written before, perhaps by another process.
    pub(crate) repeated: bool,
    pub(crate) context: Context,
}

const RETRY_AFTER: Duration = Duration::from_millis(200);

impl Shared {
    /// Appends a record to an instance's stream, however long that takes; `None` when the engine stops first. It is durable
    /// when this returns: nothing is done on a record that may never have been, and none is written behind it. One that
    /// was accepted while its partition went to another process is written again, which changes nothing if it stands.
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
                Ok(accepted) => match accepted.durable.await {
                    Ok(()) => {
                        let context = accepted.events.into_iter().next()?;
                        return Some(Written { repeated: accepted.repeated, context });
                    }
                    Err(failure) => self.trouble("a record of a saga did not become durable", &failure),
                },
                Err(error) => self.trouble("a record of a saga could not be appended", &error),
            }
            metrics::counter!("carelog_saga_append_failures_total").increment(1);
            if !self.pause(RETRY_AFTER).await {
                return None;
            }
        }
    }

    /// The event of a record, however long that takes; `None` when the engine stops first.
    pub(crate) async fn recorded(&self, context: &Context) -> Option<Event> {
        let before = Version(context.version.0 - 1);
        loop {
            match self.log.read_stream(&context.stream, before, 1).await {
                Ok(found) => match found.first().map(read_sealed) {
                    Some(Ok(recorded)) => return Some(recorded.event),
                    Some(Err(failure)) => self.trouble("a record of a saga could not be read", &failure),
                    None => {}
                },
                Err(failure) => self.trouble("a record of a saga could not be read", &failure),
            }
            if !self.pause(RETRY_AFTER).await {
                return None;
            }
        }
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
        event_type: event.event_type().into(),
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
        term: None, // It rests on a durable event alone.
        actor: Actor::system(&format!("saga:{saga}")).recorded(),
        correlation: cause.correlation,
        causation: Some(cause.id),
        recorded_after: Some(cause.recorded_at),
        traceparent: cause.traceparent.clone(),
    }
}
