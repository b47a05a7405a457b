//! What of a change to a message's JSON Schema hurts whoever reads it. Messages stay in their topic for ever, so the new
//! schema must hold for the old ones too, and a reader of the old shape must find all it was promised in the new ones.

use std::collections::BTreeSet;

use serde_json::Value;

/// Every harm, each with the JSON pointer of the place; empty when readers can go on.
pub fn harms(old: &Value, new: &Value) -> Vec<String> {
    let mut found = vec![];
    compare(old, new, "", &mut found);
    found
}

fn compare(old: &Value, new: &Value, at: &str, found: &mut Vec<String>) {
    // Words that say nothing of the shape.
    const PROSE: [&str; 4] = ["description", "title", "$schema", "properties"];
    let names: BTreeSet<&String> =
        [old, new].into_iter().filter_map(Value::as_object).flat_map(|each| each.keys()).collect();
    for name in names.into_iter().filter(|name| !PROSE.contains(&name.as_str())) {
        let (before, after) = (&old[name.as_str()], &new[name.as_str()]);
        match name.as_str() {
            "required" | "enum" => lists(name, before, after, at, found),
            "items" => compare(before, after, &format!("{at}/items"), found),
            _ if before != after => found.push(format!("{at}: {name} was {before} and is {after}")),
            _ => {}
        }
    }
    let fields = |schema: &Value| schema["properties"].as_object().cloned().unwrap_or_default();
    let after = fields(new);
    for (field, before) in fields(old) {
        match after.get(&field) {
            None => found.push(format!("{at}/{field}: the field is gone or has another name")),
            Some(after) => compare(&before, after, &format!("{at}/{field}"), found),
        }
    }
}

fn lists(name: &str, before: &Value, after: &Value, at: &str, found: &mut Vec<String>) {
    let words = |value: &Value| -> BTreeSet<String> {
        value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap_or_default().to_owned()).collect()
    };
    let (before, after) = (words(before), words(after));
    let (gone, come) = match name {
        "required" => ("need not be there any more", "must be there, and is not in older messages"),
        _ => ("is no word any more, and stands in older messages", "is a word that readers do not know"),
    };
    found.extend(before.difference(&after).map(|word| format!("{at}: {word} {gone}")));
    found.extend(after.difference(&before).map(|word| format!("{at}: {word} {come}")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "$id": "urn:x", "title": "X", "type": "object", "required": ["id", "period"],
            "properties": {
                "id": { "type": "string", "pattern": "^a$" },
                "status": { "type": "string", "enum": ["booked", "arrived"] },
                "services": { "type": "array", "items": { "type": "string" } },
                "period": { "type": "object", "required": ["start"], "properties": { "start": { "type": "string" } } },
            },
        })
    }

    fn harm(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut new = schema();
        change(&mut new);
        harms(&schema(), &new)
    }

    fn field<'a>(schema: &'a mut Value, name: &str) -> &'a mut Value {
        &mut schema["properties"][name]
    }

    #[test]
    fn what_is_added_and_may_be_missing_hurts_nobody() {
        assert_eq!(harm(|_| {}), Vec::<String>::new());
        assert_eq!(harm(|new| *field(new, "note") = json!({ "type": "string" })), Vec::<String>::new());
        assert_eq!(harm(|new| field(new, "period")["properties"]["end"] = json!({})), Vec::<String>::new());
        assert_eq!(harm(|new| field(new, "id")["description"] = json!("said better")), Vec::<String>::new());
    }

    #[test]
    fn a_field_that_is_removed_renamed_or_retyped_is_found() {
        let remove = |new: &mut Value, name: &str| new["properties"].as_object_mut().expect("fields").remove(name);
        assert_eq!(harm(|new| drop(remove(new, "status"))), ["/status: the field is gone or has another name"]);
        let renamed = harm(|new| {
            let status = remove(new, "status").expect("it");
            *field(new, "state") = status;
        });
        assert_eq!(renamed, ["/status: the field is gone or has another name"]);
        assert_eq!(harm(|new| field(new, "id")["type"] = json!("integer")).len(), 1);
        assert_eq!(harm(|new| field(new, "id")["type"] = json!(["string", "null"])).len(), 1);
        assert_eq!(harm(|new| field(new, "services")["items"]["type"] = json!("object")).len(), 1);
        assert_eq!(harm(|new| field(new, "id")["pattern"] = json!("^b$")).len(), 1);
        assert_eq!(harm(|new| field(new, "period")["properties"]["start"]["format"] = json!("date")).len(), 1);
        assert_eq!(harm(|new| new["$id"] = json!("urn:y")).len(), 1);
    }

    #[test]
    fn a_field_that_is_newly_or_no_longer_required_is_found() {
        assert_eq!(
            harm(|new| new["required"] = json!(["id", "period", "status"])),
            [": status must be there, and is not in older messages"]
        );
        assert_eq!(harm(|new| new["required"] = json!(["id"])), [": period need not be there any more"]);
        assert_eq!(harm(|new| field(new, "period")["required"] = json!([])).len(), 1);
    }

    #[test]
    fn a_word_that_comes_or_goes_is_found() {
        assert_eq!(
            harm(|new| field(new, "status")["enum"] = json!(["booked", "arrived", "vanished"])),
            ["/status: vanished is a word that readers do not know"]
        );
        assert_eq!(harm(|new| field(new, "status")["enum"] = json!(["booked"])).len(), 1);
    }
}
