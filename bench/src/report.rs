//! The table: a row a figure, written to the file after each, so that a run that is stopped leaves what it measured.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::machine;

/// A figure.
#[derive(Default)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// The figure.
    pub(crate) figure: String,
    /// How long one took: half of them at most, 99 of 100 at most.
    pub(crate) times: String,
    /// The same of the yardsticks, with ratios.
    pub(crate) beside: String,
    /// What was counted afterwards, and what was left to do.
    pub(crate) checked: String,
}

/// All figures of a run.
pub(crate) struct Report {
    file: PathBuf,
    text: String,
}

impl Report {
    /// A report into this file.
    pub(crate) fn begin(file: &Path, quick: bool) -> anyhow::Result<Report> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let kind = if quick { "a quick run, whose figures mean little" } else { "a full run" };
        let mut text = format!("Measured {}, {kind}, on {}.\n", machine::now(), machine::describe());
        let _ = writeln!(text, "Load average at the start: {}.\n", machine::load());
        text.push_str("| measured | figure | p50 / p99 | beside | checked afterwards |\n|---|---|---|---|---|\n");
        print!("{text}");
        let report = Report { file: file.to_owned(), text };
        report.write()?;
        Ok(report)
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: Row) -> anyhow::Result<()> {
        let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let Row { what, figure, times, beside, checked } = row;
        let cells = [what, figure, times, beside, checked].map(dash);
        let line = format!("| {} |\n", cells.join(" | "));
        print!("{line}");
        self.text.push_str(&line);
        self.write()
    }

    /// Ends it, with how busy the machine was.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let line = format!("\nLoad average at the end: {} ({}).\n", machine::load(), machine::now());
        print!("{line}");
        self.text.push_str(&line);
        self.write()
    }

    fn write(&self) -> anyhow::Result<()> {
        std::fs::write(&self.file, &self.text).with_context(|| format!("{} cannot be written", self.file.display()))
    }
}

/// A number as people read it: `12,345`.
pub(crate) fn number(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many there were a second.
pub(crate) fn rate(count: u64, time: std::time::Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(f64::EPSILON)
}

/// `of` as a share of `whole`: `54 %`.
pub(crate) fn share(of: f64, whole: f64) -> String {
    format!("{:.0} %", 100.0 * of / whole.max(f64::EPSILON))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas_where_people_expect_them() {
        let texts: Vec<String> = [0.0, 999.4, 1_000.0, 65_713.0, 1_701_280.0].into_iter().map(number).collect();
        assert_eq!(texts, ["0", "999", "1,000", "65,713", "1,701,280"]);
    }

    #[test]
    fn a_report_on_disk_has_every_row_added_so_far() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("report.md");
        let mut report = Report::begin(&file, true).expect("begun");
        report.add(Row { what: "appends".into(), figure: "12/s".into(), ..Row::default() }).expect("added");
        let text = std::fs::read_to_string(&file).expect("read");
        assert!(text.ends_with("| appends | 12/s | - | - | - |\n"), "{text}");
    }
}
