//! The borders of the house: who may know whom, where a vendor may appear, how long a file may grow. Each check names
//! the edge or the file that breaks it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// A file without its tests may have this many lines before it has to be split.
const LINES_MAX: usize = 450;

const MIDDLE: [&str; 5] =
    ["carelog-command-api", "carelog-query-api", "carelog-projections", "carelog-sagas", "carelog-publisher"];

/// A vendor's crates, and the one of ours that may know them.
const VENDORS: &[(&str, &[&str])] = &[
    ("sled", &["carelog-event-log", "carelog-documents"]),
    ("rusqlite", &["carelog-sqlite"]),
    ("tokio-postgres", &["carelog-postgres"]),
    ("deadpool-postgres", &["carelog-postgres"]),
    ("tokio-postgres-rustls", &["carelog-postgres"]),
    ("rdkafka", &["carelog-kafka", "carelog-kafka-topic-id", "carelog-kafka-publisher"]),
    ("aws-sdk-dynamodb", &["carelog-dynamodb"]),
    ("object_store", &["carelog-blob"]),
    ("aws-config", &["carelog-dynamodb"]),
    ("lopdf", &["carelog-lab-pdf"]),
    ("opentelemetry", &["carelog-telemetry"]),
    ("opentelemetry_sdk", &["carelog-telemetry"]),
    ("opentelemetry-otlp", &["carelog-telemetry"]),
    ("tracing-opentelemetry", &["carelog-telemetry"]),
    ("tracing-subscriber", &["carelog-telemetry"]),
    ("metrics-exporter-prometheus", &["carelog-telemetry"]),
    ("async-graphql", &["carelog-query-api"]),
    ("utoipa", &["carelog-command-api"]),
    ("utoipa-swagger-ui", &["carelog-command-api"]),
    ("chacha20poly1305", &["carelog-schemas", "carelog-keys", "carelog-peers"]),
    ("getrandom", &["carelog-schemas", "carelog-keys", "carelog-peers"]),
    ("reqwest", &[]),
    ("hyper-util", &["carelog-peers"]),
    ("rand", &[]),
];

/// What the domain may be made of: data, derive macros and pure functions.
const DOMAIN_MAY_USE: [&str; 11] =
    ["bytes", "chrono", "chrono-tz", "futures", "hex", "schemars", "serde", "serde_json", "sha2", "thiserror", "uuid"];

/// What the domain's own tests may use besides.
const DOMAIN_TESTS_MAY_USE: [&str; 1] = ["proptest"];

fn workspace() -> Vec<Package> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().expect("metadata");
    metadata.packages
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the root").to_owned()
}

fn is_adapter(package: &Package) -> bool {
    package.manifest_path.as_str().contains("/infra/")
}

/// Why `from` may not depend on `to`, if it may not.
fn forbidden(from: &Package, to: &str, kind: DependencyKind, adapters: &BTreeSet<String>) -> Option<String> {
    let name = from.name.as_str();
    let ours = to.starts_with("carelog-");
    // The program puts everything together, tests look everywhere, benches measure beside other vendors.
    if ["carelog", "carelog-tests", "carelog-bench"].contains(&name) {
        return None;
    }
    if name == "carelog-domain" {
        let in_tests = kind == DependencyKind::Development && DOMAIN_TESTS_MAY_USE.contains(&to);
        let allowed = in_tests || DOMAIN_MAY_USE.contains(&to);
        return (!allowed).then(|| "the domain knows no IO, no clock, no vendor".to_owned());
    }
    if let Some((_, homes)) = VENDORS.iter().find(|(vendor, _)| *vendor == to)
        && !homes.contains(&name)
    {
        return Some(format!("{to} may appear in {homes:?} alone"));
    }
    if name == "carelog-schemas" {
        return (ours && to != "carelog-domain").then(|| "schemas knows the domain alone".to_owned());
    }
    if is_adapter(from) {
        // The local state of the shared log is a log of this machine, by the same code; and what needs `unsafe` stands
        // alone (docs/decisions/0014).
        let own_parts = ["carelog-event-log", "carelog-kafka-topic-id"];
        let own_part = name == "carelog-kafka" && own_parts.contains(&to);
        return (ours && to != "carelog-domain" && to != "carelog-schemas" && !own_part)
            .then(|| "an adapter knows no other adapter and nothing of the middle".to_owned());
    }
    if MIDDLE.contains(&name) {
        return (MIDDLE.contains(&to) || adapters.contains(to))
            .then(|| "the five middle crates know neither each other nor an adapter".to_owned());
    }
    Some(format!("{name} is not on the map: say in this test what it may know"))
}

#[test]
fn no_crate_knows_what_it_must_not() {
    let packages = workspace();
    let adapters: BTreeSet<String> =
        packages.iter().filter(|each| is_adapter(each)).map(|each| each.name.to_string()).collect();
    let broken: Vec<String> = packages
        .iter()
        .flat_map(|from| from.dependencies.iter().map(move |to| (from, to)))
        .filter_map(|(from, to)| {
            let why = forbidden(from, &to.name, to.kind, &adapters)?;
            Some(format!("{} -> {}: {why}", from.name, to.name))
        })
        .collect();
    assert!(broken.is_empty(), "forbidden edges:\n  {}", broken.join("\n  "));
}

#[test]
fn a_forbidden_edge_would_be_found() {
    let packages = workspace();
    let named = |name: &str| packages.iter().find(|each| each.name.as_str() == name).expect("a package");
    let adapters = BTreeSet::from(["carelog-sqlite".to_owned()]);
    let found = |from: &str, to: &str, kind| forbidden(named(from), to, kind, &adapters).is_some();
    use DependencyKind::{Build, Development, Normal};
    for kind in [Normal, Development, Build] {
        assert!(found("carelog-domain", "tokio", kind));
        assert!(found("carelog-sagas", "carelog-projections", kind));
        assert!(found("carelog-publisher", "rdkafka", kind));
        assert!(found("carelog-publisher", "carelog-command-api", kind));
        assert!(found("carelog-query-api", "carelog-sqlite", kind));
        assert!(found("carelog-projections", "rusqlite", kind));
        assert!(found("carelog-sqlite", "carelog-documents", kind));
        assert!(!found("carelog-sagas", "carelog-domain", kind));
    }
    assert!(found("carelog-domain", "proptest", Normal) && !found("carelog-domain", "proptest", Development));
}

/// The crate that calls librdkafka by hand; all others keep the workspace's lints, and with them `unsafe_code = "forbid"`.
const UNSAFE_MAY_BE_IN: [&str; 1] = ["carelog-kafka-topic-id"];

#[test]
fn what_is_unsafe_stands_alone() {
    let keeps_lints = |package: &&Package| {
        let manifest = read(package.manifest_path.as_std_path());
        manifest.contains("[lints]\nworkspace = true\n") && manifest.matches("[lints").count() == 1
    };
    let packages = workspace();
    let others: Vec<&str> =
        packages.iter().filter(|package| !keeps_lints(package)).map(|package| package.name.as_str()).collect();
    assert_eq!(others, UNSAFE_MAY_BE_IN);
    assert!(read(&root().join("Cargo.toml")).contains("\nunsafe_code = \"forbid\"\n"));
}

#[test]
fn every_dependency_is_used() {
    let (sources, packages) = (sources(), workspace());
    let manifest = read(&root().join("Cargo.toml"));
    let (_, ours) = manifest.split_once("[workspace.dependencies]").expect("a table");
    let ours = ours.lines().take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
    for (name, _) in ours.filter_map(|line| line.split_once(" = ")) {
        let declared = packages.iter().flat_map(|package| &package.dependencies);
        let mut known_as = declared.map(|each| each.rename.as_ref().unwrap_or(&each.name));
        assert!(known_as.any(|each| each == name), "no crate declares {name}: delete the line in Cargo.toml");
    }
    for package in packages {
        let folder = package.manifest_path.parent().expect("a folder").strip_prefix(root()).expect("below the root");
        let folder = if folder.as_str().is_empty() { "src" } else { folder.as_str() };
        let its: Vec<&str> =
            sources.iter().filter(|(path, _)| path.starts_with(folder)).map(|(_, text)| text.as_str()).collect();
        for dependency in &package.dependencies {
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name).replace('-', "_");
            assert!(
                its.iter().any(|text| names(text, &name)),
                "{} declares {} and does not use it: delete the line in its Cargo.toml",
                package.name,
                dependency.name
            );
        }
    }
}

/// True when the word stands in the text, not as a part of another.
fn names(text: &str, word: &str) -> bool {
    let of_a_name = |found: char| found.is_alphanumeric() || found == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(of_a_name) && !text[at + word.len()..].starts_with(of_a_name))
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = root();
    let folders = [
        "src",
        "domain",
        "schemas",
        "command-api",
        "query-api",
        "projections",
        "sagas",
        "publisher",
        "infra",
        "tests",
        "bench",
    ];
    let mut found = Vec::new();
    folders.iter().for_each(|folder| collect(&root.join(folder), &mut found));
    assert!(found.len() > 50, "the sources were not found");
    found.into_iter().map(|path| (path.strip_prefix(&root).expect("below the root").to_owned(), read(&path))).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if entry.is_dir() && name != "target" && name != "node_modules" {
            collect(&entry, found);
        } else if name.ends_with(".rs") {
            found.push(entry);
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a source file")
}

fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

#[test]
fn no_file_has_grown_too_long() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|(path, _)| !path.to_string_lossy().contains("tests"))
        .map(|(path, text)| (path, without_tests(text).lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "split these (at most {LINES_MAX} lines without tests):\n  {}", long.join("\n  "));
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|(_, text)| !text.starts_with("//!") && !text.starts_with("#!["))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "begin these with //! and what they are:\n  {}", silent.join("\n  "));
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let nameless = ["mod", "common", "utils", "util", "helpers", "helper", "types", "misc"];
    let bad: Vec<String> = sources()
        .iter()
        .filter(|(path, _)| nameless.contains(&path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(bad.is_empty(), "name these after what they hold:\n  {}", bad.join("\n  "));
}

#[test]
fn nothing_is_unfinished_or_switched_off() {
    // Written in two halves, so that this file is not found by its own search.
    let marks = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[ig", "nore"), concat!("FIX", "ME")];
    let found: Vec<String> = sources()
        .iter()
        .flat_map(|(path, text)| marks.iter().filter(|mark| text.contains(**mark)).map(move |mark| (path, mark)))
        .map(|(path, mark)| format!("{}: {mark}", path.display()))
        .collect();
    assert!(found.is_empty(), "finish these:\n  {}", found.join("\n  "));
}

#[test]
fn the_domain_reads_no_clock_and_no_environment() {
    let marks = ["SystemTime", "Instant::now", "Utc::now", "Local::now", "std::env", "std::fs", "std::net", "println!"];
    let found: Vec<String> = sources()
        .iter()
        .filter(|(path, _)| path.starts_with("domain/src"))
        .flat_map(|(path, text)| {
            marks.iter().filter(|mark| without_tests(text).contains(**mark)).map(move |mark| (path, mark))
        })
        .map(|(path, mark)| format!("{}: {mark}", path.display()))
        .collect();
    assert!(found.is_empty(), "the domain is handed what it needs:\n  {}", found.join("\n  "));
}

#[test]
fn every_refusal_has_a_page() {
    let missing: Vec<String> = carelog_domain::rejection::all_codes()
        .iter()
        .filter(|(code, _)| !root().join(format!("docs/errors/{code}.md")).exists())
        .map(|(code, _)| format!("docs/errors/{code}.md"))
        .collect();
    assert!(missing.is_empty(), "write these pages:\n  {}", missing.join("\n  "));
}
