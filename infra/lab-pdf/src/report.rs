//! From lines to a lab report: the heading, the tables, and what each row says. What is not understood stays as text; a
//! row that is in doubt is no row.

mod columns;
mod date;
mod flag;
mod heading;
mod number;
mod range;
mod rows;
mod titles;
mod unit;
mod value;
mod wrapping;

use carelog_domain::laboratory::{Observation, ObservationStatus, PrintedHeader};
use chrono::Datelike;

use crate::layout::{Layout, Line, Word};
use columns::{Column, Columns, Kind};
use number::Style;
use range::Person;
use rows::{Row, Rows};

/// What was read from all pages.
pub(crate) struct Read {
    pub(crate) header: PrintedHeader,
    pub(crate) observations: Vec<Observation>,
    pub(crate) unparsed: Vec<String>,
}

/// A table: its columns and the lines below its heading.
struct Table<'l> {
    columns: Columns,
    found: Rows<'l>,
}

/// Reads the pages in their order.
pub(crate) fn read(pages: &[Layout]) -> Read {
    let mut header = None;
    let mut unparsed = Vec::new();
    let mut tables = Vec::new();
    let mut carried: Option<Vec<Column>> = None;
    for page in pages {
        unparsed.extend(page.askew.clone());
        let (above, bodies) = split(&page.lines);
        let (own, left_over) = heading::read(above);
        let starts_anew = !bodies.is_empty();
        if header.as_ref().is_some_and(|header| heading::disagree(header, &own)) {
            // Another patient's page: nothing of it may reach this patient.
            unparsed.extend(page.lines.iter().map(Line::text));
            continue;
        }
        header.get_or_insert(own);
        if !starts_anew && let Some(columns) = &carried {
            let table = table(columns.clone(), above, &mut unparsed, &tables, true);
            add(&mut tables, table, &mut unparsed);
            continue;
        }
        unparsed.extend(left_over);
        for (columns, body) in bodies {
            carried = Some(columns.clone());
            let table = table(columns, body, &mut unparsed, &tables, false);
            add(&mut tables, table, &mut unparsed);
        }
    }
    let header = header.unwrap_or_else(|| heading::read(&[]).0);
    let status = status(pages);
    let observations = observations(&tables, &header, status, &mut unparsed);
    Read { header, observations, unparsed }
}

/// The lines above the first table of a page, and each table's columns and lines.
fn split(lines: &[Line]) -> (&[Line], Vec<(Vec<Column>, &[Line])>) {
    let mut headings = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if let Some((columns, before, after)) = titles::heading(lines, at) {
            headings.push((columns, at - before, at + 1 + after));
            at += after;
        }
        at += 1;
    }
    let above = headings.first().map_or(lines.len(), |(_, start, _)| *start);
    let ends: Vec<usize> = headings.iter().skip(1).map(|(_, start, _)| *start).chain([lines.len()]).collect();
    let bodies =
        headings.into_iter().zip(ends).map(|((columns, _, first), end)| (columns, &lines[first.min(end)..end]));
    (&lines[..above], bodies.collect())
}

fn table<'l>(
    columns: Vec<Column>,
    body: &'l [Line],
    unparsed: &mut Vec<String>,
    before: &[Table<'_>],
    presumed: bool,
) -> Table<'l> {
    let columns = Columns::fit(columns, body);
    let same = before.last().filter(|table| table.columns.same_kinds(&columns));
    let mut found = rows::rows(&columns, body, same.map(|table| table.found.pitch));
    unparsed.append(&mut found.unparsed);
    if presumed {
        // The heading is a page away: enough rows must look like ones in every respect, and each have a sure result.
        let value =
            |row: &Row| value::read(&row.value, columns.has(Kind::Unit).then_some(row.unit.as_str()), Style::default());
        let telling = |row: &Row| {
            let unit = value(row).unit.unwrap_or_else(|| row.unit.clone());
            let range = range::read(&row.range, Some(&unit), Person::default(), Style { comma: true, point: true });
            let is_word =
                |cell: &str| value::read(cell, None, Style::default()).is_sure && !cell.contains(char::is_numeric);
            unit::ucum(&unit).is_some()
                || range.low.is_some()
                || range.high.is_some()
                || is_word(&row.range)
                || !(row.low.is_empty() || row.high.is_empty())
        };
        let enough = found.rows.iter().filter(|row| telling(row)).count() * 3 >= found.rows.len();
        let (sure, unsure) = found.rows.into_iter().partition(|row| enough && value(row).is_sure);
        found.rows = sure;
        unparsed.extend(unsure.into_iter().flat_map(|row: Row| row.text));
    }
    Table { columns, found }
}

/// Adds a table. A row broken by the end of a page is not trusted: its name may go on with the next table's first line.
fn add<'l>(tables: &mut Vec<Table<'l>>, table: Table<'l>, unparsed: &mut Vec<String>) {
    if let Some(last) = tables.last_mut() {
        let may_go_on =
            |closing: &[Word]| table.found.opening.iter().any(|next| wrapping::may_go_on(&last.columns, closing, next));
        if table.found.opens_with_rest || last.found.closing.is_some_and(may_go_on) {
            unparsed.extend(last.found.rows.pop().into_iter().flat_map(|row| row.text));
        }
    }
    tables.push(table);
}

/// A mark of the laboratory's on the whole report. Without one, what a machine read is preliminary.
fn status(pages: &[Layout]) -> ObservationStatus {
    let lines = pages.iter().flat_map(|page| page.lines.iter().map(Line::text).chain(page.askew.clone()));
    let mut status = ObservationStatus::Preliminary;
    for line in lines.map(|line| line.to_lowercase()) {
        let says = |word: &str| {
            line.split(['-', '*', ':', '|']).any(|part| part.trim() == word)
                || line.contains(&format!("{word} report"))
                || line.contains(&format!("status: {word}"))
        };
        if says("corrected") {
            status = ObservationStatus::Corrected;
        } else if says("amended") && status != ObservationStatus::Corrected {
            status = ObservationStatus::Amended;
        }
    }
    status
}

fn observations(
    tables: &[Table<'_>],
    header: &PrintedHeader,
    status: ObservationStatus,
    unparsed: &mut Vec<String>,
) -> Vec<Observation> {
    let mut style = Style::default();
    for row in tables.iter().flat_map(|table| &table.found.rows) {
        value::learn(&row.value, &mut style);
        [&row.range, &row.low, &row.high].into_iter().for_each(|cell| value::learn(cell, &mut style));
    }
    let person = Person { sex: header.sex, age: age(header) };
    let mut observations = Vec::new();
    for table in tables {
        for row in &table.found.rows {
            match observation(row, person, style, status) {
                Some((observation, understood)) => {
                    if !understood {
                        unparsed.extend(row.text.iter().cloned());
                    }
                    let number = u32::try_from(observations.len() + 1).unwrap_or(u32::MAX);
                    observations.push(Observation { number, ..observation });
                }
                None => unparsed.extend(row.text.iter().cloned()),
            }
        }
    }
    observations
}

/// A row as an observation, and whether all of it was understood. `None`: it cannot be trusted to be one.
fn observation(row: &Row, person: Person, style: Style, status: ObservationStatus) -> Option<(Observation, bool)> {
    let readable = !row.text.iter().any(|line| line.contains('\u{fffd}'));
    let named = row.name.chars().any(char::is_alphabetic) && !is_no_analyte(&row.name);
    if !readable || !named {
        return None;
    }
    let value = value::read(&row.value, (!row.unit.is_empty()).then_some(row.unit.as_str()), style);
    let flag = flag::flag(&row.flag);
    let printed_unit = if row.unit.is_empty() { value.unit.clone() } else { Some(row.unit.clone()) };
    let range = match (row.range.is_empty(), row.low.is_empty() && row.high.is_empty()) {
        (false, _) if range::is_cut(&row.range) => None,
        (false, _) => Some(range::read(&row.range, printed_unit.as_deref(), person, style)),
        (true, false) => Some(range::of_bounds(&row.low, &row.high, style)),
        (true, true) => None,
    };
    let bounded = range.as_ref().is_some_and(|range| range.low.is_some() || range.high.is_some());
    let has_company = unit::ucum(&row.unit).is_some() || bounded || flag.is_some();
    // Digits beside what is not understood may be a number and its unit, or two results: no text, and no row.
    let mixed = row.value.chars().any(|character| character.is_ascii_digit());
    if !value.is_sure && (!has_company || row.value_lines > 1 || mixed) {
        return None;
    }
    let flags_differ = flag.is_some() && value.flag.is_some() && flag != value.flag;
    let whole = row.range.is_empty() || range.is_some();
    let understood = whole && (row.flag.is_empty() || flag.is_some()) && !flags_differ && !row.has_more;
    let observation = Observation {
        number: 0,
        name: row.name.clone(),
        loinc: loinc(&row.loinc),
        printed: (!value.printed.is_empty()).then_some(value.printed),
        decimal: value.decimal,
        comparator: value.comparator,
        ucum: printed_unit.as_deref().and_then(unit::ucum).map(str::to_owned),
        unit: printed_unit,
        range,
        printed_flag: if flags_differ { None } else { flag.or(value.flag) },
        computed_flag: None,
        status,
        machine_read: true,
        page: row.page,
        line: row.line,
        earlier: value.earlier,
    };
    Some((observation, understood))
}

/// Footers and notes that can fall into the columns of a table.
fn is_no_analyte(name: &str) -> bool {
    const WORDS: [&str; 16] = [
        "page",
        "printed",
        "reported",
        "authorised",
        "authorized",
        "comment",
        "comments",
        "note",
        "notes",
        "collected",
        "received",
        "verified",
        "validated",
        "tel",
        "phone",
        "end",
    ];
    let first = name.split_whitespace().next().unwrap_or_default().to_lowercase();
    WORDS.contains(&first.trim_end_matches([':', '.'])) || name.ends_with(':')
}

/// A LOINC code whose check digit (Luhn) is right.
fn loinc(text: &str) -> Option<String> {
    let (number, check) = text.split_once('-')?;
    let digit = |character: char| character.to_digit(10);
    if !(1..=7).contains(&number.len()) || check.len() != 1 {
        return None;
    }
    let mut sum = 0;
    for (place, character) in number.chars().rev().enumerate() {
        let digit = digit(character)? * if place % 2 == 0 { 2 } else { 1 };
        sum += digit / 10 + digit % 10;
    }
    (digit(check.chars().next()?)? == (10 - sum % 10) % 10).then(|| text.to_owned())
}

/// Full years at the time the sample was taken.
fn age(header: &PrintedHeader) -> Option<u32> {
    let (birth, taken) = (header.birth_date?, date::read(header.collected.as_deref()?)?);
    let years = taken.year() - birth.year() - i32::from((taken.month(), taken.day()) < (birth.month(), birth.day()));
    u32::try_from(years).ok().filter(|years| *years < 150)
}
