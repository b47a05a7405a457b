//! Read models built anew in PostgreSQL, beside a bare COPY of the very rows that they write into tables of the same
//! shape. Read models without tables are left out.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::{Bytes, BytesMut};
use carelog_schemas::read_models::{self, Model, Set, Table, table_in};
use futures::{SinkExt, TryStreamExt};
use serde_json::json;
use tokio_postgres::Client;

use super::database::Database;
use crate::api::Api;
use crate::report::{Report, Row, number, rate, share};

/// How much is sent to COPY at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The rows of a table, and an empty one like it.
struct Rows {
    table: &'static Table,
    bytes: Bytes,
}

/// A row for each read model that has tables.
pub(super) async fn measure(api: &Api, database: &Database, report: &mut Report) -> anyhow::Result<()> {
    for name in api.models().await?.0 {
        let model = read_models::model(&name).with_context(|| format!("the read model {name} is not known here"))?;
        if !model.documents {
            report.add(rebuilt(api, database, model).await?)?;
        }
    }
    Ok(())
}

async fn rebuilt(api: &Api, database: &Database, model: &'static Model) -> anyhow::Result<Row> {
    let (client, name) = (&database.client, model.name);
    let written = read(client, model, live_set(database, name).await?).await?;
    let begun = Instant::now();
    let answer = api.post(&format!("/v1/operations/projections/{name}/rebuild"), &json!({})).await?;
    let time = begun.elapsed();
    let events = answer["events"].as_u64().context("a rebuild says how many events it read")?;
    let verdict = api.post("/v1/operations/projections/verify", &json!({ "name": name })).await?;
    ensure!(verdict["agrees"] == json!(true), "{name} does not agree with the log after its rebuild: {verdict}");
    let (rows, copying) = copied(client, written).await?;
    let found = count(client, model, live_set(database, name).await?).await?;
    ensure!(found == rows, "COPY wrote {rows} rows of {name}, the rebuild {found}");
    let (copy_seconds, seconds) = (copying.as_secs_f64(), time.as_secs_f64());
    Ok(Row {
        what: format!("rebuild of {name} on PostgreSQL"),
        figure: format!("{} events/s", number(rate(events, time))),
        times: String::new(),
        beside: format!(
            "bare COPY of its {} rows {copy_seconds:.2} s ({} of the rebuild)",
            number(rows as f64),
            share(copy_seconds, seconds)
        ),
        checked: format!(
            "{} events in {seconds:.2} s, live again, agrees with the log, as many rows as COPY wrote",
            number(events as f64)
        ),
    })
}

async fn live_set(database: &Database, model: &str) -> anyhow::Result<Set> {
    let word = database.live_set(model).await?;
    Set::from_word(&word).with_context(|| format!("{model} lives in a set {word} that is not known here"))
}

/// Reads the rows and makes an empty table like each, as a rebuild has them before it begins to write.
async fn read(client: &Client, model: &Model, set: Set) -> anyhow::Result<Vec<Rows>> {
    let mut read = Vec::new();
    for table in model.tables {
        let (live, copy) = (table_in(set, table.name), copy_of(table));
        let make = format!("DROP TABLE IF EXISTS {copy}; CREATE TABLE {copy} (LIKE {live} INCLUDING ALL)");
        client.batch_execute(&make).await.with_context(|| format!("a table like {live} cannot be made"))?;
        let rows = Box::pin(client.copy_out(&format!("COPY {live} TO STDOUT")).await?);
        let bytes = rows.try_fold(BytesMut::new(), async |mut bytes, row| {
            bytes.extend_from_slice(&row);
            Ok(bytes)
        });
        read.push(Rows { table, bytes: bytes.await.with_context(|| format!("{live} cannot be read"))?.freeze() });
    }
    Ok(read)
}

/// Copies the rows in one transaction, and removes them again; how many there were.
async fn copied(client: &Client, all: Vec<Rows>) -> anyhow::Result<(u64, Duration)> {
    let copies: Vec<String> = all.iter().map(|rows| copy_of(rows.table)).collect();
    let begun = Instant::now();
    client.batch_execute("BEGIN").await?;
    let mut count = 0;
    for Rows { table, mut bytes } in all {
        let mut sink = Box::pin(client.copy_in(&format!("COPY {} FROM STDIN", copy_of(table))).await?);
        while !bytes.is_empty() {
            sink.send(bytes.split_to(bytes.len().min(CHUNK_BYTES))).await?;
        }
        count += sink.as_mut().finish().await?;
    }
    client.batch_execute("COMMIT").await?;
    let time = begun.elapsed();
    client.batch_execute(&format!("DROP TABLE {}", copies.join(", "))).await?;
    Ok((count, time))
}

/// How many rows the tables of a read model hold.
async fn count(client: &Client, model: &Model, set: Set) -> anyhow::Result<u64> {
    let mut count = 0;
    for table in model.tables {
        let row = client.query_one(&format!("SELECT COUNT(*) FROM {}", table_in(set, table.name)), &[]).await?;
        count += u64::try_from(row.try_get::<_, i64>(0)?)?;
    }
    Ok(count)
}

fn copy_of(table: &Table) -> String {
    format!("{}__copy", table.name)
}
