//! Events decided on, on their way to the log: checked against the actor's reach and against time, given their ids,
//! sealed.

use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::event::Event;
use carelog_domain::kernel::{EventId, Slot, StreamName, Timestamp, Version};
use carelog_domain::policy;
use carelog_domain::ports::{Failure, KeyStore, ToAppend};
use carelog_domain::process::events::CommandRemembered;
use carelog_domain::rejection::Rejection;
use carelog_domain::streams;
use carelog_schemas::sealing;

use super::refusal::ApiRejection;
use super::session::{Decided, Session};

/// A batch in the making.
pub(crate) struct Staged {
    /// The events, leading stream first.
    pub(crate) events: Vec<Decided>,
    /// The streams written, each once.
    pub(crate) streams: Vec<StreamName>,
    occurred_at: Timestamp,
    occurred_assumed: bool,
    ids: Vec<EventId>,
}

/// Why a decision cannot be staged.
pub(crate) enum NotYet {
    /// Live traffic on a stream whose last event occurred later: decide again, not before then.
    LaterThan(Timestamp),
    /// It is refused.
    Rejected(Rejection),
}

/// Checks what was decided. A success without events becomes the small event that remembers it.
pub(crate) fn stage(session: &Session<'_>, mut events: Vec<Decided>) -> Result<Staged, NotYet> {
    let request = session.request;
    let times = session.times();
    if request.occurred_at.is_some_and(|given| given > session.now()) && !session.is_process() {
        return Err(NotYet::Rejected(ApiRejection::OccurredInFuture.into()));
    }
    if events.is_empty() {
        events.push(remembered(session));
    }
    let mut written: Vec<StreamName> = Vec::with_capacity(events.len());
    for (stream, event) in &events {
        if let Some(hospital) = event.hospital() {
            let allowed = policy::permits(&request.actor, request.command.permission(), Some(hospital));
            allowed.map_err(|refusal| NotYet::Rejected(refusal.into()))?;
        }
        if !written.contains(stream) {
            written.push(stream.clone());
        }
    }
    let latest = written.iter().filter_map(|stream| session.last_occurred(stream)).max();
    if let Some(latest) = latest.filter(|latest| *latest > times.occurred_at) {
        return Err(if request.occurred_at.is_none() || session.is_process() {
            NotYet::LaterThan(latest)
        } else {
            NotYet::Rejected(ApiRejection::OccurredBeforeLast.into())
        });
    }
    let ids = ids(request.id, session.slot(), times.occurred_at, events.len());
    Ok(Staged {
        events,
        streams: written,
        occurred_at: times.occurred_at,
        occurred_assumed: request.occurred_assumed,
        ids,
    })
}

fn ids(command: carelog_domain::kernel::CommandId, slot: Slot, occurred_at: Timestamp, count: usize) -> Vec<EventId> {
    (0..count as u32).map(|index| EventId::derive(command, slot, occurred_at, index)).collect()
}

fn remembered(session: &Session<'_>) -> Decided {
    let about = session.about();
    let subject =
        super::outcome::subject(&session.request.command, session.request.id, &about, session.times().occurred_at);
    let version = session.version(&about).unwrap_or(Version::NONE).0;
    let stream = streams::remembered(session.slot(), session.request.id);
    (stream, CommandRemembered { subject, stream: about, version }.into())
}

/// Sealed data of a batch, kept from one attempt to the next so that only what changed is sealed again.
#[derive(Default)]
pub(crate) struct Sealed(Vec<Arc<(EventId, Event, Bytes)>>);

impl Sealed {
    /// Seals what is not sealed yet.
    pub(crate) async fn seal(&mut self, keys: &dyn KeyStore, staged: &Staged) -> Result<(), Failure> {
        self.0.truncate(staged.events.len());
        for (index, ((_, event), &id)) in staged.events.iter().zip(&staged.ids).enumerate() {
            if self.0.get(index).is_some_and(|sealed| sealed.0 == id && sealed.1 == *event) {
                continue;
            }
            let data = sealing::seal_event(keys, event, id).await?;
            let sealed = Arc::new((id, event.clone(), data));
            match self.0.get_mut(index) {
                Some(place) => *place = sealed,
                None => self.0.push(sealed),
            }
        }
        Ok(())
    }

    /// What the log is to append.
    pub(crate) fn to_append(&self, staged: &Staged) -> Vec<ToAppend> {
        let sealed = self.0.iter().map(|sealed| sealed.2.clone());
        let events = staged.events.iter().zip(&staged.ids).zip(sealed);
        events
            .map(|(((stream, event), &id), data)| ToAppend {
                id,
                stream: stream.clone(),
                event_type: event.event_type().into(),
                revision: event.revision(),
                occurred_at: staged.occurred_at,
                occurred_assumed: staged.occurred_assumed,
                hospital: event.hospital(),
                tags: event.tags(),
                data,
            })
            .collect()
    }
}
