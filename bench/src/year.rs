//! The import of a clinic's real year into an empty server, as an operator does it.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::report::{Report, Row, number, rate};
use crate::server::Server;

/// Rows about the import.
pub(crate) async fn measure(program: &Path, work: &Path, year: &Path, report: &mut Report) -> anyhow::Result<()> {
    ensure!(year.join("clinic.toml").exists(), "{} holds no year; make data makes it", year.display());
    let data = work.join("year");
    std::fs::create_dir_all(&data)?;
    let server = Server::start(program, &data).await?;
    let begun = Instant::now();
    let output = Command::new(program)
        .args(["--json", "import", "--server", &server.api.base])
        .arg(year)
        .stderr(Stdio::inherit())
        .output()
        .await
        .context("the import could not be started")?;
    let time = begun.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the import ended with {}: {text}", output.status);
    let summary: Value = text.lines().rev().find_map(|line| serde_json::from_str(line).ok()).context("a summary")?;
    let commands = summary["commands"].as_u64().context("the summary counts commands")?;
    ensure!(summary["doneBefore"] == 0, "the server was not empty: {summary}");
    let left = server.api.drain().await?;
    let (events, memory) = (server.api.events().await?, server.memory_peak_bytes()?);
    report.add(Row {
        what: "import of the year".to_owned(),
        figure: format!("{:.1} s, {} commands/s", time.as_secs_f64(), number(rate(commands, time))),
        times: String::new(),
        beside: format!("memory of the server, most ever: {} MB", number(memory as f64 / 1e6)),
        checked: format!(
            "{} commands, {} rows refused, {} events; left over: sagas {} events, read models {}; caught up in {:.1} s",
            number(commands as f64),
            summary["refusedRows"],
            number(events as f64),
            number(left.sagas_behind as f64),
            number(left.models_behind as f64),
            left.time.as_secs_f64()
        ),
    })?;
    server.stop().await?;
    Ok(())
}
