//! What a person or a program reads on standard output: tables, or JSON a line.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use serde_json::Value;

/// What a check that found differences ends with, and an import that had rows refused.
pub(crate) const DIFFERENCES: u8 = 3;

/// Prints a line. A reader that has seen enough (`| head`) ends the program quietly.
pub(crate) fn line(text: impl Display) {
    if let Err(error) = writeln!(std::io::stdout().lock(), "{text}") {
        if error.kind() != ErrorKind::BrokenPipe {
            eprintln!("error: nothing can be printed: {error}");
        }
        std::process::exit(i32::from(error.kind() != ErrorKind::BrokenPipe));
    }
}

/// Prints rows as a table with a header, or each as a line of JSON.
pub(crate) fn rows(json: bool, columns: &[&str], rows: &[Value]) {
    if json {
        rows.iter().for_each(line);
        return;
    }
    if rows.is_empty() {
        line("(none)");
        return;
    }
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|column| cell(&row[*column])).collect()).collect();
    let width = |index: usize| {
        cells.iter().map(|row| row[index].chars().count()).chain([columns[index].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let padded = |row: Vec<&str>| {
        let cells = row.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    line(padded(columns.to_vec()));
    cells.iter().for_each(|row| line(padded(row.iter().map(String::as_str).collect())));
}

/// Prints one object as lines of `name: value`, or as JSON.
pub(crate) fn object(json: bool, value: &Value) {
    if json {
        line(value);
        return;
    }
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| match inner {
            Value::Object(_) | Value::Array(_) => {
                line(format_args!("{name}:"));
                let text = serde_json::to_string_pretty(inner).unwrap_or_default();
                text.lines().for_each(|each| line(format_args!("  {each}")));
            }
            plain => line(format_args!("{name}: {}", cell(plain))),
        }),
        other => line(cell(other)),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_u64() => grouped(number.as_u64().unwrap_or_default()),
        other => other.to_string(),
    }
}

/// 1234567 as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }
}
