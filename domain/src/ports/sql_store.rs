//! Rows of read models. One SQL text for every database: parameters are `$1`, `$2` ..., instants are integer
//! microseconds, texts compare as bytes, no LIKE, no implicit order of NULL.

use super::{BoxFuture, Failure};

/// Says of what queries found, in their order, whether it is fresh enough.
pub type FreshEnough<'a> = &'a (dyn Fn(&[Rows]) -> bool + Send + Sync);

/// A relational store.
pub trait SqlStore: Send + Sync {
    /// Runs all statements in one transaction; none has an effect when one fails or a statement's `expect` differs.
    /// Returns the affected rows of each.
    fn write(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<Vec<u64>, Failure>>;

    /// Runs all queries on one snapshot.
    fn read(&self, queries: Vec<Statement>) -> BoxFuture<'_, Result<Vec<Rows>, Failure>>;

    /// The same on a snapshot that may be older than the last write, such as a replica's, if what it finds is fresh
    /// enough; otherwise as [`SqlStore::read`].
    fn read_fresh_enough<'a>(
        &'a self,
        queries: Vec<Statement>,
        _fresh_enough: FreshEnough<'a>,
    ) -> BoxFuture<'a, Result<Vec<Rows>, Failure>> {
        self.read(queries) // Without copies everything is as fresh as can be.
    }
}

/// A value of a parameter or a column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SqlValue {
    /// Nothing.
    Null,
    /// A whole number; also instants (microseconds), booleans (0, 1) and minor units of money.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes, such as a sort key.
    Bytes(Vec<u8>),
}

macro_rules! sql_values {
    ($($from:ty => |$value:ident| $into:expr;)*) => {$(
        impl From<$from> for SqlValue {
            fn from($value: $from) -> SqlValue { $into }
        }
    )*};
}

sql_values! {
    i64 => |value| SqlValue::Int(value);
    bool => |value| SqlValue::Int(i64::from(value));
    String => |value| SqlValue::Text(value);
    &str => |value| SqlValue::Text(value.to_owned());
    Vec<u8> => |value| SqlValue::Bytes(value);
    crate::kernel::Timestamp => |value| SqlValue::Int(value.micros());
}

impl<T: Into<SqlValue>> From<Option<T>> for SqlValue {
    fn from(value: Option<T>) -> SqlValue {
        value.map_or(SqlValue::Null, Into::into)
    }
}

impl SqlValue {
    /// The number, if it is one.
    pub const fn int(&self) -> Option<i64> {
        if let SqlValue::Int(value) = self { Some(*value) } else { None }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let SqlValue::Text(value) = self { Some(value) } else { None }
    }

    /// The bytes, if it is some.
    pub fn bytes(&self) -> Option<&[u8]> {
        if let SqlValue::Bytes(value) = self { Some(value) } else { None }
    }
}

/// What stands in the text of a statement for the rows that it takes.
pub const ROWS: &str = "{rows}";

/// One statement and its parameters.
#[derive(Clone, PartialEq, Debug)]
pub struct Statement {
    /// The text; `$1` is the first parameter.
    pub sql: String,
    /// The parameters.
    pub parameters: Vec<SqlValue>,
    /// Of a statement that takes rows, how many parameters make one.
    pub columns: Option<usize>,
    /// How many rows it must affect for the transaction to stand.
    pub expect: Option<u64>,
}

impl Statement {
    /// A statement whose number of affected rows does not matter.
    pub fn new(sql: impl Into<String>, parameters: Vec<SqlValue>) -> Statement {
        Statement { sql: sql.into(), parameters, columns: None, expect: None }
    }

    /// A statement that takes rows, each of so many values, and nothing else: `INSERT INTO seats (role, start_at) {rows}`.
    /// Each store gives them to its database as that takes many best. Values of one column are of one kind or NULL, and no
    /// two rows have one key.
    pub fn of_rows(sql: impl Into<String>, columns: usize, values: Vec<SqlValue>) -> Statement {
        Statement { sql: sql.into(), parameters: values, columns: Some(columns), expect: None }
    }

    /// One value of each column of the rows that is not NULL, where there is one; nothing for a statement without rows. A
    /// store that runs it looks at them first.
    ///
    /// # Errors
    ///
    /// Says in words what is wrong with the rows.
    pub fn samples(&self) -> Result<Option<Vec<Option<&SqlValue>>>, String> {
        let Some(columns) = self.columns else { return Ok(None) };
        let values = self.parameters.len();
        if columns == 0 || !values.is_multiple_of(columns) {
            return Err(format!("{} takes rows of {columns} values, and {values} make none", self.excerpt()));
        }
        if !self.sql.contains(ROWS) {
            return Err(format!("{} does not say where {ROWS} go", self.excerpt()));
        }
        let mut samples: Vec<Option<&SqlValue>> = vec![None; columns];
        for (place, value) in self.parameters.iter().enumerate().filter(|(_, value)| **value != SqlValue::Null) {
            let sample = *samples[place % columns].get_or_insert(value);
            if std::mem::discriminant(sample) != std::mem::discriminant(value) {
                let column = place % columns + 1;
                return Err(format!("{} has values of two kinds in column {column}", self.excerpt()));
            }
        }
        Ok(Some(samples))
    }

    /// The transaction stands only if exactly this many rows are affected.
    #[must_use]
    pub fn expecting(mut self, rows: u64) -> Statement {
        self.expect = Some(rows);
        self
    }

    /// The beginning of its text, for messages. Values are parameters, so nothing personal is in it.
    pub fn excerpt(&self) -> String {
        const CHARACTERS_MAX: usize = 80;
        match self.sql.char_indices().nth(CHARACTERS_MAX) {
            Some((end, _)) => format!("`{}...`", &self.sql[..end]),
            None => format!("`{}`", self.sql),
        }
    }
}

/// What a query found: rows of values in the order of its columns.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rows {
    /// Names of the columns; there may be none when there is no row.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<SqlValue>>,
}
