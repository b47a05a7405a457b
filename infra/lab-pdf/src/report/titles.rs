//! The heading line of a table: which columns its words name. A title is known by a small grammar of the words that
//! laboratories use; a line is a heading only where it names a test, a result and one thing more.

use super::columns::{Column, Kind};
use crate::layout::{Line, Word, join};

/// What a title is made of, word by word: `a|b` is one of them, `?a|b` may be left out.
const TITLES: &[(Kind, &[&str])] = &[
    (Kind::Name, &["?laboratory|lab", NAMES, "?name|names|description|performed|requested"]),
    (Kind::Name, &["name of", "?the", "test|analyte|investigation"]),
    (
        Kind::Value,
        &["?your|observed|current|measured|patient|patient's|final|obtained|test", "result|results", "?value"],
    ),
    (Kind::Value, &["?your|observed|current|measured|patient|patient's|final|obtained", "value|finding|findings"]),
    (Kind::Unit, &["?si|s.i.|conventional", "unit|units|uom", "?of", "?measure|measurement"]),
    (Kind::Range, &["?biological|bio.|bio", NORMAL, "?range|ranges|interval|intervals|limits|value|values|levels"]),
    (Kind::Range, &["range|ranges|interval|intervals|limits"]),
    (Kind::Flag, &["flag|flags|abn|abn.|abnormal|h/l|alert|l/h", "?flag|flags"]),
    (Kind::Remark, &["interpretation|interp.|note|notes|remark|remarks|comment|comments|indicator"]),
    (Kind::Low, &["?reference|ref.|ref|normal", "low|lower|min|min.|minimum", "?limit|bound|value|reference"]),
    (Kind::High, &["?reference|ref.|ref|normal", "high|upper|max|max.|maximum", "?limit|bound|value|reference"]),
    (Kind::Loinc, &["loinc", "?code"]),
    (Kind::Other, &["previous|prior|last|earlier|past", "?result|results|value|values", "?date"]),
    (Kind::Other, &["method|methodology|technique|specimen|sample|site|department", "?type|name"]),
    (Kind::Other, &["?test|result|report", "status|code|date|time|no.|#|number|s.no.|sr."]),
];
const NAMES: &str = "test|tests|analyte|analytes|analysis|investigation|investigations|parameter|parameters|examination|\
                     examinations|component|components|assay|determination|procedure|constituent";
const NORMAL: &str = "reference|ref.|ref|normal|expected|standard|desirable|target";

/// Words further apart than this part of the font size are never one title.
const TITLE_GAP: f64 = 0.8;

/// Lines nearer than this part of the font size are cells of one row that are set to their middles.
const HALF_LINE: f64 = 0.85;

/// A wrapped title has no more lines than this above or below the middle one.
const LINES_MAX: usize = 3;

/// The columns of the heading that stands in `lines[at]` and, when its cells are wrapped, in the lines around it, and
/// how many lines before and after it belong to it.
pub(crate) fn heading(lines: &[Line], at: usize) -> Option<(Vec<Column>, usize, usize)> {
    if phrases(&lines[at].words).len() < 2 {
        return None;
    }
    let near = |one: usize, other: usize| {
        let (one, other) = (&lines[one], &lines[other]);
        one.page == other.page && other.baseline - one.baseline < 1.8 * one.size.max(other.size)
    };
    let (mut first, mut last) = (at, at);
    for line in (at.saturating_sub(LINES_MAX)..at).rev().take_while(|line| near(*line, *line + 1)) {
        let level = lines[line + 1].baseline - lines[line].baseline < HALF_LINE * lines[line].size;
        first = if is_part_of_heading(&lines[line]) || (level && line + 1 == first) { line } else { first };
    }
    for line in (at + 1..lines.len().min(at + 1 + LINES_MAX)).take_while(|line| near(*line - 1, *line)) {
        let level = lines[line].baseline - lines[line - 1].baseline < HALF_LINE * lines[line].size;
        last = if is_part_of_heading(&lines[line]) || (level && line - 1 == last) { line } else { last };
    }
    // A line below with no known word may end a broken one: then it leaves no title unknown.
    if last == at && at + 1 < lines.len() && near(at, at + 1) && lines[at + 1].words.len() < 3 {
        let whole = columns_of(cells(lines, at, first, at + 1), 0);
        if let Some(columns) = whole {
            return Some((columns, at - first, 1));
        }
    }
    // The lines around may be a heading's, or may not: the most that makes sense.
    let mut spans: Vec<(usize, usize)> = (first..=at).flat_map(|from| (at..=last).map(move |to| (from, to))).collect();
    spans.sort_by_key(|(from, to)| std::cmp::Reverse(to - from));
    spans.into_iter().find_map(|(from, to)| Some((columns_of(cells(lines, at, from, to), 1)?, at - from, to - at)))
}

/// The cells of a heading in `lines[from..=to]`, by the titles in `lines[at]`.
fn cells(lines: &[Line], at: usize, from: usize, to: usize) -> Vec<Vec<&Word>> {
    let mut cells = phrases(&lines[at].words);
    for other in (from..at).rev().chain(at + 1..=to) {
        for phrase in phrases(&lines[other].words) {
            let overlaps = |cell: &&mut Vec<&Word>| {
                let ((left, right), (cell_left, cell_right)) = (extent(&phrase), extent(cell));
                left < cell_right && right > cell_left
            };
            match cells.iter_mut().find(overlaps) {
                Some(cell) if other < at => cell.splice(0..0, phrase).for_each(drop),
                Some(cell) => cell.extend(phrase),
                None => cells.push(phrase),
            }
        }
    }
    cells
}

fn columns_of(cells: Vec<Vec<&Word>>, unknown_max: usize) -> Option<Vec<Column>> {
    let mut unknown = 0;
    let mut columns: Vec<Column> = Vec::new();
    for cell in cells {
        let (left, right) = extent(&cell);
        let text = cell.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        // A narrow cell breaks a title inside a word.
        let kind = kind_of(&text).or_else(|| unbroken(&text)).unwrap_or_else(|| {
            unknown += 1;
            Kind::Other
        });
        columns.push(Column { kind, left, right });
    }
    columns.sort_by(|one, other| one.left.total_cmp(&other.left));
    let count = |columns: &[Column], kind: Kind| columns.iter().filter(|column| column.kind == kind).count();
    // Remarks are where flags stand when no column is there for them.
    let remarks =
        if count(&columns, Kind::Flag) == 0 && count(&columns, Kind::Remark) == 1 { Kind::Flag } else { Kind::Other };
    columns.iter_mut().filter(|column| column.kind == Kind::Remark).for_each(|column| column.kind = remarks);
    let count = |kind: Kind| count(&columns, kind);
    let single = [Kind::Unit, Kind::Range, Kind::Flag, Kind::Loinc, Kind::Low, Kind::High];
    let once = single.into_iter().all(|kind| count(kind) <= 1);
    // Two bounds in two columns, or none, and never beside a whole range.
    let bounds = count(Kind::Low) == count(Kind::High) && count(Kind::Low) + count(Kind::Range) <= 1;
    let telling = count(Kind::Unit) + count(Kind::Range) + count(Kind::Flag) + count(Kind::Low);
    let apart = columns.windows(2).all(|pair| pair[0].right < pair[1].left);
    let good = count(Kind::Name) == 1
        && count(Kind::Value) == 1
        && once
        && bounds
        && telling >= 1
        && unknown <= unknown_max
        && apart;
    good.then_some(columns)
}

fn kind_of(phrase: &str) -> Option<Kind> {
    let phrase = phrase.to_lowercase();
    let words: Vec<&str> = phrase.split(' ').map(|word| word.trim_end_matches([':', '*'])).collect();
    TITLES.iter().find(|(_, slots)| matches(&words, slots)).map(|(kind, _)| *kind)
}

/// A title with one of its words broken in two.
fn unbroken(text: &str) -> Option<Kind> {
    text.match_indices(' ').find_map(|(space, _)| kind_of(&format!("{}{}", &text[..space], &text[space + 1..])))
}

fn matches(words: &[&str], slots: &[&str]) -> bool {
    let Some((slot, others)) = slots.split_first() else { return words.is_empty() };
    let optional = slot.strip_prefix('?');
    let one_of = words.split_first().is_some_and(|(word, rest)| {
        optional.unwrap_or(slot).split('|').any(|known| known == *word) && matches(rest, others)
    });
    one_of || (optional.is_some() && matches(words, others))
}

/// Groups the words of a heading into titles. Where a run of words is not one title but can be parted into titles, it is;
/// else it is parted where its gaps are wider than a space.
fn phrases(words: &[Word]) -> Vec<Vec<&Word>> {
    let mut phrases = Vec::new();
    for run in words.chunk_by(|one, next| next.left - one.right < TITLE_GAP * one.em) {
        match parted(run) {
            Some(titles) => phrases.extend(titles.into_iter().map(|title| title.iter().collect())),
            None => {
                let pieces = run.chunk_by(|one, next| next.left - one.right < 0.45 * one.em);
                phrases.extend(pieces.map(|piece| piece.iter().collect()));
            }
        }
    }
    phrases
}

/// A run as titles, each as long as can be.
fn parted(run: &[Word]) -> Option<Vec<&[Word]>> {
    if run.is_empty() {
        return Some(Vec::new());
    }
    (1..=run.len().min(4)).rev().find_map(|length| {
        let (title, rest) = run.split_at(length);
        kind_of(&join(title))?;
        let mut titles = vec![title];
        titles.extend(parted(rest)?);
        Some(titles)
    })
}

fn is_part_of_heading(line: &Line) -> bool {
    let known = |word: &Word| {
        let word = word.text.to_lowercase();
        let word = word.trim_end_matches([':', '*']);
        TITLES
            .iter()
            .flat_map(|(_, slots)| slots.iter())
            .any(|slot| slot.trim_start_matches('?').split('|').any(|one| one == word))
    };
    // A broken word or two beside known ones does not make it a row.
    line.words.len() <= 8 && line.words.iter().filter(|word| known(word)).count() * 2 > line.words.len()
}

fn extent(words: &[&Word]) -> (f64, f64) {
    let left = words.iter().map(|word| word.left).fold(f64::INFINITY, f64::min);
    (left, words.iter().map(|word| word.right).fold(f64::NEG_INFINITY, f64::max))
}

#[cfg(test)]
mod tests {
    use super::kind_of;
    use crate::report::columns::Kind;

    #[test]
    fn titles_are_known_by_their_words() {
        for (title, kind) in [
            ("TEST NAME:", Kind::Name),
            ("Determination", Kind::Name),
            ("Observed value", Kind::Value),
            ("Unit of measure", Kind::Unit),
            ("Bio. Ref. Interval", Kind::Range),
            ("Expected values", Kind::Range),
            ("Ref. low", Kind::Low),
            ("Upper limit", Kind::High),
            ("Abnormal flag", Kind::Flag),
            ("Previous result", Kind::Other),
            ("Test code", Kind::Other),
        ] {
            assert_eq!(kind_of(title), Some(kind), "{title}");
        }
        for title in ["Result Unit", "Value Reference", "Potassium", "of", "", "Low High"] {
            assert_eq!(kind_of(title), None, "{title}");
        }
    }
}
