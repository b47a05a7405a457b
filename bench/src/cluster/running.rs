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
    /// Its nodes; each takes anything.
    pub(crate) nodes: Vec<Api>,
    /// `host:port`, with commas between them.
    pub(crate) brokers: String,
}

/// What the program says of what it started.
#[derive(Deserialize)]
struct Started {
    nodes: Vec<String>,
    brokers: String,
}

impl Cluster {
    /// Starts it with so many nodes, and waits until all are ready.
    pub(crate) async fn start(program: &Path, folder: &Path, nodes: usize) -> anyhow::Result<Cluster> {
        std::fs::create_dir_all(folder)?;
        let (log, said) = (folder.join("log"), folder.join("cluster.json"));
        let mut child = Command::new(program)
            .env("FOLDER", folder)
            .env("NODES", nodes.to_string())
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
        let Started { nodes, brokers } = serde_json::from_slice(&std::fs::read(&said)?)?;
        let nodes = nodes.into_iter().map(Api::at).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Cluster { child, process, nodes, brokers })
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
