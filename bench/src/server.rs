//! The program that is measured, started as an operator starts it.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::process::{Child, Command};

use crate::api::{Api, LOOK_AGAIN};
use crate::machine;

/// How long a start or a stop may take.
const START_MAX: Duration = Duration::from_secs(120);

/// A running `carelog serve`.
pub(crate) struct Server {
    child: Child,
    process: u32,
    log: PathBuf,
    /// What it is asked.
    pub(crate) api: Api,
    /// From the start of the process to the first answer that it is ready.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts it on a data folder and waits until it is ready.
    pub(crate) async fn start(program: &Path, data: &Path) -> anyhow::Result<Server> {
        Server::start_with(program, data, &[]).await
    }

    /// The same with settings of its own.
    pub(crate) async fn start_with(
        program: &Path,
        data: &Path,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Server> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr())?.port();
        let log = data.with_extension("log");
        let begun = Instant::now();
        let child = Command::new(program)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} could not be started", program.display()))?;
        let process = child.id().context("a process that runs has an id")?;
        let api = Api::at(format!("http://127.0.0.1:{port}"))?;
        let mut server = Server { child, process, log, api, ready_after: Duration::ZERO };
        loop {
            let ready = server.api.is_ready().await;
            server.ready_after = begun.elapsed();
            if ready {
                return Ok(server);
            }
            let log = server.log.display().to_string();
            ensure!(server.child.try_wait()?.is_none(), "the server ended; its reason is in {log}");
            ensure!(server.ready_after < START_MAX, "the server did not become ready; see {log}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// SIGTERM, and waits until it has ended in order; how long that took.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let asked = Command::new("kill").args(["-TERM", &self.process.to_string()]).status().await?;
        ensure!(asked.success(), "the server could not be told to stop");
        let ended = tokio::time::timeout(START_MAX, self.child.wait()).await.context("the server did not stop")??;
        ensure!(ended.success(), "the server ended with {ended}; see {}", self.log.display());
        Ok(begun.elapsed())
    }

    /// kill -9.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the server could not be killed")
    }

    /// The most memory it has had, in bytes.
    pub(crate) fn memory_peak_bytes(&self) -> anyhow::Result<u64> {
        machine::memory_peak_bytes(self.process).context("the memory of the server is not known")
    }
}
