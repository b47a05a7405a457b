//! The three tables of a practitioner's year, row by row. A row that cannot be read is reported by file, line and code
//! (never by its content) and left out.

use std::path::Path;

use anyhow::Context;
use carelog_domain::kernel::LocalDate;
use chrono::NaiveTime;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::manifest::Manifest;

/// One practitioner's year.
pub(crate) struct Year {
    pub(crate) slots: Vec<Row<Slot>>,
    pub(crate) patients: Vec<Row<Patient>>,
    pub(crate) appointments: Vec<Row<Appointment>>,
}

/// A row and where it stands.
pub(crate) struct Row<T> {
    /// From 1; the header is line 1.
    pub(crate) line: u64,
    pub(crate) value: T,
}

/// A row that was refused, here or by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) code: String,
}

impl Refused {
    /// As a line of a report. Only file, line and code: a row holds personal data.
    pub(crate) fn json(&self) -> Value {
        json!({ "file": self.file, "line": self.line, "code": self.code })
    }
}

/// slots.csv
#[derive(Debug, Deserialize)]
pub(crate) struct Slot {
    pub(crate) appointment_date: LocalDate,
}

/// patients.csv
#[derive(Debug, Deserialize)]
pub(crate) struct Patient {
    pub(crate) patient_id: String,
    pub(crate) name: String,
    pub(crate) sex: String,
    pub(crate) dob: Option<LocalDate>,
}

/// appointments.csv
#[derive(Debug, Deserialize)]
pub(crate) struct Appointment {
    /// Its order is the order of booking.
    pub(crate) appointment_id: String,
    pub(crate) slot_id: String,
    pub(crate) scheduling_date: LocalDate,
    pub(crate) appointment_date: LocalDate,
    pub(crate) appointment_time: NaiveTime,
    pub(crate) status: Status,
    pub(crate) check_in_time: Option<NaiveTime>,
    pub(crate) start_time: Option<NaiveTime>,
    pub(crate) end_time: Option<NaiveTime>,
    pub(crate) patient_id: String,
}

/// What became of an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Status {
    #[serde(rename = "attended")]
    Attended,
    #[serde(rename = "cancelled")]
    Cancelled,
    #[serde(rename = "did not attend")]
    DidNotAttend,
    #[serde(rename = "scheduled")]
    Scheduled,
    #[serde(rename = "unknown")]
    Unknown,
}

/// Reads every practitioner's tables, in the manifest's order, and the rows that cannot be read.
pub(crate) fn read(folder: &Path, manifest: &Manifest) -> anyhow::Result<(Vec<Year>, Vec<Refused>)> {
    let mut refused = Vec::new();
    let mut years = Vec::new();
    for practitioner in &manifest.practitioners {
        let place = |name: &str| format!("{}/{name}", practitioner.folder);
        years.push(Year {
            slots: table(folder, &place("slots.csv"), &mut refused)?,
            patients: table(folder, &place("patients.csv"), &mut refused)?,
            appointments: table(folder, &place("appointments.csv"), &mut refused)?,
        });
    }
    Ok((years, refused))
}

fn table<T: DeserializeOwned>(folder: &Path, file: &str, refused: &mut Vec<Refused>) -> anyhow::Result<Vec<Row<T>>> {
    let path = folder.join(file);
    let reader = csv::ReaderBuilder::new().flexible(true).from_path(&path);
    let mut reader = reader.with_context(|| format!("{} cannot be read", path.display()))?;
    let headers = reader.headers().with_context(|| format!("{} has no header", path.display()))?.clone();
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.with_context(|| format!("{} cannot be read to its end", path.display()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let whole = record.len() == headers.len();
        let record = csv::StringRecord::from_byte_record(record);
        let value = record.ok().filter(|_| whole).and_then(|record| record.deserialize(Some(&headers)).ok());
        match value {
            Some(value) => rows.push(Row { line, value }),
            None => refused.push(Refused { file: file.to_owned(), line, code: "row-unreadable".to_owned() }),
        }
    }
    Ok(rows)
}
