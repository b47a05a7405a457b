//! One recorded event of a partition, made into at most one message of a topic.

use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::event::Event;
use carelog_domain::kernel::{Position, Recorded, StreamName};
use carelog_domain::ports::{EventLog, Failure, KeyStore, Stored};
use carelog_schemas::cloud_event::CloudEvent;
use carelog_schemas::registry::ReadError;
use carelog_schemas::sealing;
use carelog_schemas::topics::{self, Topic};

use crate::analytics::{self, Facts};
use crate::pseudonyms::Pseudonyms;
use crate::{appointments, billing, hospitals, laboratory, patients};

/// Makes the messages of one topic from the events of one partition, in their order and without a gap among those it
/// [wants](Mapper::wanted), beginning anywhere.
pub struct Mapper {
    topic: &'static Topic,
    keys: Arc<dyn KeyStore>,
    facts: Facts,
}

/// Why an event could not be mapped.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// It cannot be read: a newer program wrote it, or it is damaged.
    #[error("the event at {position} cannot be read, so nothing after it is published")]
    Unreadable {
        /// Where it is.
        position: Position,
        /// Why not.
        #[source]
        source: ReadError,
    },
    /// The log could not be asked for what belongs to it.
    #[error("the log could not be read")]
    Log(#[source] Failure),
}

/// What a message says, before it is put into its envelope.
pub(crate) struct Draft {
    /// What it is about.
    pub(crate) subject: StreamName,
    /// Its kind.
    pub(crate) name: &'static str,
    /// JSON.
    pub(crate) data: Bytes,
}

impl Mapper {
    /// A mapper of a topic.
    pub fn new(topic: &'static Topic, log: Arc<dyn EventLog>, keys: Arc<dyn KeyStore>) -> Mapper {
        Mapper { topic, keys, facts: Facts::new(log) }
    }

    /// The event types it has to see; the rest may be left out.
    pub fn wanted(topic: &Topic) -> Vec<String> {
        if topic.name == topics::analytics::TOPIC.name {
            return analytics::WANTED.iter().map(|name| (*name).to_owned()).collect();
        }
        topic.messages.iter().map(|message| message.name.to_owned()).collect()
    }

    /// The message that tells of an event, if the topic tells of it.
    ///
    /// # Errors
    /// When the event, or one that belongs to it, cannot be read.
    pub async fn message(&mut self, stored: &Stored) -> Result<Option<CloudEvent>, MapError> {
        let recorded = read(stored)?;
        let keys = Arc::clone(&self.keys);
        let names = Pseudonyms::new(keys.as_ref(), self.topic.name);
        let draft = if self.topic.name == topics::analytics::TOPIC.name {
            self.facts.after(&recorded).await?.map(|fact| fact.draft(&names))
        } else {
            plain(self.topic, &recorded, &names)
        };
        Ok(draft.map(|draft| self.enveloped(&recorded, draft, &names)))
    }

    fn enveloped(&self, recorded: &Recorded<Event>, draft: Draft, names: &Pseudonyms<'_>) -> CloudEvent {
        let context = &recorded.context;
        CloudEvent {
            id: names.message(context.id),
            source: format!("urn:carelog:log:{}", context.position.partition),
            kind: self.topic.type_of(draft.name),
            subject: names.subject(&draft.subject),
            time: context.occurred_at.into(),
            recorded: context.recorded_at.into(),
            data_schema: self.topic.schema_of(draft.name),
            data: draft.data,
        }
    }
}

/// An event with its personal values as they are stored: sealed.
pub(crate) fn read(stored: &Stored) -> Result<Recorded<Event>, MapError> {
    let position = stored.context.position;
    sealing::read_sealed(stored).map_err(|source| MapError::Unreadable { position, source })
}

/// Topics whose messages follow from the event alone.
fn plain(topic: &Topic, recorded: &Recorded<Event>, names: &Pseudonyms<'_>) -> Option<Draft> {
    let event = &recorded.event;
    let said = if topic.name == topics::appointments::TOPIC.name {
        appointments::message(event, names).map(|message| (message.name(), message.data()))
    } else if topic.name == topics::billing::TOPIC.name {
        billing::message(event, names).map(|message| (message.name(), message.data()))
    } else if topic.name == topics::laboratory::TOPIC.name {
        laboratory::message(event, names).map(|message| (message.name(), message.data()))
    } else if topic.name == topics::patients::TOPIC.name {
        patients::message(event, names).map(|message| (message.name(), message.data()))
    } else {
        hospitals::message(event).map(|message| (message.name(), message.data()))
    };
    said.map(|(name, data)| Draft { subject: recorded.context.stream.clone(), name, data })
}
