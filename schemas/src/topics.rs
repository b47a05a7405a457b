//! Public topics: the messages others may see, their JSON Schemas, and all of them as one AsyncAPI document.
//!
//! A message holds codes, times, amounts and the topic's own pseudonyms, never a name, a free text or a result. Published
//! shapes are only ever added to; a change that hurts a consumer makes a new topic (`.v2`) beside the old one.

mod asyncapi;
mod values;

pub mod analytics;
pub mod appointments;
pub mod billing;
pub mod hospitals;
pub mod laboratory;
pub mod patients;

use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

pub use asyncapi::asyncapi;
pub use values::{Amount, Hospital, Pseudonym, Span};

/// Every public topic.
pub static ALL: [&Topic; 6] =
    [&appointments::TOPIC, &billing::TOPIC, &laboratory::TOPIC, &patients::TOPIC, &hospitals::TOPIC, &analytics::TOPIC];

/// A public topic.
pub struct Topic {
    /// Its name in Kafka and in the feed's address; the version of its shapes is in it.
    pub name: &'static str,
    /// What it tells.
    pub about: &'static str,
    /// The kinds of messages in it.
    pub messages: &'static [MessageType],
}

/// A kind of message.
pub struct MessageType {
    /// Its name; that of the event it tells of, where there is one.
    pub name: &'static str,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

/// The topic of this name.
pub fn of_name(name: &str) -> Option<&'static Topic> {
    ALL.into_iter().find(|topic| topic.name == name)
}

impl Topic {
    /// The CloudEvents type of one of its messages.
    pub fn type_of(&self, message: &str) -> String {
        format!("{}.{message}", self.name)
    }

    /// The name of the JSON Schema of one of its messages.
    pub fn schema_of(&self, message: &str) -> String {
        format!("urn:carelog:schema:{}:{message}", self.name)
    }

    /// The JSON Schema (draft 2020-12) of one of its messages, with nothing outside of it.
    pub fn json_schema(&self, message: &MessageType) -> Value {
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
        let mut generator = settings.with(|settings| settings.inline_subschemas = true).into_generator();
        let schema = (message.schema)(&mut generator).to_value();
        let mut whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": self.schema_of(message.name),
            "title": message.name,
        });
        for (name, value) in schema.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        missing_not_null(&mut whole);
        whole
    }
}

/// A field that need not be there is left out, never null: the schema says so too.
fn missing_not_null(schema: &mut Value) {
    let required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, field) in schema["properties"].as_object_mut().into_iter().flatten() {
        if required.iter().any(|each| each == name.as_str()) {
            continue;
        }
        if let Some(kinds) = field["type"].as_array().cloned() {
            let others: Vec<Value> = kinds.into_iter().filter(|kind| kind != "null").collect();
            field["type"] = if others.len() == 1 { others[0].clone() } else { Value::from(others) };
        }
        if let Some(values) = field.get_mut("enum").and_then(Value::as_array_mut) {
            values.retain(|value| !value.is_null());
        }
        let choices = field.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
        let others: Vec<Value> = choices.into_iter().filter(|choice| choice["type"] != "null").collect();
        if let (Some(fields), [Value::Object(other)]) = (field.as_object_mut(), others.as_slice()) {
            fields.remove("anyOf");
            other.iter().for_each(|(name, value)| {
                fields.entry(name).or_insert_with(|| value.clone());
            });
        }
    }
}

/// The messages of a topic: a struct for each, an enum of them all, and the topic's entry. Fields after `may` can be
/// missing; the others are always there.
macro_rules! topic {
    ($name:literal: $about:literal; $($(#[$doc:meta])* struct $message:ident {
        $($(#[$field_doc:meta])* $field:ident : $ty:ty),* $(,)?
    } $(may { $($(#[$may_doc:meta])* $may:ident : $may_ty:ty),* $(,)? })? )*) => {
        /// The topic.
        pub static TOPIC: $crate::topics::Topic = $crate::topics::Topic {
            name: $name,
            about: $about,
            messages: &[$($crate::topics::MessageType {
                name: stringify!($message),
                schema: |generator| <$message as schemars::JsonSchema>::json_schema(generator),
            }),*],
        };

        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, Debug, serde::Serialize, schemars::JsonSchema)]
            #[serde(rename_all = "camelCase")]
            #[allow(missing_docs, reason = "fields whose names say everything")]
            pub struct $message {
                $($(#[$field_doc])* pub $field: $ty,)*
                $($(
                    $(#[$may_doc])*
                    #[serde(skip_serializing_if = "Option::is_none")]
                    pub $may: Option<$may_ty>,
                )*)?
            }

            impl From<$message> for Message {
                fn from(message: $message) -> Message { Message::$message(message) }
            }
        )*

        /// Any message of this topic.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(missing_docs, reason = "each variant is documented at its struct")]
        pub enum Message { $($message($message)),* }

        impl Message {
            /// The kind of message.
            pub fn name(&self) -> &'static str {
                match self { $(Message::$message(_) => stringify!($message)),* }
            }

            /// Its data as JSON, fields in the order they are declared in.
            pub fn data(&self) -> bytes::Bytes {
                let json = match self { $(Message::$message(message) => serde_json::to_vec(message)),* };
                json.expect("messages are plain data with text keys, which always become JSON").into()
            }
        }
    };
}

use topic;
