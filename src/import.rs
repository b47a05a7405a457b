//! `carelog import`: another system's past, brought in through the commands like everything else.
//!
//! The folder is checked first, then turned into a plan (a list of steps in order of occurred-at), then sent. Ids and
//! idempotency keys derive from (manifest, row, step), so an import that was stopped is simply sent again: what was
//! done is answered from memory and nothing happens twice.

mod manifest;
mod plan;
mod progress;
mod rows;
mod send;

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use crate::cli::ImportArguments;
use crate::client::Client;
use crate::output;

/// Runs the import.
pub(crate) async fn run(arguments: &ImportArguments, json: bool) -> anyhow::Result<ExitCode> {
    let manifest = manifest::Manifest::read(&arguments.folder)?;
    let (years, unreadable) = rows::read(&arguments.folder, &manifest)?;
    let plan = plan::Plan::of(&manifest, &years)?;
    if arguments.dry_run {
        output::object(
            json,
            &json!({ "manifest": manifest.name, "steps": plan.len(), "unreadableRows": unreadable.len() }),
        );
        return Ok(ExitCode::SUCCESS);
    }
    let client = Client::new(&arguments.server.url())?;
    let mut report = send::send(&client, &manifest, &plan, json).await?;
    report.refused.extend(unreadable);
    if let Some(path) = &arguments.report {
        let lines: String = report.refused.iter().map(|row| format!("{}\n", row.json())).collect();
        std::fs::write(path, lines).with_context(|| format!("the report {} cannot be written", path.display()))?;
    }
    report.print(json);
    Ok(if report.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(output::DIFFERENCES) })
}
