//! One node: a `carelog serve` with a folder and a port of its own, killed, stopped, let go on and started again as a test
//! likes. Other nodes reach it through its line.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::line::{Lines, Way, line};
use crate::server::program;
use crate::servers::free_port;
use crate::servers::guard::{dying_with_us, spawn_to_the_end};

/// How long a start may take: a debug build on two busy cores, with a log to read.
const START_MAX: Duration = Duration::from_secs(180);
/// How long an orderly stop may take.
const STOP_MAX: Duration = Duration::from_secs(60);

/// A node, running or not.
pub struct Node {
    /// Its name, as ownership records have it.
    pub name: String,
    /// `http://127.0.0.1:PORT`, as clients reach it.
    pub base: String,
    http: reqwest::Client,
    folder: PathBuf,
    environment: Mutex<Vec<(String, String)>>,
    /// None when it is reached directly.
    lines: Option<Lines>,
    process: Mutex<Option<Child>>,
}

impl Node {
    /// One that does not run yet. `environment` is told the port at which other nodes reach it.
    pub(super) fn new(
        name: &str,
        folder: &Path,
        port: Option<u16>,
        lines: Option<Lines>,
        environment: impl FnOnce(u16) -> Vec<(String, String)>,
    ) -> Node {
        let port = port.unwrap_or_else(free_port);
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let environment = environment(lines.as_ref().map_or(port, |lines| line(port, &[&lines.all])));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10));
        // Tests of one process share nodes, but no runtime: a connection must not outlive its request.
        let http = http.pool_max_idle_per_host(0).build().expect("a client");
        let base = format!("http://127.0.0.1:{port}");
        let environment = Mutex::new(environment);
        Node { name: name.to_owned(), base, http, folder, environment, lines, process: Mutex::default() }
    }

    /// One that needs no other: embedded, everything in its own folder.
    pub fn alone(folder: &Path, partitions: u16) -> Node {
        let environment = |_| vec![("CARELOG_PARTITIONS".to_owned(), partitions.to_string())];
        Node::new("alone", folder, None, None, environment)
    }

    /// Starts it, and waits for nothing.
    pub fn start(&self) {
        let log = File::options().create(true).append(true).open(self.log_file()).expect("a file");
        // A disk that takes nothing more is an error to whoever writes, not a signal.
        let mut command = dying_with_us("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(program());
        let listen = self.base.trim_start_matches("http://");
        command.args(["serve", "--listen", listen, "--data"]).arg(self.folder.join("data"));
        command.envs(self.environment.lock().expect("not poisoned").iter().cloned());
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
        let before = self.process.lock().expect("not poisoned").replace(spawn_to_the_end(command));
        assert!(before.is_none(), "{} runs already", self.name);
    }

    /// What a variable is when it is started again.
    pub fn set(&self, name: &str, value: &str) {
        let mut environment = self.environment.lock().expect("not poisoned");
        environment.retain(|(other, _)| other != name);
        environment.push((name.to_owned(), value.to_owned()));
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.lock().expect("not poisoned").as_ref().expect("it runs").id()
    }

    /// Until it is ready to do everything.
    pub async fn ready(&self) {
        self.until_ready("").await;
    }

    /// The same, and until its read models have caught up.
    pub async fn ready_for_queries(&self) {
        self.until_ready("?for=queries").await;
    }

    async fn until_ready(&self, what: &str) {
        let begun = Instant::now();
        while !self.says_ready(what).await {
            let ended =
                self.process.lock().expect("not poisoned").as_mut().map(|child| child.try_wait().expect("asked"));
            assert_eq!(ended, Some(None), "{} ended\n{}", self.name, self.log_end(40));
            if begun.elapsed() > START_MAX {
                let told = self.get(&format!("/health/ready{what}")).await;
                panic!("{} does not get ready: {told:?}\n{}", self.name, self.log_end(40));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether it says that it is ready to do everything.
    pub async fn is_ready(&self) -> bool {
        self.says_ready("").await
    }

    async fn says_ready(&self, what: &str) -> bool {
        let answer = self.http.get(format!("{}/health/ready{what}", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// GETs JSON; nothing when it does not answer.
    pub async fn get(&self, path: &str) -> Option<(u16, Value)> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.json().await.ok()?))
    }

    /// kill -9, and gone.
    pub fn kill(&self) {
        let mut child = self.process.lock().expect("not poisoned").take().expect("it runs");
        child.kill().expect("killed");
        child.wait().expect("ended");
    }

    /// SIGTERM, and until it has ended in order.
    pub fn stop(&self) {
        self.signal("-TERM");
        let mut child = self.process.lock().expect("not poisoned").take().expect("it runs");
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("asked") {
                assert!(status.success(), "{} ended with {status}\n{}", self.name, self.log_end(40));
                return;
            }
            assert!(begun.elapsed() < STOP_MAX, "{} does not stop\n{}", self.name, self.log_end(40));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGSTOP: it stands still in the middle of whatever it does.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT: it goes on as if nothing had been.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// From now on its disk takes nothing more: every write to a file fails, until it is started again.
    pub fn disk_fails(&self) {
        let id = self.id().to_string();
        let limited = Command::new("prlimit").args(["--pid", &id, "--fsize=0:unlimited"]).status().expect("prlimit");
        assert!(limited.success(), "{} is gone", self.name);
    }

    /// What becomes of everything between it and the stores, and of what other nodes send it. Clients still reach it.
    pub fn lines(&self, way: Way) {
        self.lines.as_ref().expect("a node behind lines").all.set(way);
    }

    /// What becomes of everything between it and the brokers alone: the stores and other nodes stay in reach.
    pub fn lines_to_kafka(&self, way: Way) {
        self.lines.as_ref().expect("a node behind lines").kafka.set(way);
    }

    /// Runs, whatever was done to it.
    pub fn restore(&self) {
        let mut process = self.process.lock().expect("not poisoned");
        let runs = process.as_mut().is_some_and(|child| child.try_wait().expect("asked").is_none());
        if !runs {
            drop(process.take());
        }
        drop(process);
        if runs { self.go_on() } else { self.start() }
    }

    /// The end of its log.
    pub fn log_end(&self, lines: usize) -> String {
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// The lines of its log that say this.
    pub fn log_lines(&self, what: &str) -> String {
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        text.lines().filter(|line| line.contains(what)).map(|line| format!("{line}\n")).collect()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log.txt")
    }

    fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill").success(), "{} is gone", self.name);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.lock().expect("not poisoned").take() {
            // Whoever did not stop it in order does not mind how it ends.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
