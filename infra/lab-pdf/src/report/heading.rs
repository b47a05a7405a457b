//! Whose report it is and when the sample was taken: labels with their values, beside or below.

use carelog_domain::laboratory::PrintedHeader;
use carelog_domain::patient::Gender;

use super::date;
use crate::layout::{Line, Word, join};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Name,
    BirthDate,
    Identifier,
    Sex,
    Collected,
    Laboratory,
}

const LABELS: &[(&str, Field)] = &[
    ("patient name", Field::Name),
    ("name of patient", Field::Name),
    ("patient", Field::Name),
    ("name", Field::Name),
    ("date of birth", Field::BirthDate),
    ("birth date", Field::BirthDate),
    ("dob", Field::BirthDate),
    ("d.o.b.", Field::BirthDate),
    ("born", Field::BirthDate),
    ("mrn", Field::Identifier),
    ("patient id", Field::Identifier),
    ("patient no.", Field::Identifier),
    ("hospital no.", Field::Identifier),
    ("hospital number", Field::Identifier),
    ("medical record number", Field::Identifier),
    ("sex", Field::Sex),
    ("gender", Field::Sex),
    ("collected", Field::Collected),
    ("collected on", Field::Collected),
    ("collection date", Field::Collected),
    ("date collected", Field::Collected),
    ("sample collected", Field::Collected),
    ("specimen collected", Field::Collected),
    ("laboratory", Field::Laboratory),
    ("performing laboratory", Field::Laboratory),
    ("lab", Field::Laboratory),
];

/// No value in a cell below its label has more lines.
const STACKED_MAX: usize = 3;

/// A value belongs to its label up to a gap this wide (font sizes).
const GAP: f64 = 1.0;

/// What the lines above a table say, and the lines that were not wholly understood.
pub(crate) fn read(lines: &[Line]) -> (PrintedHeader, Vec<String>) {
    let mut header =
        PrintedHeader { name: None, birth_date: None, identifier: None, sex: None, collected: None, laboratory: None };
    let mut unparsed = Vec::new();
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        let taken = fill_stacked(&mut header, line, &lines[index + 1..]);
        if taken == 0 && !fill_beside(&mut header, line) {
            unparsed.push(line.text());
        }
        index += taken;
        index += 1;
    }
    if header.laboratory.is_none() {
        header.laboratory = letterhead(lines);
    }
    (header, unparsed)
}

/// True when two headings speak of different people.
pub(crate) fn disagree(one: &PrintedHeader, other: &PrintedHeader) -> bool {
    fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
        one.zip(other).is_some_and(|(one, other)| one != other)
    }
    let plain = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase().replace([' ', ','], ""));
    differ(plain(&one.name), plain(&other.name))
        || differ(one.birth_date, other.birth_date)
        || differ(plain(&one.identifier), plain(&other.identifier))
}

/// `Name: Doris Moore   MRN: 46`, or the same in cells. True when nothing of the line is left over.
fn fill_beside(header: &mut PrintedHeader, line: &Line) -> bool {
    let mut whole = true;
    let mut rest = line.words.as_slice();
    while !rest.is_empty() {
        let Some((field, length)) = label_at(rest) else {
            whole = false;
            rest = &rest[run(rest)..];
            continue;
        };
        let after = &rest[length..];
        let mut end = usize::from(!after.is_empty() && label_at(after).is_none());
        while end > 0 && end < after.len() && gap(after, end) <= GAP && label_at(&after[end..]).is_none() {
            end += 1;
        }
        let text = join(&after[..end]);
        // Labels wrapped in their cells: what stands beside the one is the beginning of the next.
        whole &= !begins_label(&text) && fill(header, field, &text);
        rest = &after[end..];
    }
    whole
}

fn begins_label(text: &str) -> bool {
    let text = text.to_lowercase();
    LABELS.iter().any(|(label, _)| label.strip_prefix(text.as_str()).is_some_and(|rest| rest.starts_with(' ')))
}

/// A line of labels and below it the lines of their values, each starting right below its label. How many lines below were
/// understood as that.
fn fill_stacked(header: &mut PrintedHeader, line: &Line, below: &[Line]) -> usize {
    let mut labels = Vec::new();
    let mut rest = line.words.as_slice();
    while !rest.is_empty() {
        let Some((field, length)) = label_at(rest).or_else(|| label(rest)) else { return 0 };
        labels.push((field, rest[0].left));
        rest = &rest[length..];
    }
    let mut texts = vec![String::new(); labels.len()];
    let mut taken = 0;
    let mut last = line;
    for next in below.iter().take(STACKED_MAX).take_while(|next| next.page == line.page) {
        // The lines of one cell stand near each other; the first may stand further from its label.
        let far = next.baseline - last.baseline > if taken == 0 { 3.0 } else { 1.4 } * next.size;
        let Some(cells) = stacked_cells(&labels, next).filter(|_| !far && label_at(&next.words).is_none()) else {
            break;
        };
        for (text, cell) in texts.iter_mut().zip(cells) {
            let glue = if text.is_empty() || text.ends_with('-') { "" } else { " " };
            *text = format!("{text}{glue}{}", join(cell)).trim_end().to_owned();
        }
        (last, taken) = (next, taken + 1);
    }
    if labels.len() < 2 || texts.iter().any(String::is_empty) {
        return 0;
    }
    let filled = labels.iter().zip(&texts).filter(|((field, _), text)| fill(header, *field, text)).count();
    if filled == labels.len() { taken } else { 0 }
}

/// The words of a line by the labels above them; `None` where a cell does not begin right below its label.
fn stacked_cells<'l>(labels: &[(Field, f64)], line: &'l Line) -> Option<Vec<&'l [Word]>> {
    let mut rest = line.words.as_slice();
    let mut cells = Vec::with_capacity(labels.len());
    for (index, (_, left)) in labels.iter().enumerate() {
        let end = labels.get(index + 1).map_or(f64::INFINITY, |(_, left)| *left);
        let inside = rest.iter().take_while(|word| word.left < end - 0.4 * word.em).count();
        let (cell, after) = rest.split_at(inside);
        if cell.first().is_some_and(|word| (word.left - left).abs() >= 0.4 * word.em) {
            return None;
        }
        cells.push(cell);
        rest = after;
    }
    Some(cells)
}

/// A label at the start of the words: closed by a colon, or by a gap, or all there is.
fn label_at(words: &[Word]) -> Option<(Field, usize)> {
    (1..=words.len().min(3)).rev().find_map(|length| {
        let text = join(&words[..length]).to_lowercase();
        let plain = text.strip_suffix(':').unwrap_or(&text);
        let field = LABELS.iter().find(|(label, _)| *label == plain)?.1;
        let own_colon = words.get(length).is_some_and(|next| next.text == ":");
        let close = (1..length).all(|at| gap(words, at) <= GAP);
        let closed = text.ends_with(':') || own_colon || length == words.len() || gap(words, length) > 0.6;
        (close && closed).then_some((field, length + usize::from(own_colon)))
    })
}

/// A label at the start of the words, whatever follows.
fn label(words: &[Word]) -> Option<(Field, usize)> {
    (1..=words.len().min(3)).rev().find_map(|length| {
        let text = join(&words[..length]).to_lowercase();
        Some((LABELS.iter().find(|(label, _)| *label == text)?.1, length))
    })
}

fn gap(words: &[Word], at: usize) -> f64 {
    (words[at].left - words[at - 1].right) / words[at].em.max(words[at - 1].em)
}

/// Words up to the next wide gap or label.
fn run(words: &[Word]) -> usize {
    (1..words.len()).find(|at| gap(words, *at) > GAP || label_at(&words[*at..]).is_some()).unwrap_or(words.len())
}

/// True when the text made sense for the field. The first value of a field stays.
fn fill(header: &mut PrintedHeader, field: Field, text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.contains('\u{fffd}') {
        return false;
    }
    let fill_text = |place: &mut Option<String>| place.get_or_insert_with(|| text.to_owned()) == text;
    match field {
        // What stands beside another field's wrapped label is not this field's text.
        Field::Name => !text.contains(|letter: char| letter.is_ascii_digit()) && fill_text(&mut header.name),
        Field::Identifier => date::read(text).is_none() && fill_text(&mut header.identifier),
        Field::Collected => fill_text(&mut header.collected),
        Field::Laboratory => fill_text(&mut header.laboratory),
        Field::BirthDate => {
            let date = date::read(text);
            header.birth_date = header.birth_date.or(date);
            date.is_some() && header.birth_date == date
        }
        Field::Sex => {
            let sex = match text.to_lowercase().as_str() {
                "f" | "female" => Gender::Female,
                "m" | "male" => Gender::Male,
                _ => return false,
            };
            *header.sex.get_or_insert(sex) == sex
        }
    }
}

/// The laboratory by its letterhead: the largest line of the first page that names an institution.
fn letterhead(lines: &[Line]) -> Option<String> {
    const WORDS: [&str; 8] =
        ["laboratory", "laboratories", "labs", "pathology", "diagnostics", "hospital", "clinic", "institute"];
    let names_one = |text: &str| {
        let text = text.to_lowercase();
        let title = ["report", "results"].iter().any(|word| text.contains(word));
        !title && text.split_whitespace().any(|word| WORDS.contains(&word.trim_matches(',')))
    };
    let candidates = lines.iter().filter(|line| line.page == 1).take(6);
    let segments = candidates.flat_map(|line| line.segments(GAP)).map(|words| (words[0].size, join(words)));
    let (_, text) = segments.filter(|(_, text)| names_one(text)).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (text.split_whitespace().count() >= 2).then_some(text)
}
