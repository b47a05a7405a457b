//! Rows that were read, by the names of their columns, and those that stand beside them.

use std::sync::Arc;

use carelog_domain::kernel::Timestamp;
use carelog_domain::ports::{Rows, SqlValue};

use super::Beside;
use crate::problem::{Answer, Problem};

/// One row, read by the names of its columns, and the rows beside it. A copy is the same row.
#[derive(Clone)]
pub(crate) struct Row {
    shape: Arc<Shape>,
    /// Its own from a place on, and those of rows beside it.
    values: Arc<[SqlValue]>,
    from: usize,
}

/// What the values of rows are.
struct Shape {
    columns: Vec<String>,
    beside: Vec<Neighbour>,
}

/// A row beside another.
struct Neighbour {
    /// The column of the other that leads to it.
    column: &'static str,
    /// Where its values begin.
    from: usize,
    /// Where its key stands, NULL where there is no such row.
    key: usize,
    /// Whether all its columns were fetched.
    whole: bool,
    shape: Arc<Shape>,
}

/// Where the values of rows of one shape stand.
#[derive(Clone, Copy)]
pub(crate) struct Places<'r> {
    shape: &'r Shape,
    from: usize,
}

impl<'r> Places<'r> {
    /// Where a column's value stands, if it was fetched.
    pub(crate) fn of(self, column: &str) -> Option<usize> {
        self.shape.columns.iter().position(|name| name == column).map(|index| self.from + index)
    }

    /// Where the key of the row stands that the column leads to, NULL where there is none, and what is in that row.
    pub(crate) fn beside(self, column: &str) -> Option<(usize, Places<'r>)> {
        self.shape.neighbour(column).map(|led| (led.key, Places { shape: &led.shape, from: led.from }))
    }
}

impl Shape {
    fn neighbour(&self, column: &str) -> Option<&Neighbour> {
        self.beside.iter().find(|led| led.column == column)
    }
}

/// The rows of a result.
pub(crate) fn rows(found: Rows) -> impl DoubleEndedIterator<Item = Row> + ExactSizeIterator {
    rows_with(found, &[])
}

/// The rows of a result of [`Select::beside`].
pub(crate) fn rows_with(
    found: Rows,
    others: &[Beside],
) -> impl DoubleEndedIterator<Item = Row> + ExactSizeIterator + use<> {
    let mut columns = found.columns;
    let mut beside = Vec::with_capacity(others.len());
    for Beside { rows, whole, key, column } in others.iter().rev() {
        let from = columns.len().saturating_sub(rows.names().count());
        let columns = columns.split_off(from);
        let Some(key) = columns.iter().position(|name| name == key) else { continue }; // Nothing was found.
        let shape = Arc::new(Shape { columns, beside: Vec::new() });
        beside.push(Neighbour { column, from, key: from + key, whole: *whole, shape });
    }
    let shape = Arc::new(Shape { columns, beside });
    found.rows.into_iter().map(move |values| Row { shape: Arc::clone(&shape), values: values.into(), from: 0 })
}

impl Row {
    /// Where its values stand among [`Row::all`].
    pub(crate) fn places(&self) -> Places<'_> {
        Places { shape: &self.shape, from: self.from }
    }

    /// Its values and those of the rows beside it.
    pub(crate) fn all(&self) -> &[SqlValue] {
        &self.values
    }

    /// True when the values of the other stand in the same places.
    pub(crate) fn is_like(&self, other: &Row) -> bool {
        Arc::ptr_eq(&self.shape, &other.shape) && self.from == other.from
    }

    /// The row that the column leads to, or that there is none; `None` where nothing was read beside this one, or without one
    /// of these columns (`None` for all there are).
    pub(crate) fn beside_with(&self, column: &str, needed: Option<&[&'static str]>) -> Option<Option<Row>> {
        let led = self.shape.neighbour(column)?;
        let fetched = |column: &&str| led.shape.columns.iter().any(|name| name == column);
        let has_them = led.whole || needed.is_some_and(|needed| needed.iter().all(fetched));
        let found = self.step_to(led);
        (has_them || found.is_none()).then_some(found)
    }

    fn step_to(&self, led: &Neighbour) -> Option<Row> {
        let is_there = self.values.get(led.key).is_some_and(|key| *key != SqlValue::Null);
        is_there.then(|| Row { shape: Arc::clone(&led.shape), values: Arc::clone(&self.values), from: led.from })
    }

    /// The value, if the column was fetched.
    pub(crate) fn find(&self, column: &str) -> Option<&SqlValue> {
        self.values.get(self.places().of(column)?)
    }

    pub(crate) fn value(&self, column: &'static str) -> Answer<&SqlValue> {
        self.find(column).ok_or_else(|| unreadable(column))
    }

    pub(crate) fn int(&self, column: &'static str) -> Answer<i64> {
        self.value(column)?.int().ok_or_else(|| unreadable(column))
    }

    pub(crate) fn text(&self, column: &'static str) -> Answer<&str> {
        self.value(column)?.text().ok_or_else(|| unreadable(column))
    }

    pub(crate) fn maybe_int(&self, column: &'static str) -> Answer<Option<i64>> {
        match self.value(column)? {
            SqlValue::Null => Ok(None),
            value => value.int().map(Some).ok_or_else(|| unreadable(column)),
        }
    }

    pub(crate) fn maybe_text(&self, column: &'static str) -> Answer<Option<&str>> {
        match self.value(column)? {
            SqlValue::Null => Ok(None),
            value => value.text().map(Some).ok_or_else(|| unreadable(column)),
        }
    }

    pub(crate) fn string(&self, column: &'static str) -> Answer<String> {
        self.text(column).map(str::to_owned)
    }

    pub(crate) fn maybe_string(&self, column: &'static str) -> Answer<Option<String>> {
        Ok(self.maybe_text(column)?.map(str::to_owned))
    }

    pub(crate) fn instant(&self, column: &'static str) -> Answer<Timestamp> {
        self.int(column).map(Timestamp::from_micros)
    }

    pub(crate) fn maybe_instant(&self, column: &'static str) -> Answer<Option<Timestamp>> {
        Ok(self.maybe_int(column)?.map(Timestamp::from_micros))
    }

    pub(crate) fn is(&self, column: &'static str) -> Answer<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A text that was an id, a word or a date when it was written.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, column: &'static str) -> Answer<T> {
        self.text(column)?.parse().map_err(|_| unreadable(column))
    }

    pub(crate) fn maybe_parsed<T: std::str::FromStr>(&self, column: &'static str) -> Answer<Option<T>> {
        self.maybe_text(column)?.map(|text| text.parse().map_err(|_| unreadable(column))).transpose()
    }

    /// A word of a closed list.
    pub(crate) fn word<T>(&self, column: &'static str, from_word: fn(&str) -> Option<T>) -> Answer<T> {
        from_word(self.text(column)?).ok_or_else(|| unreadable(column))
    }

    /// JSON kept in a text column.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Answer<T> {
        serde_json::from_str(self.text(column)?).map_err(|_| unreadable(column))
    }
}

/// A row that is not as the projections write it: the read model is of another revision or was edited by hand.
fn unreadable(column: &'static str) -> Problem {
    tracing::error!(column, "a read model's row cannot be read; verify the projection");
    Problem::new("internal", "the answer cannot be had; an operator finds the cause in the log")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Select;

    #[test]
    fn a_row_knows_the_rows_beside_it_and_that_there_are_none() {
        let others = [
            Beside { rows: Select::new("b, c", "t"), whole: false, key: "b", column: "a" },
            Beside { rows: Select::new("c", "t"), whole: true, key: "c", column: "z" },
        ];
        let columns = ["a", "z", "b", "c", "c"].map(str::to_owned).to_vec();
        let full = [1, 2, 3, 4, 5].map(SqlValue::Int).to_vec();
        let lone = vec![SqlValue::Int(6), SqlValue::Int(7), SqlValue::Null, SqlValue::Null, SqlValue::Int(8)];
        let found: Vec<Row> = rows_with(Rows { columns, rows: vec![full, lone] }, &others).collect();
        let number = |found: Option<Option<Row>>| found.map(|row| row.map(|row| row.int("c").expect("a number")));
        assert_eq!((found[1].int("z").ok(), found[0].find("c")), (Some(7), None));
        let with =
            |row: usize, column: &str, needed: Option<&[&'static str]>| number(found[row].beside_with(column, needed));
        assert_eq!(
            (with(0, "a", Some(&[])), with(0, "z", Some(&[])), with(0, "b", Some(&[]))),
            (Some(Some(4)), Some(Some(5)), None)
        );
        assert_eq!((with(1, "a", Some(&[])), with(1, "z", Some(&[]))), (Some(None), Some(Some(8))));
        assert_eq!((with(0, "a", Some(&["b"])), with(0, "z", None)), (Some(Some(4)), Some(Some(5))));
        assert_eq!((with(0, "a", Some(&["b", "d"])), with(0, "a", None)), (None, None), "not all were fetched");
        assert_eq!(with(1, "a", None), Some(None), "of what is not there all is known");
        let (key, led) = found[0].places().beside("a").expect("it was read");
        assert_eq!((key, led.of("b"), led.of("c"), led.of("z")), (2, Some(2), Some(3), None));
        assert_eq!((found[1].places().of("z"), found[1].all()[1].int()), (Some(1), Some(7)));
        let stepped = found[0].beside_with("a", Some(&[])).flatten().expect("it is there");
        assert!(found[0].is_like(&found[1]) && !found[0].is_like(&stepped));
        assert_eq!(stepped.places().of("c"), Some(3));
        assert_eq!(rows_with(Rows::default(), &others).count(), 0, "a result without rows names no columns");
    }
}
