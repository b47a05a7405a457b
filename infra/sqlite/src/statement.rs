//! Running one statement: `$n` parameters, values in and out.

use std::borrow::Cow;

use carelog_domain::ports::{Failure, ROWS, Rows, SqlValue, Statement};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{CachedStatement, Connection};

use crate::failure::{PORT, failure};

/// Rows that are given to SQLite at once. A power of two, so that few different texts are prepared.
const ROWS_MAX: usize = 32;

/// Runs a statement that changes something; returns the affected rows and checks what was expected of them.
pub(crate) fn execute(connection: &Connection, statement: &Statement) -> Result<u64, Failure> {
    let affected = match statement.columns {
        None => run(connection, statement, &statement.sql, &statement.parameters)?,
        Some(columns) => run_rows(connection, statement, columns)?,
    };
    match statement.expect {
        Some(expected) if expected != affected => Err(Failure::lasting(
            PORT,
            format!("{} affected {affected} rows instead of {expected}; nothing was written", statement.excerpt()),
        )),
        _ => Ok(affected),
    }
}

/// One text for up to so many rows.
fn run_rows(connection: &Connection, statement: &Statement, columns: usize) -> Result<u64, Failure> {
    statement.samples().map_err(|wrong| Failure::lasting(PORT, wrong))?;
    let row = format!("({})", vec!["?"; columns].join(", "));
    let (mut left, mut affected) = (statement.parameters.as_slice(), 0);
    while let Some(power) = (left.len() / columns).checked_ilog2() {
        let rows = ROWS_MAX.min(1 << power);
        let sql = statement.sql.replacen(ROWS, &format!("VALUES {}", vec![row.as_str(); rows].join(", ")), 1);
        let (share, rest) = left.split_at(rows * columns);
        affected += run(connection, statement, &sql, share)?;
        left = rest;
    }
    Ok(affected)
}

fn run(connection: &Connection, statement: &Statement, sql: &str, parameters: &[SqlValue]) -> Result<u64, Failure> {
    let mut prepared = prepare(connection, statement, sql, parameters)?;
    let affected = prepared.raw_execute().map_err(|error| failure(&doing("could not run", statement), error))?;
    Ok(affected as u64)
}

/// Runs a query.
pub(crate) fn query(connection: &Connection, statement: &Statement) -> Result<Rows, Failure> {
    let mut prepared = prepare(connection, statement, &statement.sql, &statement.parameters)?;
    let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let mut found = Rows { rows: Vec::new(), columns };
    let width = found.columns.len();
    let failed = |error| failure(&doing("could not read", statement), error);
    let mut cursor = prepared.raw_query();
    while let Some(row) = cursor.next().map_err(failed)? {
        let values: Result<Vec<SqlValue>, Failure> =
            (0..width).map(|index| value(row.get_ref(index).map_err(failed)?, statement)).collect();
        found.rows.push(values?);
    }
    Ok(found)
}

fn prepare<'c>(
    connection: &'c Connection,
    statement: &Statement,
    sql: &str,
    parameters: &[SqlValue],
) -> Result<CachedStatement<'c>, Failure> {
    let failed = |error| failure(&doing("could not prepare", statement), error);
    let mut prepared = connection.prepare_cached(&numbered(sql)).map_err(failed)?;
    let (takes, given) = (prepared.parameter_count(), parameters.len());
    if takes != given {
        let message = format!("{} takes {takes} parameters, not {given}", statement.excerpt());
        return Err(Failure::lasting(PORT, message));
    }
    for (index, parameter) in parameters.iter().enumerate() {
        let bound = match parameter {
            SqlValue::Null => prepared.raw_bind_parameter(index + 1, Value::Null),
            SqlValue::Int(number) => prepared.raw_bind_parameter(index + 1, number),
            SqlValue::Text(text) => prepared.raw_bind_parameter(index + 1, text),
            SqlValue::Bytes(bytes) => prepared.raw_bind_parameter(index + 1, bytes),
        };
        bound.map_err(failed)?;
    }
    Ok(prepared)
}

/// SQLite takes `$1` for a name and numbers names by first appearance; `?1` is what the port's `$1` means. Texts in
/// quotes stay as they are.
fn numbered(sql: &str) -> Cow<'_, str> {
    if !sql.contains('$') {
        return Cow::Borrowed(sql);
    }
    let mut quote = None;
    let rewritten = sql.chars().map(|character| {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, '$') => return '?',
            _ => {}
        }
        character
    });
    Cow::Owned(rewritten.collect())
}

fn value(value: ValueRef<'_>, statement: &Statement) -> Result<SqlValue, Failure> {
    Ok(match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(number) => SqlValue::Int(number),
        ValueRef::Blob(bytes) => SqlValue::Bytes(bytes.to_vec()),
        ValueRef::Text(bytes) => SqlValue::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Real(_) => {
            let message = format!("{} gives a fraction; cast it to BIGINT", statement.excerpt());
            return Err(Failure::lasting(PORT, message));
        }
    })
}

fn doing(what: &str, statement: &Statement) -> String {
    format!("{what} {}", statement.excerpt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_become_numbered_parameters_outside_quotes_alone() {
        assert_eq!(numbered("a = $2 AND b = '$1' AND c = $10"), "a = ?2 AND b = '$1' AND c = ?10");
        assert!(matches!(numbered("SELECT 1"), Cow::Borrowed(_)));
    }
}
