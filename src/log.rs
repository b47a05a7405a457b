//! `carelog log`: tail, show, verify, stats.

use std::process::ExitCode;

use anyhow::Context;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::cli::LogCommand;
use crate::client::Client;
use crate::output;
use crate::settings::Settings;

const COLUMNS: [&str; 5] = ["position", "occurredAt", "type", "stream", "version"];

/// Runs a subcommand.
pub(crate) async fn run(command: LogCommand, settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    match command {
        LogCommand::Tail { target, lines, types, no_follow } => {
            let client = Client::of(&target, settings).await?;
            let follow = !no_follow && target.data.is_none();
            tail(&client, lines, &types, follow, json).await?;
            client.close().await;
        }
        LogCommand::Show { what, target } => {
            let client = Client::of(&target, settings).await?;
            show(&client, &what, json).await?;
            client.close().await;
        }
        LogCommand::Verify { target } => {
            let client = Client::of(&target, settings).await?;
            let checked = client.post("/v1/operations/log/verify", &json!({})).await?;
            output::rows(json, &["partition", "events", "streams", "bytes", "root"], array(&checked["partitions"]));
            if !json {
                println!("every frame, batch and root agrees");
            }
            client.close().await;
        }
        LogCommand::Stats { target } => {
            let client = Client::of(&target, settings).await?;
            let stats = client.get("/v1/operations/log/stats").await?;
            let columns = ["partition", "events", "segments", "bytes", "lastRecordedAt", "root"];
            output::rows(json, &columns, array(&stats["partitions"]));
            client.close().await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn tail(client: &Client, lines: usize, types: &[String], follow: bool, json: bool) -> anyhow::Result<()> {
    let filter: String = types.iter().map(|name| format!("&type={name}")).collect();
    let past = client.get(&format!("/v1/events?direction=backward&limit={}{filter}", lines.max(1))).await?;
    let mut events = array(&past["events"]).to_vec();
    events.reverse();
    output::rows(json, &COLUMNS, &events);
    if !follow {
        return Ok(());
    }
    let mut live = client.events(&format!("/v1/events?from=end{filter}")).await?.bytes_stream();
    let mut text = String::new();
    while let Some(chunk) = live.next().await {
        text.push_str(std::str::from_utf8(&chunk.context("the server ended the stream")?)?);
        while let Some(end) = text.find("\n\n") {
            let message: String = text.drain(..end + 2).collect();
            let data = message.lines().find_map(|line| line.strip_prefix("data:"));
            let Some(event) = data.and_then(|data| serde_json::from_str::<Value>(data.trim()).ok()) else { continue };
            if json {
                println!("{event}");
            } else {
                let cells = COLUMNS.map(|column| match &event[column] {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                println!("{}", cells.join("  "));
            }
        }
    }
    Ok(())
}

async fn show(client: &Client, what: &str, json: bool) -> anyhow::Result<()> {
    let position = what.split_once(':').filter(|(partition, _)| partition.bytes().all(|byte| byte.is_ascii_digit()));
    let found = match position {
        Some((partition, offset)) => {
            client.get(&format!("/v1/events?partition={partition}&from={offset}&limit=1")).await?
        }
        None => client.get(&format!("/v1/streams/{what}/events")).await?,
    };
    let events = array(&found["events"]);
    anyhow::ensure!(!events.is_empty(), "there is nothing at {what}");
    for (index, event) in events.iter().enumerate() {
        if index > 0 && !json {
            println!();
        }
        output::object(json, event);
    }
    Ok(())
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
