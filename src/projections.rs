//! `carelog projections`: list, verify, rebuild, diff, retry, skip, prune.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::ProjectionsCommand;
use crate::client::Client;
use crate::output;
use crate::progress;
use crate::settings::Settings;

/// Runs a subcommand.
pub(crate) async fn run(command: ProjectionsCommand, settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let target = match &command {
        ProjectionsCommand::List { target }
        | ProjectionsCommand::Verify { target, .. }
        | ProjectionsCommand::Rebuild { target, .. }
        | ProjectionsCommand::Diff { target, .. }
        | ProjectionsCommand::Retry { target, .. }
        | ProjectionsCommand::Skip { target, .. }
        | ProjectionsCommand::Prune { target, .. } => target,
    };
    let client = Client::of(target, settings).await?;
    let result = carry_out(&client, &command, json).await;
    client.close().await;
    result
}

async fn carry_out(client: &Client, command: &ProjectionsCommand, json: bool) -> anyhow::Result<ExitCode> {
    let at = |name: &str, what: &str| format!("/v1/operations/projections/{name}/{what}");
    match command {
        ProjectionsCommand::List { .. } => {
            let list = client.get("/v1/operations/projections").await?;
            let rows = list["readModels"].as_array().cloned().unwrap_or_default();
            let columns = ["model", "partition", "state", "applied", "behind", "set", "position", "message"];
            output::rows(json, &columns, &rows);
            if !json && rows.iter().any(|row| row["state"] == json!("stopped")) {
                output::line("\nA stopped read model goes on after one of these, once you know why it stopped:");
                output::line("  carelog projections retry MODEL");
                output::line("  carelog projections skip MODEL POSITION --reason WHY");
            }
            Ok(ExitCode::SUCCESS)
        }
        ProjectionsCommand::Verify { name, deep, .. } => {
            let body = json!({ "name": name, "deep": deep });
            let report =
                progress::shown(client, "verify", json, client.post("/v1/operations/projections/verify", &body))
                    .await?;
            let rows = report["readModels"].as_array().cloned().unwrap_or_default();
            output::rows(json, &["model", "agrees", "verdict"], &rows);
            verdict(&report, json)
        }
        ProjectionsCommand::Rebuild { name, .. } => {
            let report =
                progress::shown(client, "rebuild", json, client.post(&at(name, "rebuild"), &json!({}))).await?;
            output::object(json, &report);
            Ok(ExitCode::SUCCESS)
        }
        ProjectionsCommand::Diff { name, .. } => {
            let report = progress::shown(client, "rebuild", json, client.post(&at(name, "diff"), &json!({}))).await?;
            output::object(json, &report);
            verdict(&report, true)
        }
        ProjectionsCommand::Retry { name, .. } => {
            output::object(json, &client.post(&at(name, "retry"), &json!({})).await?);
            Ok(ExitCode::SUCCESS)
        }
        ProjectionsCommand::Skip { name, position, reason, .. } => {
            let body = json!({ "position": position, "reason": reason });
            output::object(json, &client.post(&at(name, "skip"), &body).await?);
            Ok(ExitCode::SUCCESS)
        }
        ProjectionsCommand::Prune { yes, .. } => {
            let found = match yes {
                true => client.post("/v1/operations/projections/prune", &json!({})).await?["removed"].take(),
                false => client.get("/v1/operations/projections/others").await?["others"].take(),
            };
            let rows: Vec<Value> =
                found.as_array().into_iter().flatten().map(|each| json!({ "model": each })).collect();
            output::rows(json, &["model"], &rows);
            if !json {
                output::line(match (yes, rows.is_empty()) {
                    (_, true) => "the stores hold nothing of other versions",
                    (true, false) => "removed",
                    (false, false) => {
                        "\nThey are of other versions. When no process of those runs any more, add --yes to remove them."
                    }
                });
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verdict(report: &Value, json: bool) -> anyhow::Result<ExitCode> {
    let agrees = report["agrees"] == json!(true);
    if !json {
        output::line(if agrees { "all agree with the log" } else { "differences were found" });
    }
    Ok(if agrees { ExitCode::SUCCESS } else { ExitCode::from(output::DIFFERENCES) })
}
