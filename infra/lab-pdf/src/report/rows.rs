//! From the lines of a table to rows. Lines across the columns, titles and remarks part the table; what is left between
//! them is grouped to rows. In doubt a row is given up: its lines stay as text.

use super::columns::{Columns, Kind};
use super::number::Style;
use super::wrapping::{self, Pitch};
use super::{unit, value};
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

/// A line of a table by its cells.
pub(crate) struct Part<'l> {
    pub(crate) line: &'l Line,
    pub(crate) cells: Vec<&'l [Word]>,
    /// How far it stands below the line above it, whatever that is, in font sizes.
    pub(crate) air: f64,
    /// A line across the columns in its face stands this near above or below it, in font sizes.
    pub(crate) across: f64,
    pub(crate) has_result: bool,
    /// What stands in the result column can be a whole result; a unit or a flag by itself cannot.
    pub(crate) has_sure_result: bool,
    pub(crate) has_name: bool,
    /// A name with a range and a unit: a row without a result, or two lines of wrapped cells.
    pub(crate) could_be_row: bool,
    has_telling_cell: bool,
    pub(crate) is_result_only: bool,
    pub(crate) is_name_only: bool,
}

/// True for lines that begin in one face and size.
fn is_set_alike(one: &Line, other: &Line) -> bool {
    one.words
        .first()
        .zip(other.words.first())
        .is_some_and(|(one, other)| one.face == other.face && (one.size / other.size - 1.0).abs() < 0.08)
}

/// True for a sentence, a footnote, or a label with its text: nothing that an analyte is called.
fn is_remark(words: &[Word]) -> bool {
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return false };
    let is_sentence = words.len() > 2 && last.text.ends_with('.');
    is_sentence || first.text.starts_with('*') || (words.len() > 1 && first.text.ends_with(':'))
}

/// What a table holds.
pub(crate) struct Rows<'l> {
    pub(crate) rows: Vec<Row>,
    /// The lines that belong to no row.
    pub(crate) unparsed: Vec<String>,
    /// Names before the first row that belong to none: one may be the rest of a row on the page before.
    pub(crate) opening: Vec<&'l [Word]>,
    /// Cells without a name stand before the first row: the rest of a row on the page before.
    pub(crate) opens_with_rest: bool,
    pub(crate) pitch: Pitch,
    /// The last line of the last name.
    pub(crate) closing: Option<&'l [Word]>,
}

/// The rows of a table, and the lines that belong to none.
pub(crate) fn rows<'l>(columns: &Columns, body: &'l [Line], earlier: Option<Pitch>) -> Rows<'l> {
    let mut unparsed = Vec::new();
    let mut stretches = Vec::new();
    let mut open = Vec::new();
    let mut across = None;
    for (index, line) in body.iter().enumerate() {
        let above = index.checked_sub(1).map(|above| line.baseline - body[above].baseline);
        let mut found = part(columns, line, above.map_or(f64::INFINITY, |gap| gap / line.size));
        if let Some(part) = &mut found
            && across.is_some_and(|across| is_set_alike(across, line))
        {
            part.across = part.air;
        }
        across = found.is_none().then_some(line);
        match found {
            // What stands in other columns only says nothing about any row.
            Some(part) if !part.has_telling_cell => unparsed.push(line.text()),
            Some(part) => open.push(part),
            // A line across the columns parts what stands above it from what stands below.
            None => {
                let near = above.map_or(f64::INFINITY, |gap| gap / line.size);
                let last = open.iter_mut().last().filter(|part: &&mut Part<'_>| is_set_alike(line, part.line));
                last.into_iter().for_each(|part| part.across = part.across.min(near));
                stretches.push(std::mem::take(&mut open));
                unparsed.push(line.text());
            }
        }
    }
    stretches.push(open);
    let mut marks_titles = false;
    let stretches: Vec<Vec<Part<'_>>> = stretches
        .into_iter()
        .flat_map(|stretch| without_asides(columns, stretch, &mut unparsed, &mut marks_titles))
        .collect();
    let pitch = Pitch::of(columns, &stretches, marks_titles).with_earlier(earlier);
    let names = stretches.iter().flatten().filter_map(|part| part.cells[columns.name_at()].last());
    let longest = names.map(|word| word.right).fold(0.0, f64::max);
    let mut rows = Vec::new();
    let (mut opening, mut opens_with_rest, mut closing) = (Vec::new(), false, None);
    let name = |part: &Part<'l>| Some(part.cells[columns.name_at()]).filter(|name| !name.is_empty());
    for (parts, groups) in stretches.iter().zip(wrapping::groups(columns, &stretches, pitch)) {
        for group in groups {
            let lines: Vec<&Part<'_>> = group.lines.iter().map(|index| &parts[*index]).collect();
            match group.start.and_then(|start| assemble(columns, &lines, parts[start].line, longest)) {
                Some(row) => {
                    closing = lines.iter().rev().find_map(|part| name(part));
                    rows.push(row);
                }
                None => {
                    if rows.is_empty() {
                        opens_with_rest |= lines.iter().any(|part| !part.has_name);
                        opening.extend(lines.iter().filter_map(|part| name(part)));
                    }
                    unparsed.extend(lines.iter().map(|part| part.line.text()));
                }
            }
        }
    }
    rows.sort_by_key(|row| (row.page, row.line));
    Rows { rows, unparsed, opening, opens_with_rest, closing, pitch }
}

fn part<'l>(columns: &Columns, line: &'l Line, air: f64) -> Option<Part<'l>> {
    let cells = columns.cells(line)?;
    let filled =
        |kind: Kind| columns.columns.iter().zip(&cells).any(|(column, cell)| column.kind == kind && !cell.is_empty());
    let (has_name, has_result) = (filled(Kind::Name), filled(Kind::Value));
    let mut units = columns.columns.iter().zip(&cells).filter(|(column, _)| column.kind == Kind::Unit);
    let unit = units.next().map(|(_, cell)| join(cell)).filter(|unit| !unit.is_empty());
    let alone = cells.iter().filter(|cell| !cell.is_empty()).count() == 1;
    Some(Part {
        could_be_row: has_name && filled(Kind::Range) && (filled(Kind::Unit) || !columns.has(Kind::Unit)),
        is_result_only: has_result && alone,
        is_name_only: has_name && alone,
        has_telling_cell: columns
            .columns
            .iter()
            .zip(&cells)
            .any(|(column, cell)| !matches!(column.kind, Kind::Other | Kind::Remark) && !cell.is_empty()),
        has_sure_result: columns.columns.iter().zip(&cells).any(|(column, cell)| {
            column.kind == Kind::Value && value::read(&join(cell), unit.as_deref(), Style::default()).is_sure
        }),
        line,
        cells,
        air,
        across: f64::INFINITY,
        has_result,
        has_name,
    })
}

/// Parts a stretch at its titles and remarks: lines with nothing but a name, in another face or size than the names of
/// the rows around them.
fn without_asides<'l>(
    columns: &Columns,
    stretch: Vec<Part<'l>>,
    unparsed: &mut Vec<String>,
    marks_titles: &mut bool,
) -> Vec<Vec<Part<'l>>> {
    let at = columns.name_at();
    let mut is_aside = |index: usize| {
        let Some(own) = stretch[index].cells[at].first() else { return false };
        let differs = |row: Option<&Part<'_>>| {
            let name = row.and_then(|row| row.cells[at].first());
            name.is_none_or(|name| name.face != own.face || (name.size / own.size - 1.0).abs() > 0.08)
        };
        let is_row = |part: &&Part<'_>| part.has_result && part.has_name;
        let (above, below) = (&stretch[..index], &stretch[index + 1..]);
        let rows = (above.iter().rev().find(is_row), below.iter().find(is_row));
        if stretch[index].is_name_only && is_remark(stretch[index].cells[at]) {
            return true;
        }
        let stands_out = (rows.0.is_some() || rows.1.is_some()) && differs(rows.0) && differs(rows.1);
        // Below the last row it is a footer.
        *marks_titles |= stretch[index].is_name_only && stands_out && rows.1.is_some();
        stretch[index].is_name_only && stands_out
    };
    let asides: Vec<bool> = (0..stretch.len()).map(&mut is_aside).collect();
    let mut parted = Vec::new();
    let mut open = Vec::new();
    for (part, is_aside) in stretch.into_iter().zip(asides) {
        if is_aside {
            unparsed.push(part.line.text());
            parted.push(std::mem::take(&mut open));
        } else {
            open.push(part);
        }
    }
    parted.push(open);
    parted
}

/// The cells of a row as text; `None` when a name or a result is missing, or a name may be broken inside a word.
fn assemble(columns: &Columns, parts: &[&Part<'_>], start: &Line, longest: f64) -> Option<Row> {
    let mut row = Row { page: start.page, line: start.number, ..Row::default() };
    for part in parts {
        row.text.push(part.line.text());
        for (column, words) in columns.columns.iter().zip(&part.cells) {
            let text = join(words);
            if text.is_empty() {
                continue;
            }
            match column.kind {
                Kind::Name => append(&mut row.name, &text),
                Kind::Value => {
                    row.value_lines += 1;
                    append(&mut row.value, &text);
                }
                Kind::Unit => append_unit(&mut row.unit, &text),
                Kind::Range => append(&mut row.range, &text),
                Kind::Flag => append(&mut row.flag, &text),
                Kind::Low => append(&mut row.low, &text),
                Kind::High => append(&mut row.high, &text),
                Kind::Loinc => append(&mut row.loinc, &text),
                Kind::Other | Kind::Remark => row.has_more = true,
            }
        }
    }
    (!row.name.is_empty() && !row.value.is_empty() && !has_broken_word(columns, parts, longest)).then_some(row)
}

/// True when a name's line may end inside a word, which is broken only where it is wider than the column; or when one is
/// no word, and may be what another cell had no room for.
fn has_broken_word(columns: &Columns, parts: &[&Part<'_>], longest: f64) -> bool {
    let at = columns.name_at();
    let lines: Vec<&[Word]> = parts.iter().map(|part| part.cells[at]).filter(|cell| !cell.is_empty()).collect();
    let letters = |word: &Word| word.text.chars().filter(|letter| letter.is_alphabetic()).count();
    lines.windows(2).any(|pair| match (pair[0].last(), pair[1].first()) {
        (Some(last), Some(next)) => {
            let is_full = last.right > longest - 0.7 * last.size;
            let joined = (last.right - last.left) + (next.right - next.left);
            let too_wide = is_full && joined > longest - pair[0][0].left - 0.7 * last.size;
            let inside = last.text.ends_with(char::is_alphanumeric) && next.text.starts_with(char::is_lowercase);
            (too_wide && inside) || pair[1].iter().all(|word| letters(word) < 2)
        }
        _ => false,
    })
}

/// Adds a line to a unit, which has a space inside only before a letter behind a figure, as in `1.73 m2`, and in `mm Hg`.
fn append_unit(cell: &mut String, text: &str) {
    let (last, first) = (cell.chars().next_back(), text.chars().next());
    let in_number = |character: char| character.is_ascii_digit() || character == '.';
    let broken = last.zip(first).is_some_and(|(last, first)| {
        let in_word = last.is_alphabetic() && first.is_alphabetic() && !(cell == "mm" && text == "Hg");
        first == '/' || in_word || (in_number(last) && in_number(first))
    });
    if broken {
        cell.push_str(text);
    } else {
        append(cell, text);
    }
}

/// Adds a line to a cell. What was broken right behind a dash or a stroke was printed without a space.
fn append(cell: &mut String, text: &str) {
    let mut end = cell.chars().rev();
    let broken = matches!(end.next(), Some('-' | '/' | '\u{2013}')) && end.next().is_some_and(char::is_alphanumeric);
    let first = text.split(' ').next().unwrap_or_default();
    let broken = broken || (cell.ends_with(" /") && unit::ucum(&format!("/{first}")).is_some());
    if !cell.is_empty() && !broken {
        cell.push(' ');
    }
    cell.push_str(text);
}
