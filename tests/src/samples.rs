//! Values that fit the JSON Schema of an event, with every optional field given: for fixtures, and for tests that must
//! know every text and id in them again.

use serde_json::{Map, Value, json};

/// A text to be filled in.
pub struct Leaf<'a> {
    /// Its schema.
    pub schema: &'a Value,
    /// The field it stands in.
    pub name: &'a str,
    /// True inside of what the event declares as personal.
    pub personal: bool,
}

/// A value that fits the schema; texts are what `text` says.
pub fn sample_with(schema: &Value, name: &str, text: &mut dyn FnMut(&Leaf<'_>) -> Value) -> Value {
    Filling { root: schema, text }.value(schema, name, false, 0)
}

struct Filling<'a> {
    root: &'a Value,
    text: &'a mut dyn FnMut(&Leaf<'_>) -> Value,
}

impl Filling<'_> {
    fn value(&mut self, schema: &Value, name: &str, personal: bool, depth: u32) -> Value {
        assert!(depth < 20, "schemas do not recurse");
        if let Some(purpose) = schema.get("x-carelog-personal") {
            let plain = self.value(&schema["x-carelog-plain"], name, true, depth + 1);
            return json!({ "$personal": plain, "purpose": purpose });
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = self.root.pointer(reference.trim_start_matches('#')).expect("a definition");
            return self.value(target, name, personal, depth + 1);
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values.iter().find(|value| !value.is_null()).cloned().expect("a value");
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(choices) = schema.get(choice).and_then(Value::as_array) {
                let some = choices.iter().find(|each| each.get("type") != Some(&json!("null"))).expect("a choice");
                return self.value(some, name, personal, depth + 1);
            }
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find_map(Value::as_str).expect("a type"),
            kind => kind.as_str().expect("a type"),
        };
        match kind {
            "object" => {
                let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
                let mut object = Map::new();
                for (field, inner) in &properties {
                    object.insert(field.clone(), self.value(inner, field, personal, depth + 1));
                }
                Value::Object(object)
            }
            "array" => match schema.get("prefixItems").and_then(Value::as_array) {
                Some(items) => items.iter().map(|each| self.value(each, name, personal, depth + 1)).collect(),
                None => json!([self.value(&schema["items"], name, personal, depth + 1)]),
            },
            "integer" | "number" => json!(7),
            "boolean" => json!(true),
            _ => (self.text)(&Leaf { schema, name, personal }),
        }
    }
}

/// A value whose texts can be told from all others.
pub struct Marked {
    /// The value.
    pub value: Value,
    /// Every text in it that is declared personal, but for words of closed lists.
    pub personal: Vec<String>,
    /// Every id in it, with its field.
    pub ids: Vec<(String, String)>,
}

/// A value that fits the schema, no text of which stands in it twice.
pub fn sample(schema: &Value, name: &str) -> Marked {
    let (mut personal, mut ids) = (vec![], vec![]);
    let value = sample_with(schema, name, &mut |leaf| {
        let number = personal.len() + ids.len() + 1;
        let text = match leaf.schema.get("format").and_then(Value::as_str) {
            Some("uuid") => format!("0193a1b2-c3d4-8e5f-8a6b-7c8d9e0f{number:04x}"),
            Some("date-time") => "2024-12-01T09:30:00.000123Z".to_owned(),
            Some("date") if leaf.personal => format!("18{:02}-12-10", number % 100),
            Some("date") => "2024-12-01".to_owned(),
            Some("partial-date-time" | "time" | "partial-time") => "09:30:00".to_owned(),
            _ if leaf.schema["description"] == "ISO 4217" => "GBP".to_owned(),
            _ if leaf.schema["description"] == "an IANA time zone" => "Europe/London".to_owned(),
            _ if leaf.personal => format!("personal {} {number}", leaf.name),
            _ => match leaf.name {
                "causePosition" | "position" => "0:7".to_owned(),
                "token" => "0:7,1:9".to_owned(),
                "stream" => "appointment:0193a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b".to_owned(),
                "blob" => "ab".repeat(32),
                other => other.to_owned(),
            },
        };
        if leaf.schema.get("format") == Some(&json!("uuid")) {
            ids.push((leaf.name.to_owned(), text.clone()));
        } else if leaf.personal {
            personal.push(text.clone());
        }
        json!(text)
    });
    Marked { value, personal, ids }
}
