//! Every stored event shape: its JSON Schema is committed, and a fixture of it must read for ever.
//!
//! `CARELOG_BLESS=1 cargo test -p carelog-tests --test event_shapes` writes what is new; it never overwrites a fixture,
//! because a fixture that must change means that a stored event would no longer read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carelog_domain::event::{Event, EventType};
use carelog_domain::kernel::Revision;
use carelog_schemas::registry::{current_shape, json_schema};
use carelog_tests::samples::sample_with;
use serde_json::{Value, json};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas").join(name)
}

fn blessing() -> bool {
    std::env::var_os("CARELOG_BLESS").is_some()
}

fn file_name(each: &EventType) -> String {
    format!("{}.{}.json", each.name, each.revision.0)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("json") + "\n"
}

#[test]
fn the_committed_schemas_are_those_of_the_code() {
    let mut stale = Vec::new();
    for each in Event::TYPES {
        let path = folder("events").join(file_name(each));
        let text = pretty(&json_schema(each));
        if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            if blessing() {
                std::fs::create_dir_all(folder("events")).expect("a folder");
                std::fs::write(&path, text).expect("written");
            } else {
                stale.push(file_name(each));
            }
        }
    }
    assert!(stale.is_empty(), "run with CARELOG_BLESS=1 and look at the difference: {stale:?}");
}

#[test]
fn every_stored_shape_has_a_fixture_that_still_reads() {
    let fixtures = folder("fixtures/events");
    for each in Event::TYPES {
        let path = fixtures.join(file_name(each));
        if blessing() && !path.exists() {
            std::fs::create_dir_all(&fixtures).expect("a folder");
            let schema = json_schema(each);
            let fitting = sample_with(&schema, each.name, &mut |leaf| text(leaf.schema, leaf.name));
            std::fs::write(&path, pretty(&fitting)).expect("written");
        }
        assert!(path.exists(), "{} has no fixture; run with CARELOG_BLESS=1 once", file_name(each));
    }
    let mut read = BTreeMap::new();
    for entry in std::fs::read_dir(&fixtures).expect("the fixtures") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let (name, revision) = stem.rsplit_once('.').expect("Type.revision.json");
        let data: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("text")).expect("json");
        let revision = Revision(revision.parse().expect("a number"));
        let data = current_shape(name, revision, data);
        let event = Event::from_json(name, data.clone()).expect("a known type");
        let event = event.unwrap_or_else(|error| panic!("{stem} no longer reads: {error}"));
        assert_eq!(event.to_json(), data, "{stem} lost something on its way through the code");
        read.insert(stem, ());
    }
    let shapes: u32 = Event::TYPES.iter().map(|each| u32::from(each.revision.0)).sum();
    assert_eq!(read.len(), shapes as usize, "a fixture for every revision there ever was");
}

fn text(schema: &Value, hint: &str) -> Value {
    match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => json!("0193a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b"),
        Some("date-time") => json!("2024-12-01T09:30:00.000123Z"),
        Some("date") => json!("2024-12-01"),
        Some("partial-date-time" | "time" | "partial-time") => json!("09:30:00"),
        _ if schema["description"] == "ISO 4217" => json!("GBP"),
        _ if schema["description"] == "an IANA time zone" => json!("Europe/London"),
        _ => match hint {
            "causePosition" | "position" => json!("0:7"),
            "token" => json!("0:7,1:9"),
            "stream" => json!("appointment:0193a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b"),
            "blob" => json!("ab".repeat(32)),
            other => json!(other),
        },
    }
}
