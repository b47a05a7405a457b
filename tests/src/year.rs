//! The real year that `make data` makes, as a whole or in part, and what its files alone say must be true of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::server::{Server, root};

/// The year that `make data` makes.
pub fn whole() -> PathBuf {
    let folder = root().join("target/data/2024-12-01");
    assert!(folder.join("clinic.toml").exists(), "{} is missing: run make data", folder.display());
    folder
}

/// What must be true of a year, counted from the generator's files alone.
pub fn oracle(folder: &Path) -> Value {
    let output =
        Command::new("python3").arg(root().join("scripts/year_oracle.py")).arg(folder).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("json")
}

/// A copy of the year with these practitioners only, whose manifest still hashes what it names.
pub fn part_of_year(folder: &Path, only: &[&str]) {
    let whole = whole();
    let text = std::fs::read_to_string(whole.join("clinic.toml")).expect("the manifest");
    let mut parts = text.split("[[practitioner]]");
    let mut kept = parts.next().expect("a head").to_owned();
    for part in parts {
        if only.iter().any(|name| part.contains(&format!("folder = \"{name}\""))) {
            kept.push_str("[[practitioner]]");
            kept.push_str(part);
        }
    }
    std::fs::write(folder.join("clinic.toml"), kept).expect("written");
    for name in only {
        std::fs::create_dir(folder.join(name)).expect("made");
        for file in ["slots.csv", "patients.csv", "appointments.csv"] {
            std::fs::copy(whole.join(name).join(file), folder.join(name).join(file)).expect("copied");
        }
    }
}

/// Imports a folder with the program; what it reports.
pub fn import(server: &Server, folder: &Path) -> Value {
    let output = server.run(&["import", folder.to_str().expect("a path"), "--json"]);
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), server.log());
    serde_json::from_slice(&output.stdout).expect("json")
}
