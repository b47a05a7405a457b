//! Sends a plan, a local date at a time: the day's patients first, then everything else in order. The server keeps the
//! order of lines of one hospital and carries out those of different patients beside each other.
//!
//! Nothing about progress is kept here. A plan is always sent from its start; what the server did before it answers
//! from memory, with the same ids.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::manifest::Manifest;
use super::plan::{Plan, Step};
use super::progress::Progress;
use super::rows::Refused;
use crate::client::Client;
use crate::output;

/// How many commands go in one request.
const LINES_MAX: usize = 2_000;
/// How often a request that got no answer is sent again.
const TRIES_MAX: u32 = 5;
/// How often a line that could not be taken is sent again before the import gives up, and how long it waits at first.
const NOT_YET_MAX: u32 = 12;
const NOT_YET_WAIT: Duration = Duration::from_millis(100);

/// What came of an import.
#[derive(Default)]
pub(crate) struct Report {
    manifest: String,
    hospital: String,
    sent: u64,
    repeated: u64,
    pub(crate) refused: Vec<Refused>,
}

impl Report {
    /// Prints the summary, and the refused rows by file, line and code.
    pub(crate) fn print(&self, json: bool) {
        let summary = json!({
            "manifest": self.manifest, "hospital": self.hospital, "commands": self.sent, "doneBefore": self.repeated,
            "refusedRows": self.refused.len(),
        });
        output::object(json, &summary);
        if !self.refused.is_empty() && !json {
            let rows: Vec<Value> = self.refused.iter().take(20).map(Refused::json).collect();
            output::rows(false, &["file", "line", "code"], &rows);
            output::line(format_args!("(--report FILE writes all {} of them)", self.refused.len()));
        }
    }
}

/// Sends everything.
pub(crate) async fn send(client: &Client, manifest: &Manifest, plan: &Plan, json: bool) -> anyhow::Result<Report> {
    let mut sender =
        Sender { client, manifest, ids: HashMap::new(), refused: HashSet::new(), report: Report::default() };
    sender.report.manifest.clone_from(&manifest.name);
    let progress = Progress::new(plan.len() as u64, json);
    sender.setup(plan, &progress).await?;
    for day in &plan.days {
        sender.steps(&day.patients, &progress).await?;
        sender.steps(&day.steps, &progress).await?;
        sender.control("AdvanceImport", &format!("advance/{}", day.date), json!({ "watermark": day.until })).await?;
    }
    sender.control("FinishImport", "finish", json!({})).await?;
    progress.finish();
    Ok(sender.report)
}

/// Steps cut into requests: at most so many lines, and none that needs an id which an earlier line of it makes.
fn requests(steps: &[Step]) -> Vec<&[Step]> {
    let mut cuts = Vec::new();
    let (mut begin, mut made) = (0, HashSet::new());
    for (index, step) in steps.iter().enumerate() {
        if index - begin == LINES_MAX || step.needs().any(|key| made.contains(key)) {
            cuts.push(&steps[begin..index]);
            begin = index;
            made.clear();
        }
        made.insert(step.key.as_str());
    }
    cuts.push(&steps[begin..]);
    cuts
}

/// Why a line is neither done nor refused, if it is not.
fn not_yet(result: &Value) -> Option<String> {
    const PASSING: [&str; 6] =
        ["still-running", "too-busy", "unavailable", "outcome-unknown", "timed-out", "too-many-requests"];
    let code = result["problem"]["code"].as_str();
    if result["status"] == json!(202) {
        return Some("a registration is still on its way".to_owned());
    }
    code.filter(|code| PASSING.contains(code)).map(str::to_owned)
}

struct Sender<'a> {
    client: &'a Client,
    manifest: &'a Manifest,
    /// The id that each step made, by the step's key.
    ids: HashMap<String, String>,
    /// Files and lines of rows that were refused.
    refused: HashSet<(String, u64)>,
    report: Report,
}

impl Sender<'_> {
    /// The setup must succeed whole: without a hospital there is nothing to import into.
    async fn setup(&mut self, plan: &Plan, progress: &Progress) -> anyhow::Result<()> {
        for step in &plan.setup {
            let results = self.settled(std::slice::from_ref(step)).await?;
            let result = results.first().context("the server answered no line")?;
            if let Some(code) = result["problem"]["code"].as_str() {
                let changed = step.operation == "StartImport" && code == "key-reused";
                if changed {
                    bail!(
                        "manifest {} was imported before with other files; make the changed folder again under \
                         another manifest name",
                        self.manifest.name
                    );
                }
                bail!(
                    "{} was refused: {} ({code})",
                    step.operation,
                    result["problem"]["detail"].as_str().unwrap_or(code)
                );
            }
            self.take(step, result);
            progress.advance(1, self.report.repeated);
        }
        self.report.hospital = self.ids.get("hospital").cloned().unwrap_or_default();
        Ok(())
    }

    async fn steps(&mut self, steps: &[Step], progress: &Progress) -> anyhow::Result<()> {
        for chunk in requests(steps) {
            let results = self.settled(chunk).await?;
            for (step, result) in chunk.iter().zip(&results) {
                self.take(step, result);
            }
            progress.advance(chunk.len() as u64, self.report.repeated);
        }
        Ok(())
    }

    /// A step of the import itself, which no row stands for.
    async fn control(&mut self, operation: &'static str, key: &str, more: Value) -> anyhow::Result<()> {
        let mut body = json!({ "hospital": "@hospital", "manifest": self.manifest.name });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        let line = self.line(operation, key, &body, None);
        let results = self.post(vec![line]).await?;
        match results.first().and_then(|result| result["problem"]["code"].as_str()) {
            Some(code) => bail!("{operation} was refused ({code})"),
            None => Ok(()),
        }
    }

    /// Sends steps until each is done or refused. What only could not be taken now is sent again with all that came
    /// after it, which may have been refused because of it; what was done is answered from memory.
    async fn settled(&self, steps: &[Step]) -> anyhow::Result<Vec<Value>> {
        let mut settled = Vec::with_capacity(steps.len());
        let mut tries = 0;
        while settled.len() < steps.len() {
            let rest = &steps[settled.len()..];
            let results = self.request(rest).await?;
            let passing = results.iter().position(|result| not_yet(result).is_some());
            let Some(first) = passing else {
                settled.extend(results);
                break;
            };
            tries = if first > 0 { 0 } else { tries + 1 };
            if tries == NOT_YET_MAX {
                let (step, why) = (&rest[first], not_yet(&results[first]).unwrap_or_default());
                bail!(
                    "the server could not carry out {} of {} line {} ({why}); the import stopped there: see that the \
                     server is well and start it again, nothing is done twice",
                    step.operation,
                    step.file,
                    step.line
                );
            }
            settled.extend(results.into_iter().take(first));
            tokio::time::sleep(NOT_YET_WAIT * 2_u32.pow(tries.min(5))).await;
        }
        Ok(settled)
    }

    async fn request(&self, steps: &[Step]) -> anyhow::Result<Vec<Value>> {
        let lines = steps.iter().map(|step| {
            let time = Some((step.occurred_at, step.assumed));
            self.line(step.operation, &step.key, &step.body, time)
        });
        self.post(lines.collect()).await
    }

    fn line(
        &self,
        operation: &str,
        key: &str,
        body: &Value,
        time: Option<(carelog_domain::kernel::Timestamp, bool)>,
    ) -> Value {
        let mut line = json!({
            "id": key, "operation": operation, "key": format!("{}/{key}", self.manifest.name),
            "body": self.with_ids(body),
        });
        if let Some((occurred_at, assumed)) = time {
            line["occurredAt"] = json!(occurred_at);
            line["occurredAssumed"] = json!(assumed);
        }
        line
    }

    /// The body with `@key` replaced by the id that step made. An id that is missing (its row was refused) is left as
    /// it is, so that the server refuses this row as well.
    fn with_ids(&self, body: &Value) -> Value {
        match body {
            Value::String(text) => {
                let id = text.strip_prefix('@').and_then(|key| self.ids.get(key));
                id.map_or_else(|| body.clone(), |id| Value::String(id.clone()))
            }
            Value::Array(items) => items.iter().map(|item| self.with_ids(item)).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(name, inner)| (name.clone(), self.with_ids(inner))).collect())
            }
            plain => plain.clone(),
        }
    }

    async fn post(&self, lines: Vec<Value>) -> anyhow::Result<Vec<Value>> {
        if lines.is_empty() {
            return Ok(Vec::new());
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut tries = 0;
        loop {
            tries += 1;
            match self.client.post_lines("/v1/batch", text.clone()).await {
                Ok(results) if results.len() == lines.len() => return Ok(results),
                Ok(results) => bail!("the server answered {} of {} lines", results.len(), lines.len()),
                // The same keys again are harmless, whatever became of the first try.
                Err(error) if tries == TRIES_MAX => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(200) * tries).await,
            }
        }
    }

    fn take(&mut self, step: &Step, result: &Value) {
        self.report.sent += 1;
        if let Some(code) = result["problem"]["code"].as_str() {
            // What follows from a refused step is refused as well; the row is told once, with what came first.
            if self.refused.insert((step.file.clone(), step.line)) {
                let (file, line, code) = (step.file.clone(), step.line, code.to_owned());
                self.report.refused.push(Refused { file, line, code });
            }
            return;
        }
        if result["result"]["repeated"] == json!(true) {
            self.report.repeated += 1;
        }
        if let Some(id) = result["result"]["id"].as_str() {
            self.ids.insert(step.key.clone(), id.to_owned());
        }
    }
}
