//! What a person or a program reads on standard output: tables, or JSON a line.

use serde_json::Value;

/// Prints rows as a table with a header, or each as a line of JSON.
pub(crate) fn rows(json: bool, columns: &[&str], rows: &[Value]) {
    if json {
        rows.iter().for_each(|row| println!("{row}"));
        return;
    }
    if rows.is_empty() {
        println!("(none)");
        return;
    }
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|column| cell(&row[*column])).collect()).collect();
    let width = |index: usize| {
        cells.iter().map(|row| row[index].chars().count()).chain([columns[index].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |row: Vec<&str>| {
        let padded = row.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    println!("{}", line(columns.to_vec()));
    cells.iter().for_each(|row| println!("{}", line(row.iter().map(String::as_str).collect())));
}

/// Prints one object as lines of `name: value`, or as JSON.
pub(crate) fn object(json: bool, value: &Value) {
    if json {
        println!("{value}");
        return;
    }
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| match inner {
            Value::Object(_) | Value::Array(_) => {
                println!("{name}:");
                let text = serde_json::to_string_pretty(inner).unwrap_or_default();
                text.lines().for_each(|line| println!("  {line}"));
            }
            plain => println!("{name}: {}", cell(plain)),
        }),
        other => println!("{}", cell(other)),
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
