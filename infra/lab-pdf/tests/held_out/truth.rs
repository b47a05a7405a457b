//! What the generator printed, and how a reading of it is judged: right, missing or wrong, row by row and for the heading.

use carelog_lab_pdf::Extraction;
use serde::Deserialize;
use serde_json::{Value, json};

/// What stands in one report.
#[derive(Deserialize)]
pub(crate) struct Truth {
    header: Value,
    rows: Vec<Value>,
}

/// What came out for one producer.
#[derive(Default)]
pub(crate) struct Score {
    pub(crate) files: usize,
    pub(crate) rows: usize,
    pub(crate) right: usize,
    /// Something is missing of them, nothing is wrong.
    pub(crate) partial: Vec<String>,
    pub(crate) missing: Vec<String>,
    pub(crate) wrong: Vec<String>,
}

impl Score {
    /// Compares the rows in their order: each row read must be the next row of the truth with its name.
    pub(crate) fn add(&mut self, file: &str, read: Option<&Extraction>, truth: &Truth) {
        self.files += 1;
        self.rows += truth.rows.len();
        let rows: Vec<Value> = read.iter().flat_map(|read| &read.observations).map(as_truth).collect();
        let mut rest = truth.rows.as_slice();
        for row in &rows {
            let Some(skipped) = rest.iter().position(|other| other["name"] == row["name"]) else {
                self.wrong.push(format!("{file}: not in the report, or not there: {row}"));
                continue;
            };
            self.missing.extend(rest[..skipped].iter().map(|row| format!("{file}: {row}")));
            let other = &rest[skipped];
            rest = &rest[skipped + 1..];
            if row == other {
                self.right += 1;
            } else if is_part(row, other) && (row["comparator"] == other["comparator"] || row["decimal"].is_null()) {
                self.partial.push(format!("{file}: {row} of {other}"));
            } else {
                self.wrong.push(format!("{file}: {row} instead of {other}"));
            }
        }
        self.missing.extend(rest.iter().map(|row| format!("{file}: {row}")));
        if let Some(read) = read {
            self.judge_header(file, read, truth);
        }
    }

    fn judge_header(&mut self, file: &str, read: &Extraction, truth: &Truth) {
        let header = &read.header;
        let found = [
            ("name", header.name.clone()),
            ("birthDate", header.birth_date.map(|date| date.to_string())),
            ("identifier", header.identifier.clone()),
            ("sex", header.sex.map(|sex| sex.word().to_owned())),
            ("collected", header.collected.clone()),
        ];
        for (field, text) in found {
            if text.as_deref().is_some_and(|text| truth.header[field] != text) {
                self.wrong.push(format!("{file}: heading, {field}: {text:?} instead of {}", truth.header[field]));
            }
        }
    }

    pub(crate) fn passes(&self) -> bool {
        self.wrong.is_empty() && self.right * 100 >= self.rows * 99
    }
}

fn as_truth(row: &carelog_domain::laboratory::Observation) -> Value {
    let range = row
        .range
        .as_ref()
        .map(|range| json!({"text": range.text, "low": range.low, "high": range.high, "appliesTo": range.applies_to}));
    json!({
        "name": row.name, "printed": row.printed, "decimal": row.decimal,
        "comparator": row.comparator.map(|comparator| comparator.word()), "unit": row.unit, "ucum": row.ucum,
        "range": range, "flag": row.printed_flag.map(|flag| flag.word()), "loinc": row.loinc, "earlier": row.earlier,
    })
}

/// True when nothing was read that is not so; what was left out is no lie.
fn is_part(read: &Value, truth: &Value) -> bool {
    match (read, truth) {
        (Value::Null, _) => true,
        (Value::Array(read), Value::Array(truth)) => read.is_empty() || read == truth,
        (Value::Object(read), Value::Object(truth)) => read.iter().all(|(key, value)| is_part(value, &truth[key])),
        _ => read == truth,
    }
}
