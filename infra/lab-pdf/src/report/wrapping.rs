//! Which lines of a table are one row. Lines of one cell stand closer than rows do, where rows have air between them;
//! where they have none, a line without a result is the rest of the cell above only if it would not have fitted there.
//! In doubt a row is given up.

use super::columns::Columns;
use super::rows::Part;
use crate::layout::Word;

/// Lines this much closer than rows stand belong to one row; within this much of it, nothing can be told by distance.
const NEAR: f64 = 0.07;
/// Lines nearer than this part of what rows stand apart are cells of one row that are set to their middles.
const HALF_LINE: f64 = 0.75;
/// Programs that place lines by whole pixels move them by as much, in points.
const ROUNDING: f64 = 0.9;
/// No line is further from the next one of its cell, in font sizes, unless rows stand further apart still.
const LEADING_MAX: f64 = 1.35;

/// A line this many times further from the one above than rows stand has a blank line above it.
const BLANK_LINE: f64 = 1.7;

/// How far apart the rows of a table stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pitch {
    /// In font sizes; `None` without two rows of one line each below one another.
    rows: Option<f64>,
    /// By which part of that a distance must differ to mean anything.
    near: f64,
    /// Some lines stand closer than rows do: distance tells which belong together.
    tells: bool,
    /// Titles stand apart from the rows above them.
    titled: bool,
    /// Titles have a face or size of their own, or there are none: no line in the face of the names is one.
    marks_titles: bool,
    /// Where the other lines of all rows stand whose lines are known: what is in doubt stands there too.
    lean: Option<Lean>,
}

/// Rows go on below or above the line of their result.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Lean {
    Below,
    Above,
}

/// Whether a line goes on with the cells of another.
#[derive(Clone, Copy, PartialEq)]
enum Rest {
    Yes,
    No,
    Maybe,
}

/// Lines found to be one row, or found to be none.
pub(crate) struct Group {
    pub(crate) lines: Vec<usize>,
    /// The line that the row begins with, where it is one.
    pub(crate) start: Option<usize>,
}

impl Pitch {
    pub(crate) fn of(columns: &Columns, stretches: &[Vec<Part<'_>>], titles_stand_out: bool) -> Pitch {
        let pairs = || stretches.iter().flat_map(|parts| parts.windows(2));
        let is_row = |part: &Part<'_>| part.has_sure_result && part.has_name;
        let mut gaps: Vec<f64> =
            pairs().filter(|pair| pair.iter().all(is_row)).map(|pair| gap(&pair[0], &pair[1])).collect();
        gaps.sort_by(f64::total_cmp);
        // Not the very least: two lines of one cell may look like two rows.
        let rows = gaps.get(gaps.len() / 10).copied();
        let apart = |pair: &[Part<'_>]| {
            let (title, row) = (&pair[0], &pair[1]);
            let under = |rows: f64| title.air > rows * BLANK_LINE && gap(title, row) < rows * (1.0 + NEAR);
            title.is_name_only && is_row(row) && title.air.is_finite() && rows.is_some_and(under)
        };
        let size = stretches.iter().flatten().map(|part| part.line.size).fold(0.0, f64::max);
        let near = rows.map_or(NEAR, |rows| NEAR.max(ROUNDING / (rows * size)));
        let marks_titles = titles_stand_out || only_wraps(columns, pairs());
        // Two lines of one name; lines of different cells may stand nearer, where these are set to their middles.
        let tells = stretches.iter().any(|parts| {
            let names: Vec<&Part<'_>> = parts.iter().filter(|part| part.has_name).collect();
            let cell = |pair: &[&Part<'_>]| pair.iter().any(|part| part.is_name_only);
            let closer = |gap: f64| rows.is_some_and(|rows| gap < rows * (1.0 - near));
            names.windows(2).any(|pair| cell(pair) && closer(gap(pair[0], pair[1])))
                || has_close_cells(columns, parts, closer)
        });
        Pitch { rows, near, tells, titled: pairs().any(apart), marks_titles, lean: None }
    }

    /// With what the pages before showed of the same table, where this one shows nothing or the same.
    pub(crate) fn with_earlier(self, earlier: Option<Pitch>) -> Pitch {
        let Some(earlier) = earlier else { return self };
        match (self.rows, earlier.rows) {
            (None, _) => Pitch { marks_titles: self.marks_titles || earlier.marks_titles, lean: None, ..earlier },
            (Some(own), Some(before)) if (own / before - 1.0).abs() < self.near.min(earlier.near) => Pitch {
                tells: self.tells || earlier.tells,
                titled: self.titled || earlier.titled,
                marks_titles: self.marks_titles || earlier.marks_titles,
                ..self
            },
            _ => self,
        }
    }

    /// True for a name by itself that stands apart from what is above it: no wrapped cell begins so.
    fn is_title(&self, part: &Part<'_>) -> bool {
        let apart = self.rows.is_some_and(|rows| part.air > rows * BLANK_LINE);
        self.titled && !self.tells && !self.marks_titles && part.is_name_only && apart
    }

    /// True for lines nearer than rows stand, each to the next.
    fn join(&self, run: &[Part<'_>]) -> bool {
        run.windows(2).all(|pair| self.rows.is_some_and(|_| self.joins(gap(&pair[0], &pair[1]))))
    }

    fn joins(&self, gap: f64) -> bool {
        gap < self.rows.map_or(LEADING_MAX, |rows| rows * (1.0 - self.near))
    }

    fn parts(&self, gap: f64) -> bool {
        let Some(rows) = self.rows else { return false };
        gap > rows * (1.0 + self.near) || (self.tells && gap >= rows * (1.0 - self.near))
    }
}

fn gap(above: &Part<'_>, below: &Part<'_>) -> f64 {
    (below.line.baseline - above.line.baseline) / above.line.size.max(below.line.size)
}

/// Groups the lines of each stretch: lines that follow each other without anything between them.
pub(crate) fn groups(columns: &Columns, stretches: &[Vec<Part<'_>>], pitch: Pitch) -> Vec<Vec<Group>> {
    let with = |pitch: Pitch| stretches.iter().map(move |parts| group(columns, parts, pitch)).collect::<Vec<_>>();
    let sure = with(pitch);
    let known = || sure.iter().flatten().filter_map(|group| Some((group.start?, &group.lines)));
    let below = known().any(|(start, lines)| lines.iter().any(|line| *line > start));
    let above = known().any(|(start, lines)| lines.iter().any(|line| *line < start));
    match (below, above) {
        (true, false) => with(Pitch { lean: Some(Lean::Below), ..pitch }),
        (false, true) => with(Pitch { lean: Some(Lean::Above), ..pitch }),
        _ => sure,
    }
}

fn group(columns: &Columns, parts: &[Part<'_>], pitch: Pitch) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut from = 0;
    while from < parts.len() {
        let mut to = from + 1;
        while to < parts.len() && !pitch.parts(gap(&parts[to - 1], &parts[to])) {
            to += 1;
        }
        let run = &parts[from..to];
        let found = match one_row(run) {
            Some(start) if pitch.tells || pitch.join(run) || (pitch.marks_titles && is_one_name(columns, run)) => {
                vec![Group { lines: (0..run.len()).collect(), start: Some(start) }]
            }
            _ => clusters(run, pitch).unwrap_or_else(|| Sharing::new(columns, run, pitch).groups()),
        };
        groups.extend(found.into_iter().map(|group| {
            Group {
                // A line across the columns, nearer than rows stand, may be a part of the row that does not fit its column.
                start: group
                    .start
                    .filter(|_| !group.lines.iter().any(|line| pitch.joins(run[*line].across)))
                    .map(|start| start + from),
                lines: group.lines.iter().map(|line| line + from).collect(),
            }
        }));
        from = to;
    }
    groups
}

/// True where two lines of one cell, other than a name, stand closer than `closer` says.
fn has_close_cells(columns: &Columns, parts: &[Part<'_>], closer: impl Fn(f64) -> bool) -> bool {
    let is_rest = |part: &Part<'_>| !(part.has_name && part.has_result);
    let filled = |part: &Part<'_>, column: usize| !part.cells[column].is_empty();
    (0..columns.columns.len()).any(|column| {
        let cells: Vec<&Part<'_>> = parts.iter().filter(|part| filled(part, column)).collect();
        cells.windows(2).any(|pair| pair.iter().any(|part| is_rest(part)) && closer(gap(pair[0], pair[1])))
    })
}

/// True when each name that stands below another by itself can only be its rest, and one shows that by how it begins.
fn only_wraps<'p, 'l: 'p>(columns: &Columns, pairs: impl Iterator<Item = &'p [Part<'l>]>) -> bool {
    let name = |part: &Part<'l>| part.cells[columns.name_at()];
    let mut begins_small = false;
    for pair in pairs.filter(|pair| pair[1].is_name_only && pair[0].has_name) {
        if continues(columns, name(&pair[0]), name(&pair[1]), true) != Rest::Yes {
            return false;
        }
        begins_small |= name(&pair[1]).first().is_some_and(|word| word.text.starts_with(char::is_lowercase));
    }
    begins_small
}

/// Lines much nearer than rows stand as one row each, where that leaves no line that is none.
fn clusters(run: &[Part<'_>], pitch: Pitch) -> Option<Vec<Group>> {
    let rows = pitch.rows?;
    let mut groups = Vec::new();
    let mut from = 0;
    for cluster in run.chunk_by(|one, next| gap(one, next) < HALF_LINE * rows) {
        let whole = cluster.iter().any(|part| part.has_name) && (cluster.len() > 1 || cluster[0].has_name);
        let start = one_row(cluster).filter(|_| whole)? + from;
        groups.push(Group { lines: (from..from + cluster.len()).collect(), start: Some(start) });
        from += cluster.len();
    }
    Some(groups)
}

/// The line that a row begins with whose lines these are: there is one with a result, or all others have nothing else.
fn one_row(run: &[Part<'_>]) -> Option<usize> {
    let sure = run.iter().any(|part| part.has_sure_result);
    let is_result = |part: &Part<'_>| if sure { part.has_sure_result } else { part.has_result };
    let with_result = || (0..run.len()).filter(|index| is_result(&run[*index]));
    let others = with_result().filter(|index| !run[*index].is_result_only).count();
    if with_result().count() == 1 || others <= 1 { with_result().next() } else { None }
}

/// Shares the lines that begin no row among the rows around them.
struct Sharing<'p, 'l> {
    columns: &'p Columns,
    parts: &'p [Part<'l>],
    begins: Vec<bool>,
    owner: Vec<Option<usize>>,
    spoiled: Vec<bool>,
    pitch: Pitch,
    /// No wider gap is one inside a cell.
    widest: Option<f64>,
}

impl<'p, 'l> Sharing<'p, 'l> {
    fn new(columns: &'p Columns, parts: &'p [Part<'l>], pitch: Pitch) -> Sharing<'p, 'l> {
        let mut begins: Vec<bool> = parts.iter().map(|part| part.has_result).collect();
        // A result by itself right above or below a named line is a wrapped cell of it, not a row.
        for index in 0..parts.len() {
            let near = |other: Option<usize>| {
                other.and_then(|other| parts.get(other)).is_some_and(|other| {
                    (other.has_name || other.is_result_only)
                        && (other.line.baseline - parts[index].line.baseline).abs() < 1.7 * parts[index].line.size
                })
            };
            let under_result = index > 0 && parts[index - 1].has_result && near(index.checked_sub(1));
            let beside_name = near(index.checked_sub(1)) || near(Some(index + 1));
            let close = |other: Option<usize>| {
                other.and_then(|other| parts.get(other)).is_some_and(|other| {
                    let distance = (other.line.baseline - parts[index].line.baseline).abs();
                    other.has_sure_result && distance < LEADING_MAX * parts[index].line.size
                })
            };
            let is_unsure = !parts[index].has_sure_result && (close(index.checked_sub(1)) || close(Some(index + 1)));
            if is_unsure || (parts[index].is_result_only && beside_name) || (!parts[index].has_name && under_result) {
                begins[index] = false;
            }
        }
        let owner = (0..parts.len()).map(|index| begins[index].then_some(index)).collect();
        let widest = pitch.rows.map(|rows| rows.min(LEADING_MAX) * (1.0 + NEAR));
        Sharing { columns, parts, begins, owner, spoiled: vec![false; parts.len()], pitch, widest }
    }

    fn groups(mut self) -> Vec<Group> {
        let starts: Vec<usize> = (0..self.parts.len()).filter(|index| self.begins[*index]).collect();
        let mut previous = None;
        for next in starts.iter().copied().map(Some).chain([None]) {
            let between = previous.map_or(0, |at: usize| at + 1)..next.unwrap_or(self.parts.len());
            if !between.is_empty() {
                self.share(previous, next, between);
            }
            previous = next;
        }
        // A result without a name belongs to one of the rows around it, and which is not known.
        for (place, start) in starts.iter().enumerate() {
            let named = (0..self.parts.len()).any(|line| self.owner[line] == Some(*start) && self.parts[line].has_name);
            if !named {
                let around = [place.checked_sub(1), Some(place + 1)].into_iter().flatten();
                around.filter_map(|place| starts.get(place)).for_each(|row| self.spoiled[*row] = true);
            }
        }
        let alone = (0..self.parts.len()).filter(|index| self.owner[*index].is_none());
        let mut groups: Vec<Group> = alone.map(|index| Group { lines: vec![index], start: None }).collect();
        for start in starts {
            let lines = (0..self.parts.len()).filter(|index| self.owner[*index] == Some(start)).collect();
            groups.push(Group { lines, start: (!self.spoiled[start]).then_some(start) });
        }
        groups
    }

    /// Decides for the lines between two rows: those that stand as near as lines of one cell do belong to the row they
    /// lead to. Where they lead to both, neither row can be trusted.
    fn share(&mut self, previous: Option<usize>, next: Option<usize>, between: std::ops::Range<usize>) {
        let parts = self.parts;
        let gap = |above: usize| gap(&parts[above], &parts[above + 1]);
        // Without a row on the other side nothing shows how far rows stand apart.
        let guess = if previous.is_some() && next.is_some() { 1.7 } else { LEADING_MAX };
        let widest = self.widest.unwrap_or(guess);
        let alike = |gap: f64, first: f64| gap <= 1.12 * first + 0.1;
        let (above, below) = (previous.map(gap), next.map(|row| gap(row - 1)));
        let reached_down = |index: usize| {
            let row = previous?;
            above.filter(|first| *first < widest && (row..index).all(|at| alike(gap(at), *first)))
        };
        let reached_up = |index: usize| {
            let row = next?;
            below.filter(|first| *first < widest && (index..row).all(|at| alike(gap(at), *first)))
        };
        for index in between {
            let (columns, marks) = (self.columns, self.pitch.marks_titles);
            let rest = |row: usize| chain(columns, &parts[row.min(index)..=row.max(index)], marks);
            let leads = |row: Option<usize>| row.is_some_and(|row| rest(row) != Rest::No);
            let down = reached_down(index).filter(|_| leads(previous));
            let up = reached_up(index).filter(|_| leads(next));
            let candidate = match (down, up) {
                (Some(down), Some(up)) if down < 0.89 * up => previous,
                (Some(down), Some(up)) if up < 0.89 * down => next,
                (Some(_), Some(_)) => match self.pitch.lean {
                    Some(Lean::Below) => previous,
                    Some(Lean::Above) => next,
                    None => None,
                },
                (Some(_), None) => previous,
                (None, Some(_)) => next,
                (None, None) => None,
            };
            if self.pitch.is_title(&parts[index]) {
                continue;
            }
            // A name alone at the top of a table, a whole line above a row, is a title as likely as a wrapped name.
            let is_top =
                parts[index].is_name_only && parts[index].air.is_infinite() && next.is_some() && gap(index) > 0.9;
            let unlike_title = |row: &usize| *row < index || marks || !is_top;
            self.owner[index] = candidate.filter(|row| rest(*row) == Rest::Yes && unlike_title(row));
            if self.owner[index].is_some() {
                continue;
            }
            // What may be part of a cell and has found no row makes the rows that it may belong to doubtful.
            let is_row =
                parts[index].could_be_row && [previous, next].iter().flatten().all(|row| rest(*row) == Rest::No);
            let near = |row: usize| (row.min(index)..row.max(index)).map(gap).sum::<f64>() < 2.6;
            for row in [previous, next].into_iter().flatten() {
                let linked = (row.min(index)..row.max(index)).all(|at| gap(at) < widest);
                let doubtful = linked && rest(row) != Rest::No;
                let rest_of_cell = !parts[index].is_name_only && near(row) && !is_row;
                self.spoiled[row] |= doubtful || rest_of_cell;
            }
        }
    }
}

fn is_one_name(columns: &Columns, run: &[Part<'_>]) -> bool {
    chain(columns, run, true) == Rest::Yes
}

/// Whether each line with a name goes on with the one before, from the first to the last.
fn chain(columns: &Columns, parts: &[Part<'_>], marks_titles: bool) -> Rest {
    let at = columns.name_at();
    let names: Vec<&[Word]> = parts.iter().map(|part| part.cells[at]).filter(|name| !name.is_empty()).collect();
    let mut steps = names.windows(2).map(|pair| continues(columns, pair[0], pair[1], marks_titles));
    let mut chain = Rest::Yes;
    while let Some(step) = steps.next().filter(|_| chain != Rest::No) {
        chain = if step == Rest::Yes { chain } else { step };
    }
    chain
}

/// Titles in capitals among names that are not: words, not `LC-MS/MS`.
fn is_capitals(words: &[Word]) -> bool {
    let letters = || words.iter().flat_map(|word| word.text.chars());
    letters().count() > 3 && letters().all(char::is_uppercase)
}

/// True where a name may go on with another line, in its face and from its left edge.
pub(crate) fn may_go_on(columns: &Columns, above: &[Word], below: &[Word]) -> bool {
    let alike = above.first().zip(below.first()).is_some_and(|(one, other)| {
        one.face == other.face && (one.left - other.left).abs() < 0.3 * one.size && (one.size - other.size).abs() < 0.1
    });
    alike && continues(columns, above, below, false) != Rest::No
}

/// Whether the lower name is the rest of the upper one: a name is wrapped only where it would not fit, and goes on
/// in the same face where it began.
fn continues(columns: &Columns, above: &[Word], below: &[Word], marks_titles: bool) -> Rest {
    let (Some(last), Some(first)) = (above.last(), below.first()) else { return Rest::Yes };
    let is_small = |word: &Word| word.text.starts_with(char::is_lowercase);
    let opens = first.text.starts_with(['(', '[']) || is_small(first) || last.text.ends_with([',', '-', '/']);
    let needed = last.right + 0.28 * last.em + (first.right - first.left);
    let (longest, end) = columns.name_ends();
    if needed < longest - 0.5 * last.size && !opens {
        return Rest::No;
    }
    if !marks_titles && is_capitals(below) != is_capitals(above) {
        return Rest::Maybe;
    }
    let begins_there = (first.left - above[0].left).abs() < 0.3 * first.size;
    // Where titles have a face of their own, no other line is one.
    let full = marks_titles || needed > end - 2.5 * last.size;
    if (opens || full) && begins_there && first.face == last.face { Rest::Yes } else { Rest::Maybe }
}
