//! The program itself, started as a user starts it: `carelog serve` on a folder and a free port, killed or stopped.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::servers::free_port;

/// How long a start may take: a debug build on two busy cores, with a log to recover.
const START_MAX: Duration = Duration::from_secs(120);

/// A running `carelog serve`.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    /// A client of it.
    pub http: reqwest::Client,
    log: Arc<Mutex<Vec<String>>>,
}

/// The built program; `make test` builds it before the tests run.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST, or examples/EXAMPLE");
    let program = folder.join("carelog");
    assert!(program.exists(), "{} is missing: run cargo build first, or make test", program.display());
    program
}

/// How long sagas and read models may take to handle all there is: longer where a test was told other days than its own.
pub(crate) fn behind_max() -> Duration {
    Duration::from_secs(if std::env::var_os("CARELOG_TEST_DAYS").is_some() { 3_600 } else { 120 })
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the root").to_owned()
}

impl Server {
    /// Starts it on a data folder and waits until it is ready.
    pub async fn start(data: &Path, partitions: u16) -> Server {
        Server::start_with(data, partitions, &[]).await
    }

    /// The same with more in its environment.
    pub async fn start_with(data: &Path, partitions: u16, environment: &[(&str, &str)]) -> Server {
        let mut server = Server::spawn(data, partitions, environment);
        server.wait_until("/health/ready").await;
        server
    }

    /// The same, but it need not be ready to do everything: a read model may have stopped.
    pub async fn start_live(data: &Path, partitions: u16) -> Server {
        let mut server = Server::spawn(data, partitions, &[]);
        server.wait_until("/health/live").await;
        server
    }

    fn spawn(data: &Path, partitions: u16, environment: &[(&str, &str)]) -> Server {
        let port = free_port();
        let mut command = Command::new(program());
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(data);
        command.envs(environment.iter().copied());
        if !data.join("log").exists() {
            command.args(["--partitions", &partitions.to_string()]);
        }
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, keep) = (BufReader::new(child.stderr.take().expect("piped")), log.clone());
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                keep.lock().expect("not poisoned").push(line);
            }
        });
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Server { child, base: format!("http://127.0.0.1:{port}"), http, log }
    }

    async fn wait_until(&mut self, path: &str) {
        let begun = Instant::now();
        loop {
            let answer = self.http.get(format!("{}{path}", self.base)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            let ended = self.child.try_wait().expect("asked");
            assert!(ended.is_none(), "the server ended: {ended:?}\n{}", self.log());
            assert!(begun.elapsed() < START_MAX, "the server did not answer {path}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it has written to its log so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("not poisoned").join("\n")
    }

    /// kill -9, and gone.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// SIGTERM, and waits until it has ended in order; what it wrote to its log.
    pub fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("asked") {
                assert!(status.success(), "it ended with {status}\n{}", self.log());
                return self.log();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it did not stop\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// GETs JSON and its status.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer")).await
    }

    /// POSTs a command with a key and reads its status and answer.
    pub async fn command(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        self.command_with(path, key, body, &[]).await
    }

    /// The same with more headers.
    pub async fn command_with(&self, path: &str, key: &str, body: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
        let mut request = self.http.post(format!("{}{path}", self.base)).header("idempotency-key", key).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send().await.expect("an answer")).await
    }

    /// Sends lines of commands in one request and reads a result for each.
    pub async fn batch(&self, lines: &[Value]) -> Vec<Value> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let request = self.http.post(format!("{}/v1/batch", self.base)).header("content-type", "application/x-ndjson");
        let answer = request.body(text).send().await.expect("an answer").text().await.expect("a body");
        let results: Vec<Value> = answer.lines().map(|line| serde_json::from_str(line).expect("json")).collect();
        assert_eq!(results.len(), lines.len(), "{answer}");
        results
    }

    /// Asks GraphQL; panics with the errors if there are any.
    pub async fn query(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(format!("{}/graphql", self.base)).json(&body);
        let (status, answer) = answer(request.send().await.expect("an answer")).await;
        assert!(status == 200 && answer.get("errors").is_none(), "{query}\n{status} {answer}");
        answer["data"].clone()
    }

    /// Waits until the sagas and then every read model have handled all there is; what comes meanwhile is not waited for.
    pub async fn settle(&self) {
        let (wait, limit) = (format!("{}/v1/operations/sagas/wait", self.base), behind_max());
        let begun = Instant::now();
        loop {
            let answer = self.http.post(&wait).json(&json!({ "timeoutSeconds": 300 })).send().await.expect("an answer");
            let settled: Value = answer.json().await.expect("json");
            if settled["settled"] == json!(true) {
                break;
            }
            assert!(begun.elapsed() < limit, "{settled}\n{}", self.log());
        }
        let begun = Instant::now();
        let sizes = self.read_models("logSize").await;
        loop {
            let applied = self.read_models("applied").await;
            let (_, list) = self.get("/v1/operations/projections").await;
            let shown = list["readModels"].as_array().expect("read models").iter().all(|row| row["state"] != "filling");
            if shown && sizes.iter().all(|(model, size)| applied.get(model).is_some_and(|applied| applied >= size)) {
                return;
            }
            assert!(begun.elapsed() < limit, "read models stay behind {sizes:?}: {applied:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A number of each read model and partition.
    async fn read_models(&self, what: &str) -> BTreeMap<(String, u64), u64> {
        let (_, list) = self.get("/v1/operations/projections").await;
        let number = |row: &Value, name: &str| row[name].as_u64().unwrap_or_else(|| panic!("no {name}: {row}"));
        let rows = list["readModels"].as_array().expect("read models").iter();
        rows.map(|row| {
            ((row["model"].as_str().expect("a name").to_owned(), number(row, "partition")), number(row, what))
        })
        .collect()
    }

    /// Runs a subcommand of the program against this server.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(program()).args(arguments).args(["--server", &self.base]).output().expect("run")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever did not stop it in order does not mind how it ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn answer(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
