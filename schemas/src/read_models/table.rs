//! A table as data, and the DDL made from it.

use super::{Set, sets};

/// A table of a read model.
#[derive(Debug)]
pub struct Table {
    /// Its name, with which those in a database begin.
    pub name: &'static str,
    /// Its columns in order.
    pub columns: &'static [Column],
    /// Names of the columns of its primary key.
    pub key: &'static [&'static str],
    /// Its other indexes.
    pub indexes: &'static [Index],
    /// What each of its rows is written from.
    pub source: Source,
}

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// True when it is never NULL.
    pub required: bool,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A whole number, an instant in microseconds, minor units or a truth.
    Int,
    /// A text, compared as bytes.
    Text,
    /// Bytes, such as a sort key.
    Bytes,
}

/// An index over columns in order.
#[derive(Debug)]
pub struct Index {
    /// The columns' names.
    pub columns: &'static [&'static str],
}

/// What a row is written from: the reason why the order in which partitions are read does not matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// One stream of this category.
    Stream(&'static str),
    /// Streams of one slot.
    Slot,
}

impl Table {
    /// The table's name in a set of a layout.
    pub fn in_set(&self, layout: &str, set: Set) -> String {
        sets::in_set(self.name, layout, set)
    }

    /// The name of the view over the live set of a layout.
    pub fn view(&self, layout: &str) -> String {
        sets::view(self.name, layout)
    }

    /// Statements that make the table and its indexes in a set of a layout.
    pub fn create(&self, layout: &str, set: Set) -> Vec<String> {
        self.create_as(&self.in_set(layout, set))
    }

    /// Statements that make the table and its indexes under this name.
    pub(super) fn create_as(&self, name: &str) -> Vec<String> {
        let columns: Vec<String> = self.columns.iter().map(Column::ddl).collect();
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {name} ({}, PRIMARY KEY ({}))",
            columns.join(", "),
            self.key.join(", ")
        );
        let indexes = self.indexes.iter().enumerate().map(|(number, index)| {
            format!("CREATE INDEX IF NOT EXISTS {name}_{number} ON {name} ({})", index.columns.join(", "))
        });
        std::iter::once(create).chain(indexes).collect()
    }

    /// The statement that removes the table of a set of a layout.
    pub fn drop(&self, layout: &str, set: Set) -> String {
        format!("DROP TABLE IF EXISTS {}", self.in_set(layout, set))
    }

    /// Statements that let the view of a layout show a set.
    pub fn show(&self, layout: &str, set: Set) -> [String; 2] {
        let columns: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        let view = self.view(layout);
        let create = format!("CREATE VIEW {view} AS SELECT {} FROM {}", columns.join(", "), self.in_set(layout, set));
        [format!("DROP VIEW IF EXISTS {view}"), create]
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Column {
    fn ddl(&self) -> String {
        let kind = match self.kind {
            Kind::Int => "BIGINT",
            Kind::Text => "CTEXT",
            Kind::Bytes => "BYTEA",
        };
        let required = if self.required { " NOT NULL" } else { "" };
        format!("{} {kind}{required}", self.name)
    }
}

/// Declares tables: `name: Kind` is a column that may be NULL, `name: Kind!` one that may not. (`$bang` never matches
/// anything; it makes the `!` countable.)
macro_rules! tables {
    ($($(#[$doc:meta])* $constant:ident = $name:literal from $source:expr, key [$($key:ident)*],
        index [$([$($indexed:ident)*])*] { $($(#[doc = $column_doc:literal])* $column:ident : $kind:ident $(! $($bang:lifetime)?)?),* $(,)? })*
    ) => {$(
        $(#[$doc])*
        ///
        /// Columns:
        $(#[doc = concat!("- `", stringify!($column), "`:", $($column_doc,)* "")])*
        pub static $constant: $crate::read_models::Table = $crate::read_models::Table {
            name: $name,
            columns: &[$($crate::read_models::Column {
                name: stringify!($column),
                kind: $crate::read_models::Kind::$kind,
                required: [$(true $($bang)?,)? false][0],
            }),*],
            key: &[$(stringify!($key)),*],
            indexes: &[$($crate::read_models::Index { columns: &[$(stringify!($indexed)),*] }),*],
            source: $source,
        };
    )*};
}

pub(crate) use tables;
