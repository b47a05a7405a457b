//! Lab reports in layouts drawn from a seed that the reader was not mended by (`fixtures/held-out`, made by
//! `scripts/lab-fixtures/random_make.py`) against what was printed: at least 99 of 100 rows whole and right per producer,
//! and not one wrong value. `CARELOG_LAB_REPORTS` names another folder of the same shape, for larger sets.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "held_out/truth.rs"]
mod truth;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use carelog_lab_pdf::{Limits, extract};
use truth::Score;

const PRODUCERS: [&str; 3] = ["reportlab", "libreoffice", "chromium"];

fn folder() -> PathBuf {
    let kept = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/held-out");
    std::env::var_os("CARELOG_LAB_REPORTS").map_or_else(kept, PathBuf::from)
}

fn score(producer: &str) -> Score {
    let mut score = Score::default();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder().join(producer)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|end| end == "pdf")) {
        let truth = serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap();
        let read = extract(&std::fs::read(path).unwrap(), &Limits::default());
        score.add(&path.file_name().unwrap().to_string_lossy(), read.as_ref().ok(), &truth);
    }
    assert!(score.files > 0, "no report of {producer}");
    score
}

#[test]
fn of_unseen_layouts_99_rows_of_100_are_right_and_no_value_is_wrong() {
    let scores: Vec<(&str, Score)> = PRODUCERS.iter().map(|producer| (*producer, score(producer))).collect();
    let mut table = String::from("producer     files  rows  right  partly  missing  wrong  of 100\n");
    let mut details = String::new();
    for (producer, Score { files, rows, right, partial, missing, wrong }) in &scores {
        let part = *right as f64 * 100.0 / *rows as f64;
        let (lost, lie) = (missing.len(), wrong.len());
        writeln!(
            table,
            "{producer:<12} {files:>5} {rows:>5} {right:>6} {:>7} {lost:>8} {lie:>6} {part:>7.2}",
            partial.len()
        )
        .unwrap();
        for (what, lines) in [("wrong", wrong), ("partly", partial), ("missing", missing)] {
            lines.iter().for_each(|line| writeln!(details, "{producer}, {what}: {line}").unwrap());
        }
    }
    println!("{table}");
    assert!(scores.iter().all(|(_, score)| score.passes()), "too few right rows or wrong values\n{table}\n{details}");
}
