//! The heading line of a table and where its columns lie. A heading is known by its words; the border between two
//! columns is the widest strip that stays empty from row to row.

use crate::layout::{Line, Word, join};

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Name,
    Value,
    Unit,
    Range,
    Flag,
    Loinc,
    /// Anything else, earlier results among them: kept, never taken for a value.
    Other,
}

/// A column by its heading.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) kind: Kind,
    left: f64,
    right: f64,
}

/// The columns of a table and the borders between them.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) columns: Vec<Column>,
    borders: Vec<f64>,
}

const HEADINGS: &[(&str, Kind)] = &[
    ("test", Kind::Name),
    ("tests", Kind::Name),
    ("test name", Kind::Name),
    ("test description", Kind::Name),
    ("analyte", Kind::Name),
    ("analysis", Kind::Name),
    ("investigation", Kind::Name),
    ("parameter", Kind::Name),
    ("examination", Kind::Name),
    ("component", Kind::Name),
    ("assay", Kind::Name),
    ("result", Kind::Value),
    ("results", Kind::Value),
    ("value", Kind::Value),
    ("your result", Kind::Value),
    ("result value", Kind::Value),
    ("observed value", Kind::Value),
    ("unit", Kind::Unit),
    ("units", Kind::Unit),
    ("reference", Kind::Range),
    ("reference range", Kind::Range),
    ("reference interval", Kind::Range),
    ("reference values", Kind::Range),
    ("biological reference interval", Kind::Range),
    ("ref. range", Kind::Range),
    ("ref range", Kind::Range),
    ("ref. interval", Kind::Range),
    ("normal range", Kind::Range),
    ("normal values", Kind::Range),
    ("flag", Kind::Flag),
    ("flags", Kind::Flag),
    ("abn", Kind::Flag),
    ("h/l", Kind::Flag),
    ("loinc", Kind::Loinc),
    ("loinc code", Kind::Loinc),
    ("previous", Kind::Other),
    ("previous result", Kind::Other),
    ("previous value", Kind::Other),
    ("prior result", Kind::Other),
    ("method", Kind::Other),
    ("specimen", Kind::Other),
    ("comment", Kind::Other),
    ("comments", Kind::Other),
    ("status", Kind::Other),
    ("code", Kind::Other),
    ("date", Kind::Other),
    ("no.", Kind::Other),
];

/// The columns of the heading that stands in `lines[at]` and, when its cells are wrapped, in the lines around it, and
/// how many lines before and after it belong to it.
pub(crate) fn heading(lines: &[Line], at: usize) -> Option<(Vec<Column>, usize, usize)> {
    let line = &lines[at];
    let near = |other: &Line| other.page == line.page && (other.baseline - line.baseline).abs() < 1.7 * line.size;
    let before = at.checked_sub(1).filter(|at| near(&lines[*at]) && is_part_of_heading(&lines[*at]));
    let after = Some(at + 1).filter(|at| lines.get(*at).is_some_and(|line| near(line) && is_part_of_heading(line)));
    let mut cells: Vec<Vec<&Word>> = phrases(&line.words);
    for other in [before, after].into_iter().flatten() {
        for phrase in phrases(&lines[other].words) {
            let overlaps = |cell: &&mut Vec<&Word>| {
                let (left, right) = extent(&phrase);
                let (cell_left, cell_right) = extent(cell);
                left < cell_right && right > cell_left
            };
            match cells.iter_mut().find(overlaps) {
                Some(cell) if other < at => cell.splice(0..0, phrase).for_each(drop),
                Some(cell) => cell.extend(phrase),
                None => cells.push(phrase),
            }
        }
    }
    let columns = columns_of(cells)?;
    Some((columns, usize::from(before.is_some()), usize::from(after.is_some())))
}

fn columns_of(cells: Vec<Vec<&Word>>) -> Option<Vec<Column>> {
    let mut unknown = 0;
    let mut columns: Vec<Column> = Vec::new();
    for cell in cells {
        let (left, right) = extent(&cell);
        let text = cell.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let kind = kind_of(&text).unwrap_or_else(|| {
            unknown += 1;
            Kind::Other
        });
        columns.push(Column { kind, left, right });
    }
    columns.sort_by(|one, other| one.left.total_cmp(&other.left));
    let count = |kind: Kind| columns.iter().filter(|column| column.kind == kind).count();
    let once = [Kind::Unit, Kind::Range, Kind::Flag, Kind::Loinc].into_iter().all(|kind| count(kind) <= 1);
    let telling = count(Kind::Unit) + count(Kind::Range) + count(Kind::Flag);
    let apart = columns.windows(2).all(|pair| pair[0].right < pair[1].left);
    let good = count(Kind::Name) == 1 && count(Kind::Value) == 1 && once && telling >= 1 && unknown <= 1 && apart;
    good.then_some(columns)
}

fn kind_of(phrase: &str) -> Option<Kind> {
    let phrase = phrase.to_lowercase();
    let phrase = phrase.trim_end_matches([':', '*']);
    HEADINGS.iter().find(|(words, _)| *words == phrase).map(|(_, kind)| *kind)
}

/// Groups the words of a heading: known phrases as long as they can be, other words by their gaps.
fn phrases(words: &[Word]) -> Vec<Vec<&Word>> {
    let mut phrases = Vec::new();
    let mut rest = words;
    while !rest.is_empty() {
        let close = 1 + rest.windows(2).take_while(|pair| pair[1].left - pair[0].right < 0.8 * pair[0].size).count();
        let known = (1..=close.min(3)).rev().find(|length| kind_of(&join(&rest[..*length])).is_some());
        let (phrase, after) = rest.split_at(known.unwrap_or(close));
        phrases.push(phrase.iter().collect());
        rest = after;
    }
    phrases
}

fn is_part_of_heading(line: &Line) -> bool {
    const WORDS: [&str; 15] = [
        "reference",
        "ref.",
        "range",
        "interval",
        "values",
        "value",
        "normal",
        "biological",
        "result",
        "name",
        "description",
        "previous",
        "code",
        "units",
        "test",
    ];
    line.words.len() <= 4 && line.words.iter().all(|word| WORDS.contains(&word.text.to_lowercase().as_str()))
}

fn extent(words: &[&Word]) -> (f64, f64) {
    let left = words.iter().map(|word| word.left).fold(f64::INFINITY, f64::min);
    (left, words.iter().map(|word| word.right).fold(f64::NEG_INFINITY, f64::max))
}

impl Columns {
    /// Finds the borders from the heading and the lines below it.
    pub(crate) fn fit(columns: Vec<Column>, body: &[Line]) -> Columns {
        let rows: Vec<&Line> = body.iter().filter(|line| line.segments(0.7).len() >= 2).collect();
        let borders = columns.windows(2).map(|pair| border(&pair[0], &pair[1], &rows)).collect();
        Columns { columns, borders }
    }

    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.columns.iter().any(|column| column.kind == kind)
    }

    /// The words of a line by column; `None` when a word lies across a border, or a run of text does.
    pub(crate) fn cells<'l>(&self, line: &'l Line) -> Option<Vec<&'l [Word]>> {
        let mut cells = vec![&line.words[..0]; self.columns.len()];
        let mut rest = line.words.as_slice();
        for (index, cell) in cells.iter_mut().enumerate() {
            let end = self.borders.get(index).copied().unwrap_or(f64::INFINITY);
            let inside = rest.iter().take_while(|word| word.right <= end).count();
            if rest.get(inside).is_some_and(|word| word.left < end) {
                return None;
            }
            let (words, after) = rest.split_at(inside);
            if let (Some(last), Some(next)) = (words.last(), after.first())
                && next.left - last.right < 0.42 * last.size.max(next.size)
            {
                return None;
            }
            (*cell, rest) = (words, after);
        }
        Some(cells)
    }

    /// The right end of the name column.
    pub(crate) fn name_end(&self) -> f64 {
        let at = self.columns.iter().position(|column| column.kind == Kind::Name).unwrap_or(0);
        self.borders.get(at).copied().unwrap_or(f64::INFINITY)
    }
}

/// The middle of the widest strip between the middles of two headings that the fewest rows cross.
fn border(one: &Column, next: &Column, rows: &[&Line]) -> f64 {
    const STEP: f64 = 0.5;
    let (from, to) = ((one.left + one.right) / 2.0, (next.left + next.right) / 2.0);
    let steps = (((to - from) / STEP) as usize).clamp(1, 4000);
    let crossed: Vec<usize> = (0..=steps)
        .map(|step| {
            let x = from + step as f64 * STEP;
            let inside = |left: f64, right: f64| left < x && x < right;
            let headings = usize::from(inside(one.left, one.right) || inside(next.left, next.right));
            let words = |line: &&&Line| line.words.iter().any(|word| inside(word.left, word.right));
            // A heading counts as much as all rows: no border runs through it.
            headings * (rows.len() + 1) + rows.iter().filter(words).count()
        })
        .collect();
    let least = crossed.iter().copied().min().unwrap_or(0);
    let (mut best, mut start) = ((0, 0), None);
    for step in 0..=crossed.len() {
        match (crossed.get(step) == Some(&least), start) {
            (true, None) => start = Some(step),
            (false, Some(first)) => {
                if step - first > best.1 - best.0 {
                    best = (first, step);
                }
                start = None;
            }
            _ => {}
        }
    }
    from + (best.0 + best.1 - 1) as f64 / 2.0 * STEP
}
