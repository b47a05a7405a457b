//! Lab reports of three producers against what the generator put into them (`tests/fixtures/lab`, made by
//! `scripts/lab-fixtures/make.sh`): at least 99 of 100 rows whole and right per producer, and not one wrong value.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use carelog_domain::laboratory::{AppliesTo, Extraction, Observation};
use carelog_lab_pdf::{Limits, extract};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::Deserialize;

const PRODUCERS: [&str; 3] = ["reportlab", "libreoffice", "chromium"];

#[derive(Deserialize)]
struct Truth {
    status: String,
    header: TruthHeader,
    rows: Vec<TruthRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TruthHeader {
    name: String,
    birth_date: String,
    identifier: String,
    sex: String,
    collected: String,
    laboratory: String,
}

#[derive(Deserialize, PartialEq, Debug)]
struct TruthRow {
    name: String,
    printed: Option<String>,
    decimal: Option<String>,
    comparator: Option<String>,
    unit: Option<String>,
    ucum: Option<String>,
    range: Option<TruthRange>,
    flag: Option<String>,
    loinc: Option<String>,
    earlier: Vec<String>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
struct TruthRange {
    text: String,
    low: Option<String>,
    high: Option<String>,
    applies_to: Option<AppliesTo>,
}

/// What came out for one producer.
#[derive(Default)]
struct Score {
    files: usize,
    rows: usize,
    right: usize,
    /// Something is missing of them, nothing is wrong.
    partial: Vec<String>,
    missing: Vec<String>,
    wrong: Vec<String>,
}

fn folder(producer: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lab").join(producer)
}

fn reports(producer: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder(producer)).unwrap().map(|entry| entry.unwrap().path());
    let mut reports: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "pdf")).collect();
    reports.sort();
    assert!(reports.len() >= 8, "only {} reports of {producer}", reports.len());
    reports
}

fn read(path: &Path) -> Extraction {
    extract(&std::fs::read(path).unwrap(), &Limits::default())
        .unwrap_or_else(|reason| panic!("{}: {reason}", path.display()))
}

fn truth(path: &Path) -> Truth {
    serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap()
}

fn as_row(observation: &Observation) -> TruthRow {
    let observation = observation.clone();
    TruthRow {
        name: observation.name,
        printed: observation.printed,
        decimal: observation.decimal,
        comparator: observation.comparator.map(|comparator| comparator.word().to_owned()),
        unit: observation.unit,
        ucum: observation.ucum,
        range: observation.range.map(|range| TruthRange {
            text: range.text,
            low: range.low,
            high: range.high,
            applies_to: range.applies_to,
        }),
        flag: observation.printed_flag.map(|flag| flag.word().to_owned()),
        loinc: observation.loinc,
        earlier: observation.earlier,
    }
}

/// True when nothing was read that is not so; what was left out is no lie.
fn nothing_wrong(read: &TruthRow, truth: &TruthRow) -> bool {
    fn absent_or_same<T: PartialEq>(read: Option<&T>, truth: Option<&T>) -> bool {
        read.is_none() || read == truth
    }
    let range = match (&read.range, &truth.range) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(read), Some(truth)) => {
            read.text == truth.text
                && absent_or_same(read.low.as_ref(), truth.low.as_ref())
                && absent_or_same(read.high.as_ref(), truth.high.as_ref())
                && (read.applies_to.is_none() || read.applies_to == truth.applies_to)
        }
    };
    // A comparator left out beside a decimal turns `< 5` into 5.
    let comparator = read.comparator == truth.comparator || read.decimal.is_none();
    range
        && comparator
        && read.name == truth.name
        && absent_or_same(read.printed.as_ref(), truth.printed.as_ref())
        && absent_or_same(read.decimal.as_ref(), truth.decimal.as_ref())
        && absent_or_same(read.unit.as_ref(), truth.unit.as_ref())
        && absent_or_same(read.ucum.as_ref(), truth.ucum.as_ref())
        && absent_or_same(read.flag.as_ref(), truth.flag.as_ref())
        && absent_or_same(read.loinc.as_ref(), truth.loinc.as_ref())
        && (read.earlier.is_empty() || read.earlier == truth.earlier)
}

/// Compares the rows in their order: each row read must be the next row of the truth with its name.
fn compare(file: &str, rows: &[TruthRow], truth: &[TruthRow], score: &mut Score) {
    score.files += 1;
    score.rows += truth.len();
    let mut next = 0;
    for row in rows {
        match truth[next..].iter().position(|other| other.name == row.name) {
            None => score.wrong.push(format!("{file}: not in the report: {row:?}")),
            Some(skipped) => {
                score.missing.extend(truth[next..next + skipped].iter().map(|row| format!("{file}: {}", row.name)));
                let other = &truth[next + skipped];
                next += skipped + 1;
                if row == other {
                    score.right += 1;
                } else if nothing_wrong(row, other) {
                    score.partial.push(format!("{file}: {row:?} of {other:?}"));
                } else {
                    score.wrong.push(format!("{file}: {row:?} instead of {other:?}"));
                }
            }
        }
    }
    score.missing.extend(truth[next..].iter().map(|row| format!("{file}: {}", row.name)));
}

fn score(producer: &str) -> Score {
    let mut score = Score::default();
    for path in reports(producer) {
        let rows: Vec<TruthRow> = read(&path).observations.iter().map(as_row).collect();
        compare(&path.file_name().unwrap().to_string_lossy(), &rows, &truth(&path).rows, &mut score);
    }
    score
}

#[test]
fn of_each_producer_99_rows_of_100_are_right_and_no_value_is_wrong() {
    let scores: Vec<Score> = PRODUCERS.iter().map(|producer| score(producer)).collect();
    let mut table = String::from("producer     files  rows  right  partly  missing  wrong\n");
    for (producer, score) in PRODUCERS.iter().zip(&scores) {
        let Score { files, rows, right, partial, missing, wrong } = score;
        let (partial, missing, wrong) = (partial.len(), missing.len(), wrong.len());
        writeln!(table, "{producer:<12} {files:>5} {rows:>5} {right:>6} {partial:>7} {missing:>8} {wrong:>6}").unwrap();
    }
    println!("{table}");
    let mut details = String::new();
    let mut passed = true;
    for (producer, score) in PRODUCERS.iter().zip(&scores) {
        passed &= score.wrong.is_empty() && score.right * 100 >= score.rows * 99;
        for (what, lines) in [("wrong", &score.wrong), ("partly", &score.partial), ("missing", &score.missing)] {
            lines.iter().for_each(|line| writeln!(details, "{producer}, {what}: {line}").unwrap());
        }
    }
    assert!(passed, "wrong values or too few right rows\n{table}\n{details}");
}

#[test]
fn each_report_says_whose_it_is() {
    for path in PRODUCERS.iter().flat_map(|producer| reports(producer)) {
        let (read, truth) = (read(&path), truth(&path).header);
        let (header, file) = (read.header, path.display());
        assert_eq!(header.name, Some(truth.name), "{file}");
        assert_eq!(header.birth_date.map(|date| date.to_string()), Some(truth.birth_date), "{file}");
        assert_eq!(header.identifier, Some(truth.identifier), "{file}");
        assert_eq!(header.sex.map(|sex| sex.word().to_owned()), Some(truth.sex), "{file}");
        assert_eq!(header.collected, Some(truth.collected), "{file}");
        assert_eq!(header.laboratory, Some(truth.laboratory), "{file}");
    }
}

#[test]
fn no_row_is_final_and_an_amended_report_says_so() {
    for path in PRODUCERS.iter().flat_map(|producer| reports(producer)) {
        let (read, truth) = (read(&path), truth(&path));
        for observation in &read.observations {
            assert_eq!(observation.status.word(), truth.status, "{}", path.display());
            assert!(observation.machine_read && observation.computed_flag.is_none());
        }
    }
}

#[test]
fn no_printed_word_is_lost() {
    for path in PRODUCERS.iter().flat_map(|producer| reports(producer)) {
        let read = read(&path);
        let note = "Results relate only to the samples tested. This report was made up; no such patient exists.";
        let unparsed = read.unparsed.join(" ");
        assert!(unparsed.contains(note), "{}: {unparsed:?}", path.display());
        let numbers: Vec<u32> = read.observations.iter().map(|observation| observation.number).collect();
        assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<u32>>());
    }
}

#[test]
fn the_two_page_reports_have_two_pages_and_rows_on_both() {
    for producer in PRODUCERS {
        let read = read(&folder(producer).join("08-two-pages.pdf"));
        assert!(read.pages >= 2, "{producer}");
        assert!((1..=read.pages).all(|page| read.observations.iter().any(|row| row.page == page)), "{producer}");
    }
}

#[test]
fn bytes_changed_at_random_neither_crash_nor_hang_the_reader() {
    let seed: u64 = std::env::var("CARELOG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(42);
    println!("seed {seed} (CARELOG_SEED)");
    let mut rng = StdRng::seed_from_u64(seed);
    let files: Vec<Vec<u8>> =
        PRODUCERS.iter().flat_map(|producer| reports(producer)).map(|path| std::fs::read(path).unwrap()).collect();
    let mut panics = Vec::new();
    for round in 0..300 {
        let mut bytes = files.choose(&mut rng).unwrap().clone();
        mutate(&mut bytes, &mut rng);
        let start = Instant::now();
        if catch_unwind(|| extract(&bytes, &Limits::default())).is_err() {
            panics.push(round);
        }
        assert!(start.elapsed() < Duration::from_secs(20), "round {round} of seed {seed} hangs");
    }
    assert!(panics.is_empty(), "rounds {panics:?} of seed {seed} panicked");
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    match rng.random_range(0..4) {
        0 => {
            for _ in 0..rng.random_range(1..40) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
        }
        1 => {
            let from = rng.random_range(0..bytes.len());
            let to = (from + rng.random_range(1..500)).min(bytes.len());
            bytes.drain(from..to);
        }
        2 => {
            let from = rng.random_range(0..bytes.len());
            let piece = bytes[from..(from + 300).min(bytes.len())].to_vec();
            let at = rng.random_range(0..bytes.len());
            bytes.splice(at..at, piece);
        }
        _ => {
            // Numbers are what offsets, lengths and references are made of.
            for _ in 0..20 {
                let at = rng.random_range(0..bytes.len());
                if let Some(digit) = bytes[at..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                    *digit = rng.random_range(b'0'..=b'9');
                }
            }
        }
    }
}
