//! Every event shape ever stored, and how older ones become the current one.
//!
//! A type's revision goes up when its data changes in a way a reader can notice. The program writes only the current
//! revision and reads all: an upcaster turns the data of one revision into the next. A fixture of every shape is kept
//! in `schemas/fixtures/events` and must read for ever.

use carelog_domain::event::{Event, EventType};
use carelog_domain::kernel::{EventId, Recorded, Revision};
use carelog_domain::ports::{Failure, Stored};
use serde_json::Value;

/// Turns the data of one revision into that of the next.
pub type Upcaster = fn(Value) -> Value;

/// The upcasters, by event type and the revision they start from.
const UPCASTERS: &[(&str, Revision, Upcaster)] = &[
    // Reports were never partial then, so none that was shown as preliminary becomes it.
    ("LabReportExtracted", Revision(1), |mut data| {
        data["missing"] = Value::from(0);
        data
    }),
];

/// Why a stored event could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No type of this name is known.
    #[error("event {event} is a {event_type}, which this program does not know; it was written by a newer one")]
    UnknownType {
        /// The event.
        event: EventId,
        /// Its type.
        event_type: String,
    },
    /// The revision is newer than this program.
    #[error("event {event} is a {event_type} of revision {found}, this program knows up to {known}; upgrade it")]
    NewerRevision {
        /// The event.
        event: EventId,
        /// Its type.
        event_type: String,
        /// The revision found.
        found: u16,
        /// The newest one known.
        known: u16,
    },
    /// The data is not of the shape its type and revision promise.
    #[error("event {event}: the data does not have the shape of {event_type}")]
    Shape {
        /// The event.
        event: EventId,
        /// Its type, or the field at fault.
        event_type: String,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
    /// A sealed value is not written as one.
    #[error("event {event}: the value at {field} is not a sealed value")]
    NotSealedText {
        /// The event.
        event: EventId,
        /// JSON pointer of the field.
        field: String,
    },
    /// A sealed value was changed, or is not where it was sealed.
    #[error("event {event}: the sealed value at {field} does not open: it was changed or moved")]
    DoesNotOpen {
        /// The event.
        event: EventId,
        /// JSON pointer of the field.
        field: String,
    },
    /// The key is missing or cannot be reached.
    #[error("a key is not to be had")]
    Key(#[source] Failure),
}

/// The data of an event type's earlier revision, in its current one.
///
/// # Panics
/// When there is no such type.
pub fn current_shape(name: &str, from: Revision, data: Value) -> Value {
    let known = event_type(name).expect("a registered type").revision;
    upcast(UPCASTERS, name, from, known, data)
}

/// The data of a stored event, brought to the current revision of its type.
///
/// # Errors
/// When the type or revision is unknown, or the data is not JSON.
pub fn current_data(stored: &Stored) -> Result<Value, ReadError> {
    let event = stored.context.id;
    let name = stored.event_type.as_str();
    let known = event_type(name).ok_or_else(|| ReadError::UnknownType { event, event_type: name.to_owned() })?.revision;
    let found = stored.context.revision;
    if found > known {
        return Err(ReadError::NewerRevision { event, event_type: name.to_owned(), found: found.0, known: known.0 });
    }
    let data = serde_json::from_slice(&stored.data).map_err(|source| ReadError::Shape {
        event,
        event_type: name.to_owned(),
        source,
    })?;
    Ok(upcast(UPCASTERS, name, found, known, data))
}

/// The event in data of the current revision.
///
/// # Errors
/// When the data does not have the type's shape.
pub fn decode(stored: &Stored, data: Value) -> Result<Recorded<Event>, ReadError> {
    let event = stored.context.id;
    let name = stored.event_type.clone();
    match Event::from_json(&name, data) {
        None => Err(ReadError::UnknownType { event, event_type: name }),
        Some(Err(source)) => Err(ReadError::Shape { event, event_type: name, source }),
        Some(Ok(decoded)) => Ok(Recorded { event: decoded, context: stored.context.clone() }),
    }
}

/// The registered type of this name.
pub fn event_type(name: &str) -> Option<&'static EventType> {
    use std::collections::HashMap;
    use std::sync::OnceLock;
    static BY_NAME: OnceLock<HashMap<&'static str, &'static EventType>> = OnceLock::new();
    BY_NAME.get_or_init(|| Event::TYPES.iter().map(|each| (each.name, each)).collect()).get(name).copied()
}

/// The JSON Schema (draft 2020-12) of an event type's data.
pub fn json_schema(each: &EventType) -> Value {
    let mut generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut schema = (each.schema)(&mut generator).to_value();
    schema["$defs"] = Value::Object(generator.take_definitions(true));
    schema["$schema"] = Value::from("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = Value::from(format!("{} revision {}", each.name, each.revision.0));
    schema
}

/// Applies the upcasters from one revision to another. Each step must be there: a gap is a bug a test would have found.
fn upcast(upcasters: &[(&str, Revision, Upcaster)], name: &str, from: Revision, to: Revision, data: Value) -> Value {
    (from.0..to.0).fold(data, |data, revision| {
        let step = upcasters.iter().find(|(of, at, _)| *of == name && at.0 == revision);
        let (_, _, upcaster) = step.expect("every older revision of a type has an upcaster");
        upcaster(data)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_older_shape_is_brought_to_the_current_one_step_by_step() {
        let rename: Upcaster = |mut data| {
            data["newName"] = data["oldName"].take();
            data
        };
        let add: Upcaster = |mut data| {
            data["added"] = json!(0);
            data
        };
        let upcasters = [("Thing", Revision(1), rename), ("Thing", Revision(2), add)];
        let data = upcast(&upcasters, "Thing", Revision(1), Revision(3), json!({ "oldName": "x" }));
        assert_eq!((data["newName"].as_str(), data["added"].as_i64()), (Some("x"), Some(0)));
    }

    #[test]
    fn every_type_reaches_its_current_revision() {
        for each in Event::TYPES {
            for revision in 1..each.revision.0 {
                let found = UPCASTERS.iter().any(|(of, at, _)| *of == each.name && at.0 == revision);
                assert!(found, "{} has no upcaster from revision {revision}", each.name);
            }
        }
    }
}
