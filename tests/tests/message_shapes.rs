//! Every published shape: its JSON Schema and the AsyncAPI document are committed, valid by their own linters, and change in
//! no way that hurts a consumer.
//!
//! `CARELOG_BLESS=1 cargo test -p carelog-tests --test message_shapes` writes what is new. It does not get around a change that
//! hurts: what must change makes a topic of the next version.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output};

use carelog_schemas::topics::{self, MessageType, Topic};
use carelog_tests::compatibility::harms;
use carelog_tests::server::root;
use serde_json::Value;

fn folder() -> PathBuf {
    root().join("schemas/topics")
}

fn document() -> PathBuf {
    root().join("schemas/asyncapi/carelog.json")
}

fn blessing() -> bool {
    std::env::var_os("CARELOG_BLESS").is_some()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("json") + "\n"
}

fn read(path: &PathBuf) -> Option<Value> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn all() -> impl Iterator<Item = (&'static Topic, &'static MessageType, PathBuf)> {
    topics::ALL.into_iter().flat_map(|topic| {
        topic
            .messages
            .iter()
            .map(move |message| (topic, message, folder().join(topic.name).join(format!("{}.json", message.name))))
    })
}

/// Writes what is new, or says that it is not there.
fn is_current(path: &PathBuf, now: &Value) -> bool {
    if std::fs::read_to_string(path).ok().as_deref() == Some(pretty(now).as_str()) {
        return true;
    }
    if blessing() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, pretty(now)).expect("written");
    }
    blessing()
}

#[test]
fn no_published_shape_changes_so_that_a_consumer_suffers() {
    let mut found = vec![];
    let mut published = BTreeSet::new();
    for (topic, message, path) in all() {
        published.insert(path.clone());
        let Some(before) = read(&path) else { continue };
        let now = topic.json_schema(message);
        found.extend(harms(&before, &now).iter().map(|harm| format!("{}.{} {harm}", topic.name, message.name)));
    }
    for topic in std::fs::read_dir(folder()).expect("schemas/topics").map(|entry| entry.expect("an entry").path()) {
        for path in std::fs::read_dir(topic).expect("a topic").map(|entry| entry.expect("an entry").path()) {
            if !published.contains(&path) {
                found.push(format!("{}: the message or its topic is gone", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "make a topic of the next version instead:\n  {}", found.join("\n  "));
}

#[test]
fn the_committed_documents_are_those_of_the_code() {
    let stale: Vec<PathBuf> = all()
        .filter(|(topic, message, path)| {
            let now = topic.json_schema(message);
            // What hurts is not blessed; the test above says what it is.
            let harmless = read(path).is_none_or(|before| harms(&before, &now).is_empty());
            !(harmless && is_current(path, &now))
        })
        .map(|(_, _, path)| path)
        .collect();
    assert!(stale.is_empty(), "run with CARELOG_BLESS=1 and look at the difference: {stale:?}");
    assert!(is_current(&document(), &topics::asyncapi()), "run with CARELOG_BLESS=1 and look at the difference");
}

/// Runs a linter of `scripts/clients` on files.
fn lint(script: &str, files: &[PathBuf]) -> Output {
    let tools = root().join("target/clients/node_modules");
    assert!(tools.join("@asyncapi/parser").exists(), "the linters are missing: run scripts/setup test");
    let mut node = Command::new("node");
    node.arg(root().join("scripts/clients").join(script)).args(files).env("NODE_PATH", tools);
    node.output().expect("node")
}

fn said(linted: &Output) -> String {
    String::from_utf8_lossy(&[linted.stdout.clone(), linted.stderr.clone()].concat()).into_owned()
}

/// A file with this in it, for a linter that must find something.
fn broken(value: &Value) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broken.json");
    std::fs::write(&path, pretty(value)).expect("written");
    (folder, path)
}

#[test]
fn every_schema_is_one_by_the_meta_schema_and_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for (topic, message, _) in all() {
        let schema = topic.json_schema(message);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(names.insert(schema["$id"].to_string()), "{} is there twice", schema["$id"]);
    }
    let files: Vec<PathBuf> = all().map(|(_, _, path)| path).collect();
    let linted = lint("lint_schemas.cjs", &files);
    assert!(linted.status.success(), "{}", said(&linted));
    let (topic, message, _) = all().next().expect("a message");
    let mut schema = topic.json_schema(message);
    schema["properties"]["appointment"]["type"] = Value::from("objekt");
    let (_folder, path) = broken(&schema);
    assert!(!lint("lint_schemas.cjs", &[path]).status.success(), "the linter lints");
}

#[test]
fn the_asyncapi_document_is_one_by_its_own_parser() {
    let linted = lint("lint_asyncapi.cjs", &[document()]);
    assert!(linted.status.success(), "{}", said(&linted));
    let mut document = topics::asyncapi();
    document["operations"]["publish-billing-v1"]["action"] = Value::from("sing");
    let (_folder, path) = broken(&document);
    assert!(!lint("lint_asyncapi.cjs", &[path]).status.success(), "the linter lints");
}
