//! The fingerprint of a command: a keyed hash of its canonical body, so that the same key with another body is noticed
//! without keeping the body.
//!
//! Canonical: JSON with sorted keys, no white space, and nothing that is null, so that a field added later with no value
//! changes no fingerprint (format).

use carelog_domain::command::Command;
use carelog_domain::ports::{Fingerprint, KeyStore};
use serde_json::Value;

/// The fingerprint of this command.
pub(crate) fn of(keys: &dyn KeyStore, command: &Command) -> Fingerprint {
    let mut body = serde_json::to_value(command).expect("commands are plain data with text keys");
    if let (Command::UploadLabReport(_), Some(fields)) =
        (command, body.pointer_mut("/body").and_then(Value::as_object_mut))
    {
        // The sealed file has a new nonce each time; the hash of the file itself stays.
        fields.remove("blob");
    }
    let mut text = Vec::with_capacity(256);
    write(&body, &mut text);
    Fingerprint(keys.keyed_hash("fingerprint", &text))
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().filter(|(_, value)| !value.is_null()).collect();
            fields.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push(b'{');
            for (key, value) in fields {
                plain(&Value::String(key.clone()), out);
                out.push(b':');
                write(value, out);
                out.push(b',');
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write(item, out);
                out.push(b',');
            }
            out.push(b']');
        }
        other => plain(other, out),
    }
}

fn plain(value: &Value, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a value can be written to memory");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_and_empty_fields_do_not_matter_but_values_do() {
        let text = |value: Value| {
            let mut out = Vec::new();
            write(&value, &mut out);
            out
        };
        assert_eq!(text(json!({"a": 1, "b": {"d": [1], "c": null}})), text(json!({"b": {"d": [1]}, "a": 1})));
        assert_ne!(text(json!({"a": [null]})), text(json!({"a": []})));
        assert_ne!(text(json!({"a": 1})), text(json!({"a": "1"})));
    }
}
