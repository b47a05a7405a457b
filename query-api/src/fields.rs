//! Of which columns the fields of a kind are made, and how: so that a row is read only as far as it is asked for, the rows
//! it leads to are read with it, and most objects of a page are made without running a resolver for each field.

use std::borrow::Cow;

use async_graphql::resolver_utils::{EnumType, enum_value};
use async_graphql::{OutputType, ScalarType, SelectionField, Value};
use carelog_domain::kernel::{LocalDate, Timestamp};
use carelog_domain::ports::SqlValue;

use crate::loading::Found;
use crate::scalars::{Date, DateTime};
use crate::sql::Select;

/// The fields of a kind that may be made from less than a whole row.
pub(crate) type Fields = &'static [Field];

/// A field of an object that is made from a row.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) made: Made,
}

/// How a field is made.
pub(crate) enum Made {
    /// By its resolver only.
    Resolved,
    /// From its one column, as its resolver would; `null` where that holds NULL, if it may.
    Shown { show: Show, may_be_null: bool },
    /// From the row of another kind, whose key its one column holds.
    Led(fn() -> Kind),
}

/// What a column's value is in an answer; `None` where it is not as the projections write it.
pub(crate) type Show = fn(&SqlValue) -> Option<Value>;

/// What is to be known of a kind to read its rows with those that lead to them; see [`Found`].
pub(crate) struct Kind {
    pub(crate) name: fn() -> Cow<'static, str>,
    pub(crate) models: &'static [&'static str],
    pub(crate) key: &'static str,
    pub(crate) reach: Option<&'static str>,
    pub(crate) fields: Fields,
    pub(crate) select: Select,
}

impl Field {
    /// Made by its resolver.
    pub(crate) const fn resolved(name: &'static str, columns: &'static [&'static str]) -> Field {
        Field { name, columns, made: Made::Resolved }
    }

    /// The value of a column that is never NULL.
    pub(crate) const fn of(name: &'static str, column: &'static [&'static str; 1], show: Show) -> Field {
        Field { name, columns: column, made: Made::Shown { show, may_be_null: false } }
    }

    /// The value of a column that may be NULL.
    pub(crate) const fn maybe(name: &'static str, column: &'static [&'static str; 1], show: Show) -> Field {
        Field { name, columns: column, made: Made::Shown { show, may_be_null: true } }
    }

    /// What the column leads to.
    pub(crate) const fn led(name: &'static str, column: &'static [&'static str; 1], to: fn() -> Kind) -> Field {
        Field { name, columns: column, made: Made::Led(to) }
    }

    /// The field of this name.
    pub(crate) fn named(known: Fields, name: &str) -> Option<&'static Field> {
        known.iter().find(|field| field.name == name)
    }
}

impl Kind {
    pub(crate) fn of<T: Found + OutputType>() -> Kind {
        let (name, models, select) = (T::type_name, T::MODELS, T::select());
        Kind { name, models, key: T::KEY, reach: T::REACH, fields: T::FIELDS, select }
    }
}

/// The columns that these fields are made of, each once; `None` where all of them are needed.
pub(crate) fn columns_of<'f>(
    known: Fields,
    asked: impl Iterator<Item = SelectionField<'f>>,
) -> Option<Vec<&'static str>> {
    let mut columns = Vec::new();
    for field in asked.filter(|field| field.name() != "__typename") {
        columns.extend(Field::named(known, field.name())?.columns);
    }
    (!known.is_empty()).then(|| each_once(columns))
}

/// The same names without repetition.
pub(crate) fn each_once(mut names: Vec<&'static str>) -> Vec<&'static str> {
    names.sort_unstable();
    names.dedup();
    names
}

/// A text, or an id.
pub(crate) fn text(value: &SqlValue) -> Option<Value> {
    value.text().map(Value::from)
}

/// A whole number.
pub(crate) fn number(value: &SqlValue) -> Option<Value> {
    value.int().map(Value::from)
}

/// True or false.
pub(crate) fn truth(value: &SqlValue) -> Option<Value> {
    value.int().map(|truth| Value::from(truth != 0))
}

/// An instant.
pub(crate) fn instant(value: &SqlValue) -> Option<Value> {
    value.int().map(|micros| DateTime(Timestamp::from_micros(micros)).to_value())
}

/// A day.
pub(crate) fn date(value: &SqlValue) -> Option<Value> {
    value.text()?.parse::<LocalDate>().ok().map(|date| Date(date).to_value())
}

/// A word of a closed list.
pub(crate) fn word<T: EnumType>(value: &SqlValue, from_word: fn(&str) -> Option<T>) -> Option<Value> {
    from_word(value.text()?).map(enum_value)
}
