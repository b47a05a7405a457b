//! A message of a public topic: a CloudEvent (1.0.2), in the two shapes it travels in.
//!
//! ```text
//! Kafka, binary mode     key = partitionkey, headers ce_<attribute> and content-type, value = data
//! feed, structured mode  {"specversion":"1.0", <attributes>, "data":<the very bytes of the Kafka value>}
//! ```
//!
//! Both are made from the same bytes, and those follow from the log alone: the same event gives the same message whenever
//! and wherever it is made.

use bytes::Bytes;
use carelog_domain::kernel::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

/// The version of the CloudEvents specification.
pub const SPEC_VERSION: &str = "1.0";
/// What the data is.
pub const CONTENT_TYPE: &str = "application/json";

/// One message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CloudEvent {
    /// Its identity within the source: a UUID of this topic's own.
    pub id: String,
    /// Which partition of the log it comes from.
    pub source: String,
    /// The topic and the message's name.
    pub kind: String,
    /// What it is about, by a pseudonym of the topic's own; messages of one subject stay in order.
    pub subject: String,
    /// When it happened.
    pub time: Seconds,
    /// When it was written down.
    pub recorded: Seconds,
    /// Names the JSON Schema of the data.
    pub data_schema: String,
    /// JSON.
    pub data: Bytes,
}

/// An instant in whole seconds. The log's microseconds are nearly unique: in two topics they would tie one person's
/// pseudonyms together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seconds(Timestamp);

impl From<Timestamp> for Seconds {
    fn from(at: Timestamp) -> Seconds {
        Seconds(Timestamp::from_micros(at.micros().div_euclid(1_000_000) * 1_000_000))
    }
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Seconds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for Seconds {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl CloudEvent {
    /// The attributes, by their names in the specification; `recordedtime` and `partitionkey` are extensions.
    pub fn attributes(&self) -> [(&'static str, String); 9] {
        [
            ("specversion", SPEC_VERSION.to_owned()),
            ("id", self.id.clone()),
            ("source", self.source.clone()),
            ("type", self.kind.clone()),
            ("subject", self.subject.clone()),
            ("time", self.time.to_string()),
            ("recordedtime", self.recorded.to_string()),
            ("partitionkey", self.subject.clone()),
            ("dataschema", self.data_schema.clone()),
        ]
    }

    /// The headers of the Kafka protocol binding's binary mode.
    pub fn binary_headers(&self) -> Vec<(String, String)> {
        let attributes = self.attributes().into_iter().map(|(name, value)| (format!("ce_{name}"), value));
        attributes.chain([("content-type".to_owned(), CONTENT_TYPE.to_owned())]).collect()
    }

    /// The JSON format, `data` being the bytes as they are.
    ///
    /// # Panics
    /// When the data is not JSON, which whoever made the message saw to.
    pub fn structured(&self) -> String {
        let data = std::str::from_utf8(&self.data).ok().and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
        let structured = Structured {
            specversion: SPEC_VERSION,
            id: &self.id,
            source: &self.source,
            kind: &self.kind,
            subject: &self.subject,
            time: self.time,
            recordedtime: self.recorded,
            partitionkey: &self.subject,
            datacontenttype: CONTENT_TYPE,
            dataschema: &self.data_schema,
            data: data.expect("the data of a message is JSON"),
        };
        serde_json::to_string(&structured).expect("texts and JSON become JSON")
    }
}

#[derive(Serialize)]
struct Structured<'a> {
    specversion: &'a str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    time: Seconds,
    recordedtime: Seconds,
    partitionkey: &'a str,
    datacontenttype: &'a str,
    dataschema: &'a str,
    data: &'a RawValue,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> CloudEvent {
        let at: Timestamp = "2024-12-01T09:00:00.987654Z".parse().expect("an instant");
        CloudEvent {
            id: "1".to_owned(),
            source: "urn:carelog:log:0".to_owned(),
            kind: "carelog.t.v1.X".to_owned(),
            subject: "appointment:ab".to_owned(),
            time: at.into(),
            recorded: at.into(),
            data_schema: "urn:s".to_owned(),
            data: Bytes::from_static(b"{\"b\":1.50,\"a\":\"x\"}"),
        }
    }

    #[test]
    fn both_shapes_hold_the_same_bytes_and_the_same_attributes() {
        let message = message();
        let structured = message.structured();
        assert!(structured.ends_with("\"data\":{\"b\":1.50,\"a\":\"x\"}}"), "{structured}");
        let json: serde_json::Value = serde_json::from_str(&structured).expect("json");
        for (name, value) in message.attributes() {
            assert_eq!(json[name], value.as_str());
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}");
            assert!(message.binary_headers().contains(&(format!("ce_{name}"), value)));
        }
        assert_eq!(json["datacontenttype"], "application/json");
        assert!(message.binary_headers().contains(&("content-type".to_owned(), "application/json".to_owned())));
    }

    #[test]
    fn no_instant_is_finer_than_a_second() {
        assert_eq!(message().time.to_string(), "2024-12-01T09:00:00Z");
        let before_1970: Timestamp = "1969-12-31T23:59:59.5Z".parse().expect("an instant");
        assert_eq!(Seconds::from(before_1970).to_string(), "1969-12-31T23:59:59Z");
    }
}
