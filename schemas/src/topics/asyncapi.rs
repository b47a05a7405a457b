//! The AsyncAPI 3.0 document of the public topics, made from the same structs as the messages.

use serde_json::{Map, Value, json};

use super::{ALL, MessageType, Topic};
use crate::cloud_event::{CONTENT_TYPE, SPEC_VERSION};

/// The AsyncAPI document of every public topic.
pub fn asyncapi() -> Value {
    let channels: Map<String, Value> = ALL.iter().map(|topic| (channel_name(topic), channel(topic))).collect();
    let operations: Map<String, Value> = ALL.iter().map(|topic| (operation_name(topic), operation(topic))).collect();
    let messages: Map<String, Value> = ALL
        .iter()
        .flat_map(|topic| topic.messages.iter().map(|each| (message_name(topic, each), message(topic, each))))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:carelog",
        "info": {
            "title": "Carelog public topics",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "CloudEvents 1.0 in Kafka's binary mode. Read with isolation.level=read_committed: only then is \
                every message there exactly once. Persons are pseudonyms, others in each topic. A home without Kafka \
                serves the same messages as feeds: GET /v1/topics/{topic}.",
            "license": { "name": "Apache-2.0" },
            "contact": { "name": "The operators of this Carelog" },
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "messageTraits": { "cloudEvent": trait_of_all() } },
    })
}

/// `carelog.appointments.v1` is `appointments-v1`: names in the document must not have dots.
fn channel_name(topic: &Topic) -> String {
    topic.name.trim_start_matches("carelog.").replace('.', "-")
}

fn operation_name(topic: &Topic) -> String {
    format!("publish-{}", channel_name(topic))
}

fn message_name(topic: &Topic, message: &MessageType) -> String {
    format!("{}-{}", channel_name(topic), message.name)
}

fn channel(topic: &Topic) -> Value {
    let name = |each: &MessageType| message_name(topic, each);
    let messages: Map<String, Value> = topic
        .messages
        .iter()
        .map(|each| (each.name.to_owned(), json!({ "$ref": format!("#/components/messages/{}", name(each)) })))
        .collect();
    json!({
        "address": topic.name,
        "description": topic.about,
        "messages": messages,
        "bindings": { "kafka": { "topic": topic.name, "bindingVersion": "0.5.0" } },
    })
}

fn operation(topic: &Topic) -> Value {
    json!({
        "action": "send",
        "summary": topic.about,
        "channel": { "$ref": format!("#/channels/{}", channel_name(topic)) },
    })
}

fn message(topic: &Topic, message: &MessageType) -> Value {
    // The names of the schema stand in ce_dataschema; AsyncAPI's own dialect takes the rest as it is.
    let mut schema = topic.json_schema(message);
    for name in ["$schema", "$id"] {
        schema.as_object_mut().and_then(|object| object.remove(name));
    }
    json!({
        "name": topic.type_of(message.name),
        "title": message.name,
        "summary": schema["description"],
        "traits": [{ "$ref": "#/components/messageTraits/cloudEvent" }],
        "headers": { "type": "object", "properties": {
            "ce_type": { "const": topic.type_of(message.name) },
            "ce_dataschema": { "const": topic.schema_of(message.name) },
        } },
        "payload": schema,
    })
}

fn trait_of_all() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let moment = |about: &str| json!({ "type": "string", "format": "date-time", "description": about });
    let headers = json!({
        "ce_specversion": { "const": SPEC_VERSION },
        "ce_id": text("its identity, of this topic's own"),
        "ce_source": text("the partition of the log it comes from"),
        "ce_type": text("the topic and the message's name"),
        "ce_subject": text("what it is about, by a pseudonym"),
        "ce_time": moment("when it happened, in whole seconds"),
        "ce_recordedtime": moment("when it was written down, in whole seconds"),
        "ce_partitionkey": text("the record's key, the subject again: messages of one subject stay in order"),
        "ce_dataschema": text("the $id of the payload's JSON Schema"),
        "content-type": { "const": CONTENT_TYPE },
    });
    let required: Vec<&String> = headers.as_object().into_iter().flat_map(Map::keys).collect();
    json!({
        "contentType": CONTENT_TYPE,
        "headers": { "type": "object", "required": required, "properties": headers },
        "bindings": { "kafka": { "key": text("the subject"), "bindingVersion": "0.5.0" } },
    })
}
