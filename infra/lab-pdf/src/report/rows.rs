//! From the lines of a table to rows: a line with a result begins one; lines without are the rest of a wrapped cell, by
//! how near they stand, or a heading, or not understood. In doubt a row is given up: its lines stay as text.

use super::columns::{Columns, Kind};
use crate::layout::{Line, Word, join};

/// A row of a table, its cells still text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) unit: String,
    pub(crate) range: String,
    /// The bounds of its range, where they stand in two columns.
    pub(crate) low: String,
    pub(crate) high: String,
    pub(crate) flag: String,
    pub(crate) loinc: String,
    pub(crate) page: u32,
    pub(crate) line: u32,
    /// Its lines as they stand.
    pub(crate) text: Vec<String>,
    /// In how many lines its result stands.
    pub(crate) value_lines: usize,
    /// It has something in a column whose meaning is not known.
    pub(crate) has_more: bool,
}

impl Row {
    pub(crate) fn has_range(&self) -> bool {
        !(self.range.is_empty() && self.low.is_empty() && self.high.is_empty())
    }
}

struct Part<'l> {
    line: &'l Line,
    cells: Vec<&'l [Word]>,
    begins: bool,
    has_name: bool,
    /// A result and nothing else.
    is_value_only: bool,
    is_name_only: bool,
}

/// The rows of a table, and the lines that belong to none.
pub(crate) fn rows(columns: &Columns, body: &[Line]) -> (Vec<Row>, Vec<String>) {
    let mut unparsed = Vec::new();
    let mut rows = Vec::new();
    let mut group: Vec<Part<'_>> = Vec::new();
    for line in body {
        match part(columns, line) {
            Some(part) => group.push(part),
            // A line across the columns parts what stands above it from what stands below.
            None => {
                finish(columns, std::mem::take(&mut group), &mut rows, &mut unparsed);
                unparsed.push(line.text());
            }
        }
    }
    finish(columns, group, &mut rows, &mut unparsed);
    (rows, unparsed)
}

fn part<'l>(columns: &Columns, line: &'l Line) -> Option<Part<'l>> {
    let cells = columns.cells(line)?;
    let filled =
        |kind: Kind| columns.columns.iter().zip(&cells).any(|(column, cell)| column.kind == kind && !cell.is_empty());
    let without_result = filled(Kind::Name) && filled(Kind::Range) && (filled(Kind::Unit) || !columns.has(Kind::Unit));
    let begins = filled(Kind::Value) || without_result;
    let alone = cells.iter().filter(|cell| !cell.is_empty()).count() == 1;
    let (is_value_only, is_name_only) = (filled(Kind::Value) && alone, filled(Kind::Name) && alone);
    let has_name = filled(Kind::Name);
    Some(Part { line, cells, begins, has_name, is_value_only, is_name_only })
}

/// A result by itself right above or below a named line is a wrapped cell of it, not a row.
fn join_wrapped_values(parts: &mut [Part<'_>]) {
    for index in 0..parts.len() {
        let line = parts[index].line;
        let near = |other: Option<&Part<'_>>| {
            other.is_some_and(|other| {
                (other.has_name || other.is_value_only) && (other.line.baseline - line.baseline).abs() < 1.7 * line.size
            })
        };
        let wrapped = near(index.checked_sub(1).map(|at| &parts[at])) || near(parts.get(index + 1));
        if parts[index].is_value_only && wrapped {
            parts[index].begins = false;
        }
    }
}

/// Shares the lines that begin no row among the rows around them.
fn finish(columns: &Columns, mut parts: Vec<Part<'_>>, rows: &mut Vec<Row>, unparsed: &mut Vec<String>) {
    join_wrapped_values(&mut parts);
    let starts: Vec<usize> = (0..parts.len()).filter(|index| parts[*index].begins).collect();
    let mut owner: Vec<Option<usize>> = (0..parts.len()).map(|index| parts[index].begins.then_some(index)).collect();
    let mut spoiled = vec![false; parts.len()];
    let mut previous = None;
    for next in starts.iter().copied().map(Some).chain([None]) {
        let between = previous.map_or(0, |at: usize| at + 1)..next.unwrap_or(parts.len());
        share(columns, &parts, previous, next, between, &mut owner, &mut spoiled);
        previous = next;
    }
    for (index, part) in parts.iter().enumerate() {
        if owner[index].is_none() {
            unparsed.push(part.line.text());
        }
    }
    for start in starts {
        let own: Vec<&Part<'_>> =
            parts.iter().zip(&owner).filter(|(_, owner)| **owner == Some(start)).map(|(part, _)| part).collect();
        let row = assemble(columns, &own, parts[start].line);
        if spoiled[start] || row.name.is_empty() {
            unparsed.extend(row.text);
        } else {
            rows.push(row);
        }
    }
}

/// Decides for the lines between two rows: those that stand as near as lines of one cell do belong to the row they
/// lead to. Where they lead to both, neither row can be trusted.
fn share(
    columns: &Columns,
    parts: &[Part<'_>],
    previous: Option<usize>,
    next: Option<usize>,
    between: std::ops::Range<usize>,
    owner: &mut [Option<usize>],
    spoiled: &mut [bool],
) {
    if between.is_empty() {
        return;
    }
    let gap = |above: usize| {
        let (above, below) = (parts[above].line, parts[above + 1].line);
        (below.baseline - above.baseline) / above.size.max(below.size)
    };
    // Without a row on the other side nothing shows how far rows stand apart.
    let widest = if previous.is_some() && next.is_some() { 1.7 } else { 1.35 };
    let alike = |gap: f64, first: f64| gap <= 1.12 * first + 0.1;
    let (above, below) = (previous.map(&gap), next.map(|row| gap(row - 1)));
    let reached_down = |index: usize| {
        let row = previous?;
        above.filter(|first| *first < widest && (row..index).all(|at| alike(gap(at), *first)))
    };
    let reached_up = |index: usize| {
        let row = next?;
        below.filter(|first| *first < widest && (index..row).all(|at| alike(gap(at), *first)))
    };
    for index in between {
        let (down, up) = (reached_down(index), reached_up(index));
        let candidate = match (down, up) {
            (Some(down), Some(up)) if down < 0.89 * up => previous,
            (Some(down), Some(up)) if up < 0.89 * down => next,
            (Some(_), Some(_)) => None,
            (Some(_), None) => previous,
            (None, Some(_)) => next,
            (None, None) => None,
        };
        let fits = |row: usize| continues(columns, parts, row.min(index), row.max(index));
        owner[index] = candidate.filter(|row| fits(*row));
        if owner[index].is_some() {
            continue;
        }
        // What may be part of a cell and has found no row makes the rows that it may belong to doubtful.
        let both = down.is_some() && up.is_some();
        let near = |row: usize| (row.min(index)..row.max(index)).map(gap).sum::<f64>() < 2.6;
        for row in [previous, next].into_iter().flatten() {
            let lone_name = row < index && down.is_some() && up.is_none() && same_size(parts, row, index);
            spoiled[row] |= (both && fits(row)) || (!parts[index].is_name_only && near(row)) || lone_name;
        }
    }
}

fn same_size(parts: &[Part<'_>], one: usize, other: usize) -> bool {
    parts[other].line.size > 0.92 * parts[one].line.size
}

/// True when the lower line can be the rest of the upper one's cells: a name is wrapped only where it would not fit.
fn continues(columns: &Columns, parts: &[Part<'_>], upper: usize, lower: usize) -> bool {
    let at = columns.columns.iter().position(|column| column.kind == Kind::Name).unwrap_or(0);
    let (above, below) = (parts[upper].cells[at], parts[lower].cells[at]);
    let (Some(last), Some(first)) = (above.last(), below.first()) else {
        return true;
    };
    let opens = first.text.starts_with('(') || last.text.ends_with([',', '-', '/']);
    let needed = last.right + 0.28 * last.em + (first.right - first.left);
    opens || needed > columns.name_end() - 2.5 * last.size
}

fn assemble(columns: &Columns, parts: &[&Part<'_>], start: &Line) -> Row {
    let mut row = Row { page: start.page, line: start.number, ..Row::default() };
    for part in parts {
        row.text.push(part.line.text());
        for (column, words) in columns.columns.iter().zip(&part.cells) {
            let text = join(words);
            if text.is_empty() {
                continue;
            }
            match column.kind {
                Kind::Name => append(&mut row.name, &text, " "),
                Kind::Value => {
                    row.value_lines += 1;
                    append(&mut row.value, &text, " ");
                }
                Kind::Unit => {
                    let glue = if row.unit.ends_with('/') { "" } else { " " };
                    append(&mut row.unit, &text, glue);
                }
                Kind::Range => {
                    // A range broken right behind its dash was printed without a space.
                    let broken =
                        row.range.strip_suffix('-').is_some_and(|rest| rest.ends_with(|c: char| c.is_ascii_digit()));
                    append(&mut row.range, &text, if broken { "" } else { " " });
                }
                Kind::Flag => append(&mut row.flag, &text, " "),
                Kind::Low => append(&mut row.low, &text, " "),
                Kind::High => append(&mut row.high, &text, " "),
                Kind::Loinc => append(&mut row.loinc, &text, " "),
                Kind::Other | Kind::Remark => row.has_more = true,
            }
        }
    }
    row
}

fn append(cell: &mut String, text: &str, glue: &str) {
    if !cell.is_empty() {
        cell.push_str(glue);
    }
    cell.push_str(text);
}
