//! PostgreSQL under the same demand: an `INSERT` a commit, with `UNIQUE(stream, version)`, a connection a client.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio_postgres::{Client, NoTls};

use super::Measured;
use super::event::DATA_BYTES;
use crate::percentiles::Times;

const TABLE: &str = "
    DROP TABLE IF EXISTS events;
    CREATE TABLE events (
        position bigserial PRIMARY KEY,
        stream text NOT NULL,
        version bigint NOT NULL,
        data bytea NOT NULL,
        UNIQUE (stream, version)
    )";
const INSERT: &str = "INSERT INTO events (stream, version, data) VALUES ($1, $2, $3)";

/// Inserts on so many connections until the time is up.
pub(super) async fn measure(parameters: &str, clients: usize, time: Duration) -> anyhow::Result<Measured> {
    let admin = connect(parameters).await?;
    for setting in ["fsync", "synchronous_commit"] {
        let row = admin.query_one(&format!("SHOW {setting}"), &[]).await?;
        let value: &str = row.get(0);
        ensure!(value == "on", "PostgreSQL must be measured with {setting} on, it is {value}");
    }
    admin.batch_execute(TABLE).await.context("the table could not be made")?;
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(connect(parameters).await?);
    }
    let begun = Instant::now();
    let until = begun + time;
    let tasks = connections.into_iter().enumerate().map(|(client, it)| tokio::spawn(insert(it, client, until)));
    let mut times = Times::default();
    for task in tasks.collect::<Vec<_>>() {
        times.join(task.await.context("a client stopped in the middle")??);
    }
    let (count, time) = (times.count() as u64, begun.elapsed());
    let rows: i64 = admin.query_one("SELECT count(*) FROM events", &[]).await?.get(0);
    ensure!(rows as u64 == count, "{count} rows were inserted, but the table holds {rows}");
    Ok(Measured { count, time, times })
}

async fn insert(client: Client, number: usize, until: Instant) -> anyhow::Result<Times> {
    let statement = client.prepare(INSERT).await?;
    let (stream, data) = (format!("appointment:{number:036}"), vec![0x5a_u8; DATA_BYTES]);
    let mut times = Times::default();
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(times);
        }
        let version = times.count() as i64 + 1;
        client.execute(&statement, &[&stream, &version, &data]).await?;
        times.add(begun.elapsed());
    }
}

async fn connect(parameters: &str) -> anyhow::Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(parameters, NoTls).await.context("PostgreSQL cannot be reached")?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("a connection to PostgreSQL broke: {error}");
        }
    });
    Ok(client)
}
