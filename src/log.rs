//! `carelog log`: tail, show, verify, stats.

use std::collections::HashSet;
use std::process::ExitCode;

use anyhow::Context;
use carelog_kafka::Refilled;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::cli::LogCommand;
use crate::client::Client;
use crate::homes;
use crate::output;
use crate::progress;
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
            let nothing = json!({});
            let work = client.post("/v1/operations/log/verify", &nothing);
            let checked = progress::shown(&client, "verify", json, work).await;
            client.close().await;
            return Ok(verdict(&checked?, json));
        }
        LogCommand::Refill => {
            let bar = progress::bar(0, "{msg} {wide_bar} {human_pos}/{human_len} events  {rate}  {eta} left", json);
            let shown = bar.clone();
            let refilled = homes::refill(settings, move |partition, done, all| {
                shown.set_message(format!("partition {partition}"));
                shown.set_length(all);
                shown.set_position(done);
            });
            let refilled = refilled.await;
            bar.finish_and_clear();
            let row =
                |each: &Refilled| json!({ "partition": each.partition, "before": each.before, "after": each.after });
            let rows: Vec<Value> = refilled?.iter().map(row).collect();
            output::rows(json, &["partition", "before", "after"], &rows);
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

fn verdict(checked: &Value, json: bool) -> ExitCode {
    let agrees = checked["agrees"] == json!(true);
    output::rows(json, &["partition", "events", "streams", "bytes", "root"], array(&checked["partitions"]));
    for difference in array(&checked["differences"]) {
        match json {
            true => output::line(json!({ "difference": difference })),
            false => output::line(text_of(difference)),
        }
    }
    if !json {
        output::line(if agrees { "every frame, batch and root agrees" } else { "the log is not as it was written" });
    }
    if agrees { ExitCode::SUCCESS } else { ExitCode::from(output::DIFFERENCES) }
}

async fn tail(client: &Client, lines: usize, types: &[String], follow: bool, json: bool) -> anyhow::Result<()> {
    let filter: String = types.iter().map(|name| format!("&type={name}")).collect();
    // The feed begins before the past is asked for, so nothing falls between; what comes twice is known by its place.
    let begins_after = end_of_log(client).await?;
    let past = client.get(&format!("/v1/events?direction=backward&limit={}{filter}", lines.max(1))).await?;
    let mut events = array(&past["events"]).to_vec();
    events.reverse();
    output::rows(json, &COLUMNS, &events);
    if !follow {
        return Ok(());
    }
    let printed: HashSet<String> = events.iter().map(|event| text_of(&event["position"])).collect();
    let path = format!("/v1/events?{}", filter.trim_start_matches('&'));
    let mut live = client.events(&path, &begins_after).await?.bytes_stream();
    let mut read = Vec::new();
    while let Some(chunk) = live.next().await {
        read.extend_from_slice(&chunk.context("the server ended the stream")?);
        while let Some(end) = read.windows(2).position(|pair| pair == b"\n\n") {
            let message: Vec<u8> = read.drain(..end + 2).collect();
            let Some(event) = event_of(&String::from_utf8_lossy(&message)) else { continue };
            if printed.contains(&text_of(&event["position"])) {
                continue;
            }
            match json {
                true => output::line(event),
                false => output::line(COLUMNS.map(|column| text_of(&event[column])).join("  ")),
            }
        }
    }
    anyhow::bail!("the server ended the stream")
}

/// A token with the last position of every partition that has one.
async fn end_of_log(client: &Client) -> anyhow::Result<String> {
    let stats = client.get("/v1/operations/log/stats").await?;
    let last = |each: &Value| {
        let offset = each["events"].as_u64()?.checked_sub(1)?;
        Some(format!("{}:{offset}", each["partition"]))
    };
    Ok(array(&stats["partitions"]).iter().filter_map(last).collect::<Vec<_>>().join(","))
}

/// The event in a message of the feed; none in one that only says that the feed is there.
fn event_of(message: &str) -> Option<Value> {
    let data = message.lines().find_map(|line| line.strip_prefix("data:"))?;
    serde_json::from_str(data.trim()).ok()
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
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
            output::line("");
        }
        output::object(json, event);
    }
    Ok(())
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
