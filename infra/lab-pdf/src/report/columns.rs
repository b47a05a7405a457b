//! Where the columns of a table lie: the border between two columns is the widest strip that stays empty from row to row.

use crate::layout::{Line, Word};

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Name,
    Value,
    Unit,
    Range,
    Flag,
    /// The lower and the upper bound of a range, each in a column of its own.
    Low,
    High,
    Loinc,
    /// Remarks: flags, where there is no other column for them.
    Remark,
    /// Anything else, earlier results among them: kept, never taken for a value.
    Other,
}

/// A column by its heading.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) kind: Kind,
    pub(crate) left: f64,
    pub(crate) right: f64,
}

/// The columns of a table and the borders between them.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) columns: Vec<Column>,
    borders: Vec<Strip>,
    /// Beside each border: where most cells before it end and most cells behind it begin, if most do so at one place.
    edges: Vec<(Option<f64>, Option<f64>)>,
}

/// The empty strip between two columns.
#[derive(Clone, Copy, Debug)]
struct Strip {
    from: f64,
    to: f64,
}

impl Columns {
    /// Finds the borders from the heading and the lines below it.
    pub(crate) fn fit(columns: Vec<Column>, body: &[Line]) -> Columns {
        let rows: Vec<&Line> = body.iter().filter(|line| line.segments(0.7).len() >= 2).collect();
        let filled = filled(&columns, &rows);
        let border = |index: usize| {
            let (one, next) = (&columns[index], &columns[index + 1]);
            let apart = filled.as_ref().map(|filled| (filled[index].1, filled[index + 1].0));
            let end = columns.get(index + 2).map_or(f64::INFINITY, |column| column.left);
            border(one, next, end, apart.filter(|(from, to)| from < to), &rows)
        };
        let borders: Vec<Strip> = (0..columns.len().saturating_sub(1)).map(border).collect();
        let edges = borders.iter().map(|strip| strip.edges(&rows)).collect();
        Columns { columns, borders, edges }
    }

    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.columns.iter().any(|column| column.kind == kind)
    }

    /// The words of a line by column; `None` when a word lies across a border, or a run of text does.
    pub(crate) fn cells<'l>(&self, line: &'l Line) -> Option<Vec<&'l [Word]>> {
        let mut cells = vec![&line.words[..0]; self.columns.len()];
        let mut rest = line.words.as_slice();
        for (index, cell) in cells.iter_mut().enumerate() {
            let Some(strip) = self.borders.get(index) else {
                *cell = rest;
                break;
            };
            let mut inside = 0;
            while let Some(word) = rest.get(inside)
                && strip.is_left(word, inside.checked_sub(1).map(|last| &rest[last]))
            {
                inside += 1;
            }
            if rest.get(inside).is_some_and(|word| word.left < strip.from) {
                return None;
            }
            let (words, after) = rest.split_at(inside);
            if let (Some(last), Some(next)) = (words.last(), after.first())
                && are_close(last, next)
                && !(line.segments(0.9).len() > 1 && self.is_edge(index, last, next))
            {
                return None;
            }
            (*cell, rest) = (words, after);
        }
        if self.holds_two(&cells) { None } else { Some(cells) }
    }

    /// True when two words part where the cells of most rows do, however narrow the gap between them is.
    fn is_edge(&self, border: usize, last: &Word, next: &Word) -> bool {
        let (end, start) = self.edges[border];
        let at = |edge: Option<f64>, x: f64| edge.is_some_and(|edge| (edge - x).abs() < EDGE);
        next.left - last.right > 0.15 * last.size && (at(end, last.right) || at(start, next.left))
    }

    /// True when a cell has a gap as between two cells while the one beside it is empty: the border is not sure.
    fn holds_two(&self, cells: &[&[Word]]) -> bool {
        // Beyond the last column there may be one whose title was not read.
        let is_empty =
            |index: Option<usize>| index.is_some_and(|index| cells.get(index).is_none_or(|cell| cell.is_empty()));
        let gap =
            |cell: &[Word]| cell.windows(2).any(|pair| pair[1].left - pair[0].right > 0.9 * pair[0].em.max(pair[1].em));
        (0..cells.len()).any(|index| gap(cells[index]) && (is_empty(index.checked_sub(1)) || is_empty(Some(index + 1))))
    }

    /// True for tables of the same columns in the same order.
    pub(crate) fn same_kinds(&self, other: &Columns) -> bool {
        let kinds = |columns: &Columns| columns.columns.iter().map(|column| column.kind).collect::<Vec<_>>();
        kinds(self) == kinds(other)
    }

    /// Which column the name stands in.
    pub(crate) fn name_at(&self) -> usize {
        self.columns.iter().position(|column| column.kind == Kind::Name).unwrap_or(0)
    }

    /// Where the longest name ends, and where the name column does at the latest.
    pub(crate) fn name_ends(&self) -> (f64, f64) {
        self.borders.get(self.name_at()).map_or((0.0, f64::INFINITY), |strip| (strip.from, strip.to))
    }
}

/// Cells that end or begin within this many points do so at one place.
const EDGE: f64 = 0.7;

/// No more than a space apart: one run of text.
fn are_close(one: &Word, next: &Word) -> bool {
    next.left - one.right < 0.4 * one.em.max(next.em)
}

impl Strip {
    /// How many lines the strip parts into cells: words stand at both sides of it, between `from` and `to`, with more than
    /// a space between them or where three lines at least end or begin.
    fn parted(&self, lines: &[&Line], from: f64, to: f64) -> usize {
        let pair = |line: &&Line| {
            let before = line.words.iter().rev().find(|word| word.right > from && word.right < self.to)?;
            let after = line.words.iter().find(|word| word.left < to && word.left > self.from)?;
            Some((before.right, after.left, after.left - before.right > 0.31 * before.em.max(after.em)))
        };
        let pairs: Vec<(f64, f64, bool)> = lines.iter().filter_map(pair).collect();
        let ends = |x: f64| pairs.iter().filter(|(end, ..)| (end - x).abs() < EDGE).count() > 2;
        let begins = |x: f64| pairs.iter().filter(|(_, start, _)| (start - x).abs() < EDGE).count() > 2;
        pairs.iter().filter(|(end, start, apart)| *apart || ends(*end) || begins(*start)).count()
    }

    /// Where the cells at both sides of the strip end and begin, where at least half of the rows agree.
    fn edges(&self, rows: &[&Line]) -> (Option<f64>, Option<f64>) {
        let middle = (self.from + self.to) / 2.0;
        let is_left = |word: &&Word| (word.left + word.right) / 2.0 < middle;
        let ends = rows.iter().filter_map(|row| row.words.iter().rev().find(is_left)).map(|word| word.right);
        let starts = rows.iter().filter_map(|row| row.words.iter().find(|word| !is_left(word))).map(|word| word.left);
        (most_common(ends.collect()), most_common(starts.collect()))
    }

    /// True for a word that belongs to the column before the strip. One that reaches into the strip, as only lines that
    /// are no rows do, belongs to the side it comes from, or goes on with the word before.
    fn is_left(&self, word: &Word, before: Option<&Word>) -> bool {
        let goes_on = before.is_some_and(|before| are_close(before, word));
        let starts_inside = word.left >= self.from;
        word.right <= self.to && (!starts_inside || goes_on || word.left + word.right < self.from + self.to)
    }
}

/// The place that at least three and at least half of all agree on.
fn most_common(mut places: Vec<f64>) -> Option<f64> {
    places.sort_by(f64::total_cmp);
    let near = |place: f64| places.iter().filter(move |other| (**other - place).abs() < EDGE).count();
    let most = places.iter().copied().max_by_key(|place| near(*place))?;
    (near(most) >= 3 && near(most) * 2 >= places.len()).then_some(most)
}

/// Where the cells of each column stand, by the rows that have all of them: there the n-th run of text is the n-th cell,
/// wherever the headings stand. `None` without such rows, or when they contradict the headings.
fn filled(columns: &[Column], rows: &[&Line]) -> Option<Vec<(f64, f64)>> {
    let mut extents = vec![(f64::INFINITY, f64::NEG_INFINITY); columns.len()];
    let mut found = false;
    for segments in rows.iter().map(|row| row.segments(0.45)).filter(|segments| segments.len() == columns.len()) {
        found = true;
        for (extent, words) in extents.iter_mut().zip(segments) {
            extent.0 = words.iter().map(|word| word.left).fold(extent.0, f64::min);
            extent.1 = words.iter().map(|word| word.right).fold(extent.1, f64::max);
        }
    }
    let misplaced = |(index, column): (usize, &Column)| {
        let middle = (column.left + column.right) / 2.0;
        extents.iter().enumerate().any(|(other, extent)| other != index && extent.0 < middle && middle < extent.1)
    };
    (found && !columns.iter().enumerate().any(misplaced)).then_some(extents)
}

/// The strip that the fewest rows cross and most have cells beside, between the cells of two columns where they are known, else between the
/// middles of their headings.
fn border(one: &Column, next: &Column, end: f64, cells: Option<(f64, f64)>, rows: &[&Line]) -> Strip {
    const STEP: f64 = 0.5;
    let (from, to) = cells.unwrap_or(((one.left + one.right) / 2.0, (next.left + next.right) / 2.0));
    let weight = if cells.is_some() { 0 } else { rows.len() + 1 };
    let steps = (((to - from) / STEP) as usize).clamp(1, 4000);
    let crossed: Vec<usize> = (0..=steps)
        .map(|step| {
            let x = from + step as f64 * STEP;
            let inside = |left: f64, right: f64| left < x && x < right;
            let headings = usize::from(inside(one.left, one.right) || inside(next.left, next.right));
            let words = |line: &&&Line| line.words.iter().any(|word| inside(word.left, word.right));
            // A heading counts as much as all rows: no border runs through it.
            headings * weight + rows.iter().filter(words).count()
        })
        .collect();
    let least = crossed.iter().copied().min().unwrap_or(0);
    let mut first = 0;
    let mut strips: Vec<(usize, Strip)> = Vec::new();
    for run in crossed.chunk_by(|one, next| (*one == least) == (*next == least)) {
        let x = |step: usize| from + step as f64 * STEP;
        let strip = Strip { from: x(first) - STEP, to: x(first + run.len()) };
        first += run.len();
        if run[0] == least {
            strips.push((strip.parted(rows, one.left, end), strip));
        }
    }
    // Beside a column that is set to the right there is a wide strip that parts nothing.
    let most = strips.iter().map(|(parted, _)| *parted).max().unwrap_or(0);
    let parting = strips.into_iter().filter(|(parted, _)| parted * 5 >= most * 4).map(|(_, strip)| strip);
    let width = |strip: &Strip| strip.to - strip.from;
    let best = parting.reduce(|best, strip| if width(&strip) > width(&best) { strip } else { best });
    best.unwrap_or(Strip { from, to: from })
}
