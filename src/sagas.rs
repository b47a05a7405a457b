//! `carelog sagas`: list, show, retry, wait.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::SagasCommand;
use crate::client::Client;
use crate::output;
use crate::settings::Settings;

/// Runs a subcommand.
pub(crate) async fn run(command: SagasCommand, settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let target = match &command {
        SagasCommand::List { target }
        | SagasCommand::Show { target, .. }
        | SagasCommand::Retry { target, .. }
        | SagasCommand::Wait { target, .. } => target,
    };
    let client = Client::running(target, settings).await?;
    let result = carry_out(&client, &command, json).await;
    client.close().await;
    result
}

async fn carry_out(client: &Client, command: &SagasCommand, json: bool) -> anyhow::Result<ExitCode> {
    match command {
        SagasCommand::List { .. } => list(&client.get("/v1/operations/sagas").await?, json),
        SagasCommand::Show { saga, instance, .. } => {
            let story = client.get(&format!("/v1/operations/sagas/{saga}/{instance}")).await?;
            let rows = story["events"].as_array().cloned().unwrap_or_default();
            output::rows(json, &["position", "occurredAt", "eventType", "stream", "data"], &rows);
        }
        SagasCommand::Retry { saga, instance, step, .. } => {
            let path = format!("/v1/operations/sagas/{saga}/{instance}/retry");
            output::object(json, &client.post(&path, &json!({ "step": step })).await?);
        }
        SagasCommand::Wait { timeout, .. } => {
            let answer = client.post("/v1/operations/sagas/wait", &json!({ "timeoutSeconds": timeout })).await?;
            output::object(json, &answer);
            if answer["settled"] != json!(true) {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(overview: &Value, json: bool) {
    if json {
        output::line(overview);
        return;
    }
    let rows = |name: &str| overview[name].as_array().cloned().unwrap_or_default();
    output::rows(false, &["name", "alarms", "deadLetters"], &rows("sagas"));
    output::line("");
    output::rows(false, &["partition", "handled", "head", "inFlight"], &rows("partitions"));
    let letters = rows("deadLetters");
    if !letters.is_empty() {
        output::line("\nFailed steps (carelog sagas retry SAGA INSTANCE STEP tries one again):");
        output::rows(false, &["saga", "instance", "step", "code", "attempts"], &letters);
    }
}
