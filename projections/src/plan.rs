//! From the row changes of many events to few statements.
//!
//! Changes of one row are folded in memory; what is left is one write a row, several rows a statement. Changes of all
//! rows under the beginning of a key cannot be folded: they run first, and are applied to the folded rows as well, which
//! comes to the same as one after the other.

use std::collections::BTreeMap;

use carelog_domain::ports::{ROWS, SqlValue, Statement};
use carelog_schemas::read_models::{Set, Table};

use crate::change::{Cell, RowChange, RowWhat};

/// Rows of one INSERT; bounds how long a store is busy with one statement.
const ROWS_MAX: usize = 1_024;

/// A change that does not fit its table: a bug of a projection.
#[derive(Debug, thiserror::Error)]
#[error("table {table} has no column {column}, or its key has fewer columns than given")]
pub(crate) struct Misfit {
    table: &'static str,
    column: &'static str,
}

/// The statements that carry all changes out, in order.
pub(crate) fn statements<'a>(
    layout: &str,
    set: Set,
    changes: impl IntoIterator<Item = &'a RowChange>,
) -> Result<Vec<Statement>, Misfit> {
    let mut plans: BTreeMap<&'static str, TablePlan> = BTreeMap::new();
    for change in changes {
        fits(change)?;
        plans.entry(change.table.name).or_insert_with(|| TablePlan::of(change.table, layout, set)).take(change);
    }
    Ok(plans.into_values().flat_map(TablePlan::statements).collect())
}

fn fits(change: &RowChange) -> Result<(), Misfit> {
    let misfit = |column| Misfit { table: change.table.name, column };
    if change.key.len() > change.table.key.len() {
        return Err(misfit("key"));
    }
    let known = |column: &'static str| change.table.column(column).map(|_| ()).ok_or_else(|| misfit(column));
    match &change.what {
        RowWhat::Put(cells) | RowWhat::Patch(cells) => cells.iter().try_for_each(|(column, _)| known(column)),
        RowWhat::Add(numbers) | RowWhat::Count(numbers) => numbers.iter().try_for_each(|(column, _)| known(column)),
        RowWhat::Delete => Ok(()),
    }
}

struct TablePlan {
    table: &'static Table,
    name: String,
    /// Over several rows; they run first.
    early: Vec<Statement>,
    rows: BTreeMap<Vec<SqlValue>, Row>,
}

/// What becomes of one row.
#[derive(Default)]
struct Row {
    insert: bool,
    values: BTreeMap<&'static str, SqlValue>,
    adds: BTreeMap<&'static str, i64>,
}

impl Row {
    fn set(&mut self, cells: &[Cell]) {
        for (column, value) in cells {
            self.adds.remove(column);
            self.values.insert(column, value.clone());
        }
    }

    fn add(&mut self, numbers: &[(&'static str, i64)]) {
        for (column, number) in numbers {
            match self.values.get_mut(column) {
                Some(SqlValue::Int(value)) => *value += number,
                _ => *self.adds.entry(column).or_default() += number,
            }
        }
    }

    /// Rows of one shape share a statement.
    fn shape(&self) -> (bool, Vec<&'static str>, Vec<&'static str>) {
        (self.insert, self.values.keys().copied().collect(), self.adds.keys().copied().collect())
    }

    fn into_values(self) -> impl Iterator<Item = SqlValue> {
        self.values.into_values().chain(self.adds.into_values().map(SqlValue::Int))
    }
}

impl TablePlan {
    fn of(table: &'static Table, layout: &str, set: Set) -> TablePlan {
        TablePlan { table, name: table.in_set(layout, set), early: Vec::new(), rows: BTreeMap::new() }
    }

    fn take(&mut self, change: &RowChange) {
        let several = change.key.len() < self.table.key.len();
        match &change.what {
            RowWhat::Put(cells) => {
                let row = self.rows.entry(change.key.clone()).or_default();
                row.insert = true;
                row.set(cells);
            }
            RowWhat::Patch(cells) if several => {
                self.under(&change.key).for_each(|(_, row)| row.set(cells));
                self.early.push(update(&self.name, self.table, &change.key, cells, &[]));
            }
            RowWhat::Patch(cells) => self.rows.entry(change.key.clone()).or_default().set(cells),
            RowWhat::Add(numbers) => self.rows.entry(change.key.clone()).or_default().add(numbers),
            RowWhat::Count(numbers) => {
                let row = self.rows.entry(change.key.clone()).or_default();
                row.insert = true;
                row.add(numbers);
            }
            RowWhat::Delete => {
                self.rows.retain(|key, _| !key.starts_with(&change.key));
                let (condition, parameters) = under(self.table, &change.key, 1);
                self.early.push(Statement::new(format!("DELETE FROM {} WHERE {condition}", self.name), parameters));
            }
        }
    }

    fn under<'a>(&'a mut self, key: &'a [SqlValue]) -> impl Iterator<Item = (&'a Vec<SqlValue>, &'a mut Row)> {
        self.rows.iter_mut().filter(move |(row_key, _)| row_key.starts_with(key))
    }

    fn statements(self) -> Vec<Statement> {
        let TablePlan { table, name, early: mut statements, rows } = self;
        let mut shapes: BTreeMap<_, Vec<(Vec<SqlValue>, Row)>> = BTreeMap::new();
        for (key, row) in rows {
            shapes.entry(row.shape()).or_default().push((key, row));
        }
        for ((insert, values, adds), rows) in shapes {
            if !insert {
                statements.extend(rows.into_iter().map(|(key, row)| update_row(&name, table, &key, row)));
                continue;
            }
            let mut rows = rows.into_iter();
            while rows.len() > 0 {
                statements.push(upsert(&name, table, &values, &adds, rows.by_ref().take(ROWS_MAX)));
            }
        }
        statements
    }
}

fn update_row(name: &str, table: &Table, key: &[SqlValue], row: Row) -> Statement {
    let values: Vec<Cell> = row.values.into_iter().collect();
    let adds: Vec<(&'static str, i64)> = row.adds.into_iter().collect();
    update(name, table, key, &values, &adds)
}

fn update(name: &str, table: &Table, key: &[SqlValue], values: &[Cell], adds: &[(&'static str, i64)]) -> Statement {
    let set = values.iter().enumerate().map(|(index, (column, _))| format!("{column} = ${}", index + 1));
    let add = adds.iter().enumerate().map(|(index, (column, _))| {
        let place = values.len() + index + 1;
        format!("{column} = {column} + ${place}")
    });
    let set: Vec<String> = set.chain(add).collect();
    let (condition, keys) = under(table, key, values.len() + adds.len() + 1);
    let parameters = values.iter().map(|(_, value)| value.clone());
    let parameters = parameters.chain(adds.iter().map(|(_, number)| SqlValue::Int(*number))).chain(keys).collect();
    Statement::new(format!("UPDATE {name} SET {} WHERE {condition}", set.join(", ")), parameters)
}

/// The condition for all rows under a key or its beginning, its parameters numbered from `first`.
fn under(table: &Table, key: &[SqlValue], first: usize) -> (String, Vec<SqlValue>) {
    let parts = table.key.iter().zip(key).enumerate();
    let parts: Vec<String> = parts.map(|(index, (column, _))| format!("{column} = ${}", first + index)).collect();
    (parts.join(" AND "), key.to_vec())
}

fn upsert(
    name: &str,
    table: &Table,
    values: &[&'static str],
    adds: &[&'static str],
    rows: impl Iterator<Item = (Vec<SqlValue>, Row)>,
) -> Statement {
    let columns: Vec<&str> = table.key.iter().chain(values).chain(adds).copied().collect();
    let set = values.iter().map(|column| format!("{column} = excluded.{column}"));
    let add = adds.iter().map(|column| format!("{column} = {name}.{column} + excluded.{column}"));
    let set: Vec<String> = set.chain(add).collect();
    let conflict = if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", set.join(", ")) };
    let sql = format!(
        "INSERT INTO {name} ({}) {ROWS} ON CONFLICT ({}) DO {conflict}",
        columns.join(", "),
        table.key.join(", ")
    );
    let cells = rows.flat_map(|(key, row)| key.into_iter().chain(row.into_values())).collect();
    Statement::of_rows(sql, columns.len(), cells)
}

#[cfg(test)]
mod tests {
    use carelog_schemas::read_models::availability::SEATS;
    use carelog_schemas::read_models::imports::IMPORTS;
    use carelog_schemas::read_models::invoices::LEDGER_BALANCES;

    use super::*;
    use crate::change::{Change, count, delete, int, patch, put, text};

    fn plan(changes: &[Change]) -> Vec<Statement> {
        let rows = changes.iter().filter_map(|change| match change {
            Change::Row(row) => Some(row),
            Change::Item(_) => None,
        });
        statements("1f2e3d4c", Set::A, rows).expect("changes that fit")
    }

    fn import(state: &str) -> Change {
        put(&IMPORTS, vec![("hospital", text("h")), ("manifest", text("m")), ("state", text(state))])
    }

    #[test]
    fn changes_of_one_row_become_one_write() {
        let statements =
            plan(&[import("running"), patch(&IMPORTS, vec![text("h"), text("m")], vec![("state", text("x"))])]);
        assert_eq!(statements.len(), 1);
        assert!(
            statements[0]
                .sql
                .starts_with("INSERT INTO imports__1f2e3d4c_a (hospital, manifest, state) {rows} ON CONFLICT")
        );
        assert_eq!(statements[0].parameters[2], text("x"));
    }

    #[test]
    fn what_is_removed_under_a_key_goes_first_and_what_comes_after_it_stays() {
        let statements = plan(&[import("old"), delete(&IMPORTS, vec![text("h")]), import("new")]);
        assert_eq!(statements[0].sql, "DELETE FROM imports__1f2e3d4c_a WHERE hospital = $1");
        assert_eq!(statements[1].parameters[2], text("new"));
        assert_eq!(plan(&[import("old"), delete(&IMPORTS, vec![text("h")])]).len(), 1);
    }

    #[test]
    fn counts_add_up_and_are_added_to_what_is_there() {
        let key = || vec![text("h"), text("assets:cash"), text("GBP")];
        let statements = plan(&[
            count(&LEDGER_BALANCES, key(), vec![("debits", 5)]),
            count(&LEDGER_BALANCES, key(), vec![("debits", 7)]),
        ]);
        assert_eq!(statements.len(), 1);
        assert!(
            statements[0].sql.ends_with("DO UPDATE SET debits = ledger_balances__1f2e3d4c_a.debits + excluded.debits")
        );
        assert_eq!(statements[0].parameters[3], int(12));
    }

    #[test]
    fn rows_of_one_shape_share_a_statement_up_to_a_bound() {
        let seats: Vec<Change> = (0..1_100)
            .map(|number| {
                let cells = vec![
                    ("role", text("r")),
                    ("date", text("2024-12-02")),
                    ("start_at", int(number)),
                    ("appointment", text("a")),
                    ("overbooked", int(0)),
                ];
                put(&SEATS, cells)
            })
            .collect();
        let rows: Vec<usize> = plan(&seats).iter().map(|statement| statement.parameters.len() / 5).collect();
        assert_eq!(rows, [1_024, 76]);
    }

    #[test]
    fn a_column_that_is_not_there_is_named() {
        let change = RowChange {
            table: &IMPORTS,
            key: vec![text("h"), text("m")],
            what: RowWhat::Patch(vec![("nope", int(1))]),
        };
        assert!(statements("1f2e3d4c", Set::A, [&change]).expect_err("a misfit").to_string().contains("nope"));
    }
}
