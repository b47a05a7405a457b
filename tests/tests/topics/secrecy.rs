//! That nothing personal leaves, driven by the class that is declared on the fields of events: whatever an event type
//! declares as personal, now or some day, is filled with marked texts that must not turn up in any message.

use std::collections::BTreeSet;

use carelog_domain::event::Event;
use carelog_domain::kernel::{Actor, CommandId, Context, EventId, Partition, Position, StreamName, Timestamp, Version};
use carelog_domain::ports::Stored;
use carelog_schemas::registry::json_schema;
use carelog_schemas::topics;
use carelog_tests::samples::{Marked, sample};
use serde_json::Value;

use crate::world::World;

/// An event of each type, its personal values open and marked, as if nothing had been sealed.
fn events() -> Vec<(Stored, Marked)> {
    Event::TYPES
        .iter()
        .map(|each| {
            let marked = sample(&json_schema(each), each.name);
            let event = Event::from_json(each.name, marked.value.clone()).expect("a type").expect("it reads");
            (stored(&event, &marked.value), marked)
        })
        .collect()
}

fn stored(event: &Event, data: &Value) -> Stored {
    let key = |name: &str| data[name].as_str().unwrap_or("0193a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b").to_owned();
    let stream = match event {
        Event::AppointmentEvent(_) => format!("appointment:{}", key("appointment")),
        Event::InvoiceEvent(_) => format!("invoice:{}", key("invoice")),
        _ => format!("anything:{}", key("patient")),
    };
    let stream: StreamName = stream.parse().expect("a stream");
    let command = CommandId::of_client_key("test", "sample", event.event_type());
    let at: Timestamp = "2024-12-01T09:30:00.123456Z".parse().expect("an instant");
    let context = Context {
        id: EventId::derive(command, stream.slot(), at, 0),
        position: Position { partition: Partition(0), offset: 0 },
        stream,
        version: Version(1),
        revision: event.revision(),
        occurred_at: at,
        occurred_assumed: false,
        recorded_at: at,
        hospital: event.hospital(),
        actor: Actor::system("SECRET-USER").recorded(),
        command,
        index: 0,
        batch_length: 1,
        correlation: command,
        causation: None,
        traceparent: Some("00-SECRETTRACE".to_owned()),
        tags: event.tags(),
    };
    Stored { context, event_type: event.event_type().to_owned(), data: data.to_string().into() }
}

#[tokio::test]
async fn no_message_holds_anything_that_an_event_declares_personal() {
    let world = World::new(1);
    let (mut kinds, mut markers) = (BTreeSet::new(), 0);
    for (stored, marked) in events() {
        markers += marked.personal.len();
        for topic in topics::ALL {
            let Some(message) = world.mapper(topic).message(&stored).await.expect("mapped") else { continue };
            let text = message.structured();
            let kind = &message.kind;
            kinds.insert(kind.clone());
            for personal in &marked.personal {
                assert!(
                    !text.contains(personal),
                    "{kind} holds {personal}, which {} declares personal",
                    stored.event_type
                );
            }
            for mark in ["$personal", "$sealed", "$erased", "SECRET", &stored.context.id.to_string()] {
                assert!(!text.contains(mark), "{kind} holds {mark}: {text}");
            }
            for id in marked.ids.iter().filter(|(name, _)| name != "hospital").map(|(_, id)| id) {
                assert!(!text.contains(id), "{kind} holds the id {id} as it stands in the log: {text}");
            }
        }
    }
    let all = topics::ALL.into_iter().flat_map(|topic| topic.messages.iter().map(|each| topic.type_of(each.name)));
    assert_eq!(kinds, all.collect(), "each kind of message was looked at");
    assert!(markers > 50, "{markers} personal values");
}

#[tokio::test]
async fn a_message_that_copied_a_personal_value_would_be_found() {
    let (stored, marked) = events().into_iter().find(|(each, _)| each.event_type == "AppointmentBooked").expect("it");
    let text = String::from_utf8(stored.data.to_vec()).expect("text");
    assert!(!marked.personal.is_empty() && marked.personal.iter().all(|personal| text.contains(personal)));
    assert!(marked.ids.iter().any(|(name, id)| name == "patient" && text.contains(id)));
}

#[test]
fn no_schema_of_a_message_knows_a_personal_value() {
    for topic in topics::ALL {
        for message in topic.messages {
            let text = topic.json_schema(message).to_string();
            assert!(!text.contains("x-carelog-personal") && !text.contains("$sealed"), "{}", message.name);
        }
    }
}
