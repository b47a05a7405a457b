//! What a running program is asked over HTTP.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::header::{CONTENT_TYPE, ETAG};
use serde_json::{Value, json};

/// How long the sagas and read models may take to catch up.
const DRAIN_MAX: Duration = Duration::from_secs(600);
/// Pause between two looks at something that is not there yet.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A program somewhere.
#[derive(Clone)]
pub(crate) struct Api {
    /// `http://127.0.0.1:PORT`.
    pub(crate) base: String,
    /// A client of it.
    pub(crate) http: reqwest::Client,
    /// The process with the sagas and read models, where that is another one.
    worker: Option<Box<Api>>,
}

/// What was left to do when the load ended.
#[derive(Clone, Copy)]
pub(crate) struct Drained {
    /// Events the sagas had not handled yet.
    pub(crate) sagas_behind: u64,
    /// Events that the read model furthest behind had not taken yet.
    pub(crate) models_behind: u64,
    /// Until both had handled everything.
    pub(crate) time: Duration,
}

impl Api {
    /// The program at an address.
    pub(crate) fn at(base: String) -> anyhow::Result<Api> {
        let http = reqwest::Client::builder().no_proxy().build().context("the HTTP client could not be made")?;
        Ok(Api { base, http, worker: None })
    }

    /// The same where sagas and read models are in another process.
    pub(crate) fn beside(self, worker: Api) -> Api {
        Api { worker: Some(Box::new(worker)), ..self }
    }

    /// Who is asked about sagas and read models.
    fn worker(&self) -> &Api {
        self.worker.as_deref().unwrap_or(self)
    }

    /// True when it says that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/health/ready", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// GETs JSON.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        json_of(path, self.http.get(format!("{}{path}", self.base)).send().await?).await
    }

    /// The version of a thing, from its `ETag`.
    pub(crate) async fn version(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await?.error_for_status()?;
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        Ok(tag.with_context(|| format!("{path} was answered without an ETag"))?.trim_matches('"').to_owned())
    }

    /// POSTs JSON and reads JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        json_of(path, self.http.post(format!("{}{path}", self.base)).json(body).send().await?).await
    }

    /// Sends lines to the batch; the ids they made. A line that is refused ends the run.
    pub(crate) async fn batch(&self, lines: &[Value]) -> anyhow::Result<Vec<String>> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let request = self.http.post(format!("{}/v1/batch", self.base)).header(CONTENT_TYPE, "application/x-ndjson");
        let answer = request.body(text).send().await?.error_for_status()?.text().await?;
        let id = |line: &str| {
            let result: Value = serde_json::from_str(line)?;
            let id = result["result"]["id"].as_str();
            id.map(str::to_owned).with_context(|| format!("a line was refused: {result}"))
        };
        let ids = answer.lines().map(id).collect::<anyhow::Result<Vec<String>>>()?;
        ensure!(ids.len() == lines.len(), "{} of {} lines were answered", ids.len(), lines.len());
        Ok(ids)
    }

    /// Asks GraphQL; errors end the run.
    pub(crate) async fn query(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let mut answer = self.post("/graphql", &json!({ "query": query, "variables": variables })).await?;
        ensure!(answer.get("errors").is_none(), "{query} was answered with {answer}");
        Ok(answer["data"].take())
    }

    /// How many events the log holds.
    pub(crate) async fn events(&self) -> anyhow::Result<u64> {
        let stats = self.get("/v1/operations/log/stats").await?;
        let partitions = stats["partitions"].as_array().context("the log has partitions")?;
        Ok(partitions.iter().filter_map(|partition| partition["events"].as_u64()).sum())
    }

    /// How many events the sagas have not handled yet.
    pub(crate) async fn sagas_behind(&self) -> anyhow::Result<u64> {
        let overview = self.worker().get("/v1/operations/sagas").await?;
        let partitions = overview["partitions"].as_array().context("the sagas follow partitions")?;
        let behind =
            |row: &Value| row["head"].as_u64().unwrap_or_default() - row["handled"].as_u64().unwrap_or_default();
        Ok(partitions.iter().map(behind).sum())
    }

    /// The read models, and how many events the one furthest behind has not taken yet.
    pub(crate) async fn models(&self) -> anyhow::Result<(Vec<String>, u64)> {
        let list = self.worker().get("/v1/operations/projections").await?;
        let rows = list["readModels"].as_array().context("there are read models")?;
        let mut names: Vec<String> = rows.iter().filter_map(|row| row["model"].as_str().map(str::to_owned)).collect();
        names.dedup();
        Ok((names, rows.iter().filter_map(|row| row["behind"].as_u64()).max().unwrap_or_default()))
    }

    /// Waits until the sagas and then every read model have handled all there is.
    pub(crate) async fn drain(&self) -> anyhow::Result<Drained> {
        let begun = Instant::now();
        let (sagas_behind, (_, models_behind)) = (self.sagas_behind().await?, self.models().await?);
        let wait = json!({ "timeoutSeconds": DRAIN_MAX.as_secs() });
        let settled = self.worker().post("/v1/operations/sagas/wait", &wait).await?;
        ensure!(settled["settled"] == json!(true), "the sagas did not settle: {settled}");
        while self.models().await?.1 > 0 {
            ensure!(begun.elapsed() < DRAIN_MAX, "read models stay behind");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(Drained { sagas_behind, models_behind, time: begun.elapsed() })
    }
}

async fn json_of(path: &str, response: reqwest::Response) -> anyhow::Result<Value> {
    let status = response.status();
    let text = response.text().await?;
    if !status.is_success() {
        bail!("{path} was answered with {status}: {text}");
    }
    serde_json::from_str(&text).with_context(|| format!("{path} was not answered with JSON"))
}
