//! Several queries as one statement, which is a snapshot by itself: nothing begins or ends around it, and the server answers
//! with one packet instead of five. Only where a connection is the server's own (see `session`).
//!
//! ```sql
//! (SELECT 0, current_setting('carelog.session', true) || 'our mark', NULL::int8 FROM migrations LIMIT 1)
//! UNION ALL (SELECT 1, q.c1, q.c0 FROM (SELECT size, model FROM ..) AS q (c0, c1))
//! UNION ALL (SELECT 2, q.c0, NULL FROM (SELECT name FROM ..) AS q (c0))
//! ```
//! The first row shows whose session and whose statement it is, and its table is locked before all others, so that no view
//! moves meanwhile. A statement that the protocol binds has its locks before its snapshot (not so one that SQL's own `EXECUTE`
//! runs, nor one beyond READ COMMITTED). `UNION ALL` keeps each query's rows in their order: each comes from one node
//! of the plan, whatever stands beside it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use carelog_domain::ports::{Failure, Rows, Statement};
use parking_lot::Mutex;
use tokio_postgres::types::Type;
use tokio_postgres::{Column, Row};

use crate::parameter::value;
use crate::session::Mark;

/// More queries than this are rare, and each adds columns that the others leave empty.
const QUERIES_MAX: usize = 8;
/// Known combinations; with more of them all are forgotten. Queries have few texts.
const KNOWN_MAX: usize = 256;

/// Several queries as one statement.
#[derive(Debug)]
pub(crate) struct Whole {
    /// Its text; parameters are those of all queries, in their order.
    pub(crate) sql: String,
    parts: Vec<Part>,
}

/// What is to be known of a query and its rows.
#[derive(Debug)]
struct Part {
    names: Vec<String>,
    /// Where each of its columns stands in the whole.
    places: Vec<usize>,
    parameters: usize,
}

/// The kinds of columns that queries share; texts come first, numbers next.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Bytes,
}

const KINDS: [(Kind, &str); 3] =
    [(Kind::Text, "NULL::text"), (Kind::Number, "NULL::int8"), (Kind::Bytes, "NULL::bytea")];

/// Which kind a column is of, and what makes it one of that.
fn column_kind(column: &Column) -> Option<(Kind, &'static str)> {
    // A domain such as CTEXT comes back as the type beneath it. What is cast is computed: a column that became of another
    // type would be cast as well, and nobody would be told.
    Some(match *column.type_() {
        Type::TEXT => (Kind::Text, ""),
        Type::UNKNOWN => (Kind::Text, "::text"),
        Type::INT8 => (Kind::Number, ""),
        Type::INT4 => (Kind::Number, "::int8"),
        Type::BOOL => (Kind::Number, "::int4::int8"),
        Type::BYTEA => (Kind::Bytes, ""),
        _ => return None,
    })
}

impl Whole {
    /// The queries as one; `None` where that cannot be. `parsed` is what the server found in each.
    pub(crate) fn of(queries: &[Statement], parsed: &[&tokio_postgres::Statement], mark: &Mark) -> Option<Whole> {
        let suits = |(query, parsed): (&Statement, &&tokio_postgres::Statement)| {
            is_plain(&query.sql) && !parsed.columns().is_empty() && parsed.params().len() == query.parameters.len()
        };
        if queries.is_empty() || queries.len() > QUERIES_MAX || !queries.iter().zip(parsed).all(suits) {
            return None;
        }
        let kinds = parsed.iter().map(|each| each.columns().iter().map(column_kind).collect());
        let kinds: Vec<Vec<(Kind, &str)>> = kinds.collect::<Option<_>>()?;
        // The mark needs a text.
        let mut counts = [1, 0, 0];
        for (kind, most) in counts.iter_mut().enumerate() {
            let count = |part: &Vec<(Kind, &str)>| part.iter().filter(|(of, _)| *of as usize == kind).count();
            *most = kinds.iter().map(count).max().unwrap_or(0).max(*most);
        }
        let begins = [1, 1 + counts[0], 1 + counts[0] + counts[1]];

        let nulls = counts.iter().zip(KINDS).flat_map(|(count, (_, null))| std::iter::repeat_n(null, *count)).skip(1);
        let shown = mark.shown_by_statement();
        let first: Vec<&str> = std::iter::once(shown.as_str()).chain(nulls).collect();
        let mut whole = format!("(SELECT 0, {} FROM migrations LIMIT 1)", first.join(", "));
        let (mut parts, mut before) = (Vec::with_capacity(queries.len()), 0);
        for (number, (query, kinds)) in (1..).zip(queries.iter().zip(&kinds)) {
            let mut next_free = begins;
            let mut cells = vec!["NULL".to_owned(); first.len()];
            let mut places = Vec::with_capacity(kinds.len());
            for (column, (kind, cast)) in kinds.iter().enumerate() {
                let place = &mut next_free[*kind as usize];
                cells[*place - 1] = format!("q.c{column}{cast}");
                places.push(*place);
                *place += 1;
            }
            let columns: Vec<String> = (0..kinds.len()).map(|column| format!("c{column}")).collect();
            let (cells, columns, text) = (cells.join(", "), columns.join(", "), shifted(&query.sql, before));
            let _ = write!(whole, " UNION ALL (SELECT {number}, {cells} FROM ({text}) AS q ({columns}))");
            let names = parsed[number - 1].columns().iter().map(|column| column.name().to_owned()).collect();
            parts.push(Part { names, places, parameters: query.parameters.len() });
            before += query.parameters.len();
        }
        Some(Whole { sql: whole, parts })
    }

    /// True when the queries, of which it has the texts, have as many parameters as those it was made of.
    pub(crate) fn fits(&self, queries: &[Statement]) -> bool {
        self.parts.iter().zip(queries).all(|(part, query)| part.parameters == query.parameters.len())
    }

    /// What each query found; `None` where another session or another statement answered.
    pub(crate) fn rows(&self, mark: &Mark, queries: &[Statement], found: &[Row]) -> Result<Option<Vec<Rows>>, Failure> {
        let number = |row: &Row| row.try_get::<_, i32>(0).ok().and_then(|number| usize::try_from(number).ok());
        let shows_mark = |row: &Row| row.try_get(1).is_ok_and(|shown| mark.is_shown_by_statement(shown));
        if !found.iter().any(|row| number(row) == Some(0) && shows_mark(row)) {
            return Ok(None);
        }
        let empty = |part: &Part| Rows { columns: part.names.clone(), rows: Vec::new() };
        let mut all: Vec<Rows> = self.parts.iter().map(empty).collect();
        for row in found {
            let Some(at) = number(row).and_then(|number| number.checked_sub(1)) else { continue };
            let (Some(part), Some(rows), Some(query)) = (self.parts.get(at), all.get_mut(at), queries.get(at)) else {
                return Ok(None);
            };
            let mut values = Vec::with_capacity(part.places.len());
            for place in &part.places {
                values.push(value(row, *place, query)?);
            }
            rows.rows.push(values);
        }
        Ok(Some(all))
    }
}

/// A query that can stand in another: one SELECT, whose parameters are found without knowing all of SQL's texts, names and
/// comments, and that names its columns. What a star stands for may be another thing by the time it is parsed again.
fn is_plain(sql: &str) -> bool {
    let is_select = sql.split_ascii_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("select"));
    let strange = [";", "--", "\"", "\\"].iter().any(|mark| sql.contains(mark));
    let stars = sql.matches('*').count();
    let known_stars: usize =
        ["COUNT(*)", "count(*)", "SELECT page.*"].iter().map(|text| sql.matches(text).count()).sum();
    // Parts of names, and quotes of dollars.
    let in_name = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_';
    let dollars = sql.as_bytes().windows(3).any(|at| at[1] == b'$' && (in_name(at[0]) || !at[2].is_ascii_digit()));
    is_select && !strange && stars == known_stars && !dollars && !sql.ends_with('$')
}

/// The text with its parameters counted from another one on.
fn shifted(sql: &str, by: usize) -> String {
    let mut out = String::with_capacity(sql.len() + 8);
    for (index, piece) in sql.split('\'').enumerate() {
        if index > 0 {
            out.push('\'');
        }
        if index % 2 == 1 {
            out.push_str(piece); // A text in quotes.
            continue;
        }
        let mut pieces = piece.split('$');
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let end = piece.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(piece.len());
            let (number, rest) = piece.split_at(end);
            match number.parse::<usize>() {
                Ok(number) => {
                    let _ = write!(out, "${}{rest}", number + by);
                }
                Err(_) => {
                    out.push('$');
                    out.push_str(piece);
                }
            }
        }
    }
    out
}

/// What was found out of combinations of texts: the statement, or that there is none.
#[derive(Default)]
pub(crate) struct Wholes(Mutex<HashMap<String, Known>>);

/// What is known of queries that are asked together.
#[derive(Clone)]
pub(crate) enum Known {
    /// Nothing yet.
    Nothing,
    /// They cannot be one statement.
    Apart,
    /// They can.
    As(Arc<Whole>),
}

impl Wholes {
    pub(crate) fn known(&self, queries: &[Statement]) -> Known {
        self.0.lock().get(&key(queries)).cloned().unwrap_or(Known::Nothing)
    }

    /// Remembers it of queries that were read, one by one, and are as they should be.
    pub(crate) fn note(&self, queries: &[Statement], whole: Option<Whole>) {
        let mut known = self.0.lock();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(key(queries), whole.map_or(Known::Apart, |whole| Known::As(Arc::new(whole))));
    }

    /// Tables may have changed.
    pub(crate) fn forget(&self, queries: &[Statement]) {
        self.0.lock().remove(&key(queries));
    }
}

fn key(queries: &[Statement]) -> String {
    let mut key = String::with_capacity(queries.iter().map(|query| query.sql.len() + 1).sum());
    for query in queries {
        key.push_str(&query.sql);
        key.push('\0');
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_on_except_in_texts() {
        assert_eq!(shifted("a = $1 AND b IN ($2, $10)", 3), "a = $4 AND b IN ($5, $13)");
        assert_eq!(shifted("a = '$1 it''s $2' AND b = $1", 1), "a = '$1 it''s $2' AND b = $2");
        assert_eq!(shifted("nothing $ here", 1), "nothing $ here");
    }

    #[test]
    fn only_what_is_understood_stands_in_another() {
        for sql in [
            "SELECT a FROM t",
            "select\n a, 'it''s $1' FROM t WHERE b = $1",
            "SELECT COUNT(*) AS total FROM t",
            "SELECT page.*, led0.b FROM (SELECT a FROM t) AS page LEFT JOIN u AS led0 ON led0.a = page.a",
        ] {
            assert!(is_plain(sql), "{sql}");
        }
        for sql in [
            "",
            "SHOW x",
            "WITH a AS (SELECT 1) SELECT 2",
            "SELECT * FROM t",
            "SELECT DISTINCT * FROM t",
            "SELECT t.*, 1 FROM t",
            "SELECT page.* FROM (SELECT * FROM t) AS page",
            "SELECT 1;",
            "SELECT 1 -- it's",
            "SELECT 1 /* it's */",
            "SELECT a AS \"doctor's\" FROM t WHERE a = $1",
            "SELECT E'\\'' FROM t",
            "SELECT col$1 FROM t",
            "SELECT $$it's$$ FROM t",
            "SELECT a FROM t WHERE b = $",
        ] {
            assert!(!is_plain(sql), "{sql}");
        }
    }
}
