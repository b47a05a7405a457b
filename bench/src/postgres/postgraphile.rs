//! PostGraphile in production mode on the tables of the read models. bench/postgraphile has its configuration and the
//! versions of it and of Node; scripts/setup installs them.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use carelog_schemas::read_models::{Set, table_in};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::database::SCHEMA;
use crate::api::Api;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(120);
/// The script that starts it; Node looks for packages from where it lies.
const SCRIPT: &str = include_str!("../../postgraphile/server.mjs");

/// What PostGraphile is told about the column it sorts by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// What the table says: an appointment that was only asked for has no start. Its cursors are then compared by a
    /// chain of ORs, which no index bounds.
    MayBeNull,
    /// A smart tag that holds for these rows alone, as all are booked: its cursors are then compared as row values.
    IsNeverNull,
}

/// A running PostGraphile.
pub(super) struct PostGraphile {
    child: Child,
    start: Start,
    /// What it is asked.
    pub(super) api: Api,
}

impl PostGraphile {
    /// Starts it and waits until it listens.
    pub(super) async fn start(
        folder: &Path,
        database: &str,
        work: &Path,
        start: Start,
    ) -> anyhow::Result<PostGraphile> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr())?.port();
        let log = work.join(format!("postgraphile-{port}.log"));
        let mut child = command(folder, database, port, start)?
            .stderr(File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?)
            .spawn()
            .context("PostGraphile could not be started")?;
        let output = child.stdout.take().context("the output of PostGraphile is piped")?;
        let line = timeout(START_MAX, BufReader::new(output).lines().next_line()).await;
        let line = line.with_context(|| format!("PostGraphile did not become ready; see {}", log.display()))??;
        ensure!(line.as_deref() == Some("ready"), "PostGraphile ended; its reason is in {}", log.display());
        Ok(PostGraphile { child, start, api: Api::at(format!("http://127.0.0.1:{port}"))? })
    }

    /// As the report calls it.
    pub(super) fn name(&self) -> String {
        match self.start {
            Start::MayBeNull => "PostGraphile".to_owned(),
            Start::IsNeverNull => "PostGraphile told that no start is null".to_owned(),
        }
    }

    /// Ends it, its workers with it.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("PostGraphile could not be ended")
    }
}

/// The Node that setup put into the folder, or what is missing.
pub(super) fn node(folder: &Path) -> anyhow::Result<PathBuf> {
    let node = folder.join("node_modules/.bin/node");
    ensure!(node.exists(), "{} is missing; scripts/setup bench installs PostGraphile", node.display());
    std::path::absolute(&node).with_context(|| format!("{} has no absolute path", node.display()))
}

fn command(folder: &Path, database: &str, port: u16, start: Start) -> anyhow::Result<Command> {
    let script = folder.join("server.mjs");
    std::fs::write(&script, SCRIPT).with_context(|| format!("{} cannot be written", script.display()))?;
    let mut command = Command::new(node(folder)?);
    command
        .arg("server.mjs")
        .current_dir(folder)
        .env("NODE_ENV", "production")
        .env("GRAPHILE_ENV", "production")
        .env("DATABASE_URL", database)
        .env("SCHEMA", SCHEMA)
        .env("APPOINTMENTS", table_in(Set::A, "appointments"))
        .env("PATIENTS", table_in(Set::A, "patients"))
        .env("PRACTITIONERS", table_in(Set::A, "practitioners"))
        .env("PORT", port.to_string())
        .env("START_IS_NEVER_NULL", if start == Start::IsNeverNull { "1" } else { "" })
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}
