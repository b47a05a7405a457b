//! Values on their way to the server and back.
//!
//! The types of parameters are said with the statement (a NULL's is left to the server to infer), so that a statement is
//! parsed, bound and run in one round trip and leaves nothing behind: no named statement, which pgbouncer's transaction
//! mode would lose, and no look-up of types, which the driver does by one.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::LazyLock;

use bytes::BytesMut;
use carelog_domain::ports::{Failure, SqlValue, Statement};
use tokio_postgres::Row;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::failure::PORT;

/// Object id 0: the server infers the type.
static INFERRED: LazyLock<Type> =
    LazyLock::new(|| Type::new("inferred".to_owned(), 0, Kind::Simple, "pg_catalog".to_owned()));

/// A value as a parameter.
pub(crate) struct Parameter<'a>(pub(crate) &'a SqlValue);

impl<'a> Parameter<'a> {
    /// The value with its type.
    pub(crate) fn typed(value: &'a SqlValue) -> (Parameter<'a>, Type) {
        (Parameter(value), kind(value).unwrap_or_else(|| INFERRED.clone()))
    }
}

/// The type of a value; NULL has none.
pub(crate) const fn kind(value: &SqlValue) -> Option<Type> {
    match value {
        SqlValue::Null => None,
        SqlValue::Int(_) => Some(Type::INT8),
        SqlValue::Text(_) => Some(Type::TEXT),
        SqlValue::Bytes(_) => Some(Type::BYTEA),
    }
}

/// Without the value, which may be personal: the driver writes parameters into its debug log.
impl fmt::Debug for Parameter<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("..")
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            SqlValue::Null => return Ok(IsNull::Yes),
            SqlValue::Int(number) => out.extend_from_slice(&number.to_be_bytes()),
            SqlValue::Text(text) => out.extend_from_slice(storable(text).as_bytes()),
            SqlValue::Bytes(bytes) => out.extend_from_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true // The type was chosen from the value.
    }

    to_sql_checked!();
}

/// PostgreSQL keeps every character but U+0000. One that found its way into an event is no reason to stop a read model:
/// it is kept, and looked for, as the replacement character.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// The values of a row.
pub(crate) fn values(row: &Row, statement: &Statement) -> Result<Vec<SqlValue>, Failure> {
    (0..row.len()).map(|index| value(row, index, statement)).collect()
}

/// One value of a row.
pub(crate) fn value(row: &Row, index: usize, statement: &Statement) -> Result<SqlValue, Failure> {
    // A domain such as CTEXT comes back as the type beneath it.
    let read = match *row.columns()[index].type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(index).map(SqlValue::from),
        Type::INT4 => row.try_get::<_, Option<i32>>(index).map(|number| number.map(i64::from).into()),
        Type::INT2 => row.try_get::<_, Option<i16>>(index).map(|number| number.map(i64::from).into()),
        Type::BOOL => row.try_get::<_, Option<bool>>(index).map(SqlValue::from),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => {
            row.try_get::<_, Option<&str>>(index).map(SqlValue::from)
        }
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index).map(SqlValue::from),
        ref other => {
            let message = format!("{} gives a {other}; cast it to BIGINT, TEXT or BYTEA", statement.excerpt());
            return Err(Failure::lasting(PORT, message));
        }
    };
    read.map_err(|error| {
        Failure::lasting(PORT, format!("{} gives a value that cannot be read", statement.excerpt())).caused_by(error)
    })
}
