//! `carelog ledger`: export, check.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use crate::cli::LedgerCommand;
use crate::client::Client;
use crate::output;
use crate::settings::Settings;

/// Runs a subcommand.
pub(crate) async fn run(command: LedgerCommand, settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let (LedgerCommand::Export { target, .. } | LedgerCommand::Check { target }) = &command;
    let client = Client::of(target, settings).await?;
    let result = carry_out(&client, &command, json).await;
    client.close().await;
    result
}

async fn carry_out(client: &Client, command: &LedgerCommand, json: bool) -> anyhow::Result<ExitCode> {
    match command {
        LedgerCommand::Export { hospital, .. } => {
            let filter = hospital.as_ref().map(|id| format!("?hospital={id}")).unwrap_or_default();
            let journal = client.get_text(&format!("/v1/operations/ledger/journal{filter}")).await?;
            output::line(String::from_utf8(journal.into()).context("the journal is not text")?.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        LedgerCommand::Check { .. } => {
            let report = client.post("/v1/operations/ledger/check", &json!({})).await?;
            output::object(json, &report);
            let agrees = report["agrees"] == json!(true);
            Ok(if agrees { ExitCode::SUCCESS } else { ExitCode::from(output::DIFFERENCES) })
        }
    }
}
