//! A cluster on loopback: brokers, stores and nodes that another program starts and ends.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::process::{Child, Command};

use crate::api::Api;

/// How long a start or a stop may take.
const START_MAX: Duration = Duration::from_secs(180);

/// A running one.
pub(crate) struct Cluster {
    child: Child,
    process: u32,
    /// The nodes that decide commands; each takes anything.
    pub(crate) nodes: Vec<Api>,
    /// The process of a node with the sagas and read models, if they are in one of their own.
    worker: Option<u32>,
    /// `host:port`, with commas between them.
    pub(crate) brokers: String,
}

/// What the program says of what it started.
#[derive(Deserialize)]
struct Started {
    nodes: Vec<String>,
    processes: Vec<u32>,
    brokers: String,
}

/// Which nodes there are: with everything, or deciding alone, with the sagas and read models held still in a process of their
/// own. On one machine those would take its cores from what is measured, in a chain they are on others.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Shape {
    /// One node with everything
    One,
    /// One node that decides
    OneDeciding,
    /// Three nodes with everything
    Three,
    /// Three nodes that decide
    ThreeDeciding,
}

impl Shape {
    /// How many nodes decide commands.
    fn deciding(self) -> usize {
        match self {
            Shape::One | Shape::OneDeciding => 1,
            Shape::Three | Shape::ThreeDeciding => 3,
        }
    }

    /// Whether sagas and read models are in a process of their own.
    fn has_worker(self) -> bool {
        matches!(self, Shape::OneDeciding | Shape::ThreeDeciding)
    }
}

impl Cluster {
    /// Starts it, and waits until all nodes are ready.
    pub(crate) async fn start(program: &Path, folder: &Path, shape: Shape) -> anyhow::Result<Cluster> {
        std::fs::create_dir_all(folder)?;
        let (log, said) = (folder.join("log"), folder.join("cluster.json"));
        let mut command = Command::new(program);
        if shape.has_worker() {
            let mut roles = vec!["commands,queries"; shape.deciding()];
            roles.push("queries,projections,sagas");
            command.env("ROLES", roles.join(";"));
        }
        let mut child = command
            .env("FOLDER", folder)
            .env("NODES", (shape.deciding() + usize::from(shape.has_worker())).to_string())
            .env("PORT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} could not be started; scripts/bench builds it", program.display()))?;
        let process = child.id().context("a process that runs has an id")?;
        let begun = Instant::now();
        while !said.exists() {
            ensure!(child.try_wait()?.is_none(), "the cluster ended; its reason is in {}", log.display());
            ensure!(begun.elapsed() < START_MAX, "the cluster did not become ready; see {}", log.display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let Started { nodes, processes, brokers } = serde_json::from_slice(&std::fs::read(&said)?)?;
        let mut nodes = nodes.into_iter().map(Api::at).collect::<anyhow::Result<Vec<_>>>()?;
        let mut worker = None;
        if let Some(api) = nodes.pop_if(|_| shape.has_worker()) {
            nodes = nodes.into_iter().map(|node| node.beside(api.clone())).collect();
            worker = processes.last().copied();
        }
        Ok(Cluster { child, process, nodes, worker, brokers })
    }

    /// Whether sagas and read models are in a process of their own.
    pub(crate) fn has_worker(&self) -> bool {
        self.worker.is_some()
    }

    /// Holds the process with the sagas and read models still, as if it were on another machine.
    pub(crate) async fn hold_worker(&self) -> anyhow::Result<()> {
        self.signal_worker("-STOP").await
    }

    /// Lets it go on.
    pub(crate) async fn release_worker(&self) -> anyhow::Result<()> {
        self.signal_worker("-CONT").await
    }

    async fn signal_worker(&self, signal: &str) -> anyhow::Result<()> {
        let Some(worker) = self.worker else { return Ok(()) };
        let told = Command::new("kill").args([signal, &worker.to_string()]).status().await?;
        ensure!(told.success(), "the process with the sagas and read models is gone");
        Ok(())
    }

    /// One of its nodes.
    pub(crate) fn api(&self) -> &Api {
        &self.nodes[0]
    }

    /// Stops all of it in order.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.process.to_string()]).status().await?;
        ensure!(asked.success(), "the cluster could not be told to stop");
        let ended = tokio::time::timeout(START_MAX, self.child.wait()).await.context("the cluster did not stop")??;
        ensure!(ended.success(), "the cluster ended with {ended}");
        Ok(())
    }
}
