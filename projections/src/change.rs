//! What a projection asks for: changes of rows and of chart items, as plain data.

use carelog_domain::kernel::{LocalDate, Personal};
use carelog_domain::ports::SqlValue;
use carelog_schemas::read_models::Table;
use carelog_schemas::read_models::chart::ItemChange;

/// A column and its value.
pub type Cell = (&'static str, SqlValue);

/// One change.
#[derive(Clone, Debug)]
pub enum Change {
    /// Of a row, or of several that share the beginning of a key.
    Row(RowChange),
    /// Of an item of a patient's chart.
    Item(ItemChange),
}

/// A change of rows of one table.
#[derive(Clone, Debug)]
pub struct RowChange {
    /// The table.
    pub table: &'static Table,
    /// Values of the key's columns, in its order. Patches and deletions may name the first few alone.
    pub key: Vec<SqlValue>,
    /// What is done.
    pub what: RowWhat,
}

/// What is done to rows.
#[derive(Clone, Debug)]
pub enum RowWhat {
    /// Makes the row, or sets these columns of it; columns not named keep what they have (NULL in a new row).
    Put(Vec<Cell>),
    /// Sets columns of what is there.
    Patch(Vec<Cell>),
    /// Adds to columns of the row that is there.
    Add(Vec<(&'static str, i64)>),
    /// Adds to columns, from 0 if there is no such row yet.
    Count(Vec<(&'static str, i64)>),
    /// Removes.
    Delete,
}

/// Makes or replaces columns of a row; the key's columns are among the cells.
pub fn put(table: &'static Table, cells: Vec<Cell>) -> Change {
    let (mut key, mut rest) = (vec![SqlValue::Null; table.key.len()], Vec::with_capacity(cells.len()));
    for (column, value) in cells {
        match table.key.iter().position(|name| *name == column) {
            Some(place) => key[place] = value,
            None => rest.push((column, value)),
        }
    }
    Change::Row(RowChange { table, key, what: RowWhat::Put(rest) })
}

/// Sets columns of the rows under a key or its beginning.
pub fn patch(table: &'static Table, key: Vec<SqlValue>, cells: Vec<Cell>) -> Change {
    Change::Row(RowChange { table, key, what: RowWhat::Patch(cells) })
}

/// Adds to columns of a row that is there.
pub fn add(table: &'static Table, key: Vec<SqlValue>, numbers: Vec<(&'static str, i64)>) -> Change {
    Change::Row(RowChange { table, key, what: RowWhat::Add(numbers) })
}

/// Adds to columns of a row, made when it is not there.
pub fn count(table: &'static Table, key: Vec<SqlValue>, numbers: Vec<(&'static str, i64)>) -> Change {
    Change::Row(RowChange { table, key, what: RowWhat::Count(numbers) })
}

/// Removes the rows under a key or its beginning.
pub fn delete(table: &'static Table, key: Vec<SqlValue>) -> Change {
    Change::Row(RowChange { table, key, what: RowWhat::Delete })
}

/// An id, word or date as a text value.
pub fn text(value: impl std::fmt::Display) -> SqlValue {
    SqlValue::Text(value.to_string())
}

/// The same of something that may be absent.
pub fn maybe_text(value: Option<impl std::fmt::Display>) -> SqlValue {
    value.map_or(SqlValue::Null, text)
}

/// A count or number.
pub fn int(value: impl TryInto<i64>) -> SqlValue {
    // Sizes and counts of one event are far below 2^63.
    SqlValue::Int(value.try_into().unwrap_or(i64::MAX))
}

/// A local date.
pub fn date(value: LocalDate) -> SqlValue {
    SqlValue::Text(value.to_string())
}

/// A personal text, NULL when absent or erased.
pub fn personal<P>(value: Option<&Personal<String, P>>) -> SqlValue {
    maybe_text(value.and_then(Personal::open))
}

/// Plain data as a JSON text.
pub fn json(value: &impl serde::Serialize) -> SqlValue {
    SqlValue::Text(serde_json::to_string(value).expect("plain data with text keys always becomes JSON"))
}
