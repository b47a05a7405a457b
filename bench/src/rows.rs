//! Rows of read models written to PostgreSQL as a rebuild writes them, beside a bare COPY of the same rows into a table
//! of the same shape.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use carelog_domain::ports::{ROWS, SqlStore, SqlValue, Statement};
use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_schemas::read_models::{Kind, Set, Table, appointments, availability};
use futures::SinkExt;
use tokio_postgres::{Client, Config, NoTls};

use crate::postgres::database;
use crate::pressure::Pressure;
use crate::report::{Report, Row, number, rate, share};

/// Rows of one statement and of one transaction, as projections write them.
const STATEMENT_ROWS: u64 = 1_024;
const TRANSACTION_ROWS: u64 = 4_096;
/// In the tables' names; no program's.
const LAYOUT: &str = "bench";

/// A row for a wide table with many indexes and for a narrow one.
pub(crate) async fn measure(parameters: &str, pressure: &Pressure, report: &mut Report) -> anyhow::Result<()> {
    let server: Config = parameters.parse().context("the parameters of PostgreSQL")?;
    let url = database::url(&server, server.get_dbname().unwrap_or("postgres"))?;
    let store = PostgresStore::connect(PostgresSettings::new(url)).await?;
    let (client, connection) =
        tokio_postgres::connect(parameters, NoTls).await.context("PostgreSQL cannot be reached")?;
    tokio::spawn(connection);
    client.batch_execute("SET search_path TO carelog").await?;
    for table in [&appointments::APPOINTMENTS, &availability::SEATS] {
        let ours = upserted(&store, table, pressure.rows).await?;
        let bare = copied(&store, &client, table, pressure.rows).await?;
        let (ours, bare) = (rate(pressure.rows, ours), rate(pressure.rows, bare));
        report.add(Row {
            what: format!("rows of {} ({} columns) into PostgreSQL, one writer", table.name, table.columns.len()),
            figure: format!("{}/s", number(ours)),
            beside: format!("bare COPY {}/s (we reach {})", number(bare), share(ours, bare)),
            checked: format!("both tables hold {} rows", pressure.rows),
            times: String::new(),
        })?;
    }
    Ok(())
}

async fn fresh(store: &PostgresStore, table: &Table) -> anyhow::Result<()> {
    let statements = std::iter::once(table.drop(LAYOUT, Set::A)).chain(table.create(LAYOUT, Set::A));
    store.write(statements.map(|sql| Statement::new(sql, vec![])).collect()).await?;
    Ok(())
}

async fn counted(client: &dyn SqlStore, table: &Table, rows: u64) -> anyhow::Result<()> {
    let sql = format!("SELECT COUNT(*) FROM {}", table.in_set(LAYOUT, Set::A));
    let found = client.read(vec![Statement::new(sql, vec![])]).await?[0].rows[0][0].int();
    ensure!(found == Some(rows as i64), "{rows} rows were written, but {} holds {found:?}", table.name);
    Ok(())
}

async fn upserted(store: &PostgresStore, table: &Table, rows: u64) -> anyhow::Result<Duration> {
    fresh(store, table).await?;
    let begun = Instant::now();
    for first in (0..rows).step_by(TRANSACTION_ROWS as usize) {
        let end = (first + TRANSACTION_ROWS).min(rows);
        let starts = (first..end).step_by(STATEMENT_ROWS as usize);
        store.write(starts.map(|start| upsert(table, start..(start + STATEMENT_ROWS).min(end))).collect()).await?;
    }
    let spent = begun.elapsed();
    counted(store, table, rows).await?;
    Ok(spent)
}

async fn copied(store: &PostgresStore, client: &Client, table: &Table, rows: u64) -> anyhow::Result<Duration> {
    fresh(store, table).await?;
    let begun = Instant::now();
    for first in (0..rows).step_by(TRANSACTION_ROWS as usize) {
        let lines = (first..(first + TRANSACTION_ROWS).min(rows)).map(|number| {
            let cells: Vec<String> = row(table, number).iter().map(copy_cell).collect();
            format!("{}\n", cells.join("\t"))
        });
        let mut sink = Box::pin(client.copy_in(&format!("COPY {} FROM STDIN", table.in_set(LAYOUT, Set::A))).await?);
        sink.send(bytes::Bytes::from(lines.collect::<String>())).await?;
        sink.as_mut().finish().await?;
    }
    let spent = begun.elapsed();
    counted(store, table, rows).await?;
    Ok(spent)
}

fn upsert(table: &Table, rows: std::ops::Range<u64>) -> Statement {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let rest = columns.iter().filter(|name| !table.key.contains(name));
    let set: Vec<String> = rest.map(|name| format!("{name} = excluded.{name}")).collect();
    let sql = format!(
        "INSERT INTO {} ({}) {ROWS} ON CONFLICT ({}) DO UPDATE SET {}",
        table.in_set(LAYOUT, Set::A),
        columns.join(", "),
        table.key.join(", "),
        set.join(", ")
    );
    Statement::of_rows(sql, columns.len(), rows.flat_map(|number| row(table, number)).collect())
}

/// Values of the size that ids and instants have; every third that may be NULL is.
fn row(table: &Table, number: u64) -> Vec<SqlValue> {
    let value = |(index, column): (usize, &carelog_schemas::read_models::Column)| match column.kind {
        _ if !column.required && index % 3 == 0 => SqlValue::Null,
        Kind::Int => SqlValue::Int((1_733_000_000_000_000 + number * 17) as i64),
        Kind::Text => SqlValue::Text(format!("018f2c7e-0000-8000-{index:04x}-{:012x}", number * 7919 % 1_000_003)),
        Kind::Bytes => SqlValue::Bytes(number.to_be_bytes().to_vec()),
    };
    table.columns.iter().enumerate().map(value).collect()
}

fn copy_cell(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => "\\N".to_owned(),
        SqlValue::Int(number) => number.to_string(),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Bytes(bytes) => bytes.iter().fold("\\\\x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
    }
}
