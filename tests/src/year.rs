//! The real year that `make data` makes, as a whole or in part, and what its files alone say must be true of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::server::{Server, root};

/// The folders of the clinic's practitioners in that year.
pub const PRACTITIONERS: [&str; 3] = ["cardiology", "dermatology", "general-practice"];

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

/// Some days of a practitioner's real year, first and last, as a folder of its own: their slots, all appointments in
/// them, and the patients of those.
pub fn days_of_year(folder: &Path, practitioner: &str, days: [&str; 2]) {
    let from = whole().join(practitioner);
    let to = folder.join(practitioner);
    std::fs::create_dir_all(&to).expect("made");
    let within = |date: &str| days[0] <= date && date <= days[1];
    copy_rows(&from, &to, "slots.csv", |cell| within(&cell("appointment_date")));
    let mut patients = std::collections::HashSet::new();
    copy_rows(&from, &to, "appointments.csv", |cell| {
        let kept = within(&cell("appointment_date"));
        if kept {
            patients.insert(cell("patient_id"));
        }
        kept
    });
    copy_rows(&from, &to, "patients.csv", |cell| patients.contains(&cell("patient_id")));
    write_manifest(folder, practitioner);
}

/// The manifest of such a folder, with the hashes that its files have now.
pub fn write_manifest(folder: &Path, practitioner: &str) {
    let manifest = std::fs::read_to_string(whole().join("clinic.toml")).expect("the manifest");
    let mut parts = manifest.split("[[practitioner]]");
    let head = parts.next().expect("a head").replace("manifest = \"", "manifest = \"some-days-of-");
    let part = parts.find(|part| part.contains(&format!("folder = \"{practitioner}\""))).expect("the practitioner");
    let (part, _) = part.split_once("sha256 = ").expect("the hashes are last");
    let hash = |name: &str| {
        let bytes = std::fs::read(folder.join(practitioner).join(name)).expect("read");
        format!("\"{name}\" = \"{}\"", hex::encode(Sha256::digest(bytes)))
    };
    let hashes = ["slots.csv", "patients.csv", "appointments.csv"].map(hash).join(", ");
    let text = format!("{head}[[practitioner]]{part}sha256 = {{ {hashes} }}\n");
    std::fs::write(folder.join("clinic.toml"), text).expect("written");
}

fn copy_rows(from: &Path, to: &Path, file: &str, mut kept: impl FnMut(&dyn Fn(&str) -> String) -> bool) {
    let mut reader = csv::Reader::from_path(from.join(file)).expect("read");
    let mut writer = csv::Writer::from_path(to.join(file)).expect("made");
    let headers = reader.headers().expect("a header").clone();
    writer.write_record(&headers).expect("written");
    for record in reader.records() {
        let record = record.expect("a row");
        let cell = |name: &str| {
            let at = headers.iter().position(|header| header == name).expect("a column");
            record[at].to_owned()
        };
        if kept(&cell) {
            writer.write_record(&record).expect("written");
        }
    }
    writer.flush().expect("written");
}
