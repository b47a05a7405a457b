//! What operators wait for: read models rebuilt, and the server back after it was stopped or killed.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::json;

use crate::api::Api;
use crate::report::{Report, Row, number, rate};
use crate::server::Server;

/// A row for each read model.
pub(super) async fn rebuilds(server: &Api, report: &mut Report) -> anyhow::Result<()> {
    for name in server.models().await?.0 {
        let begun = Instant::now();
        let rebuilt = server.post(&format!("/v1/operations/projections/{name}/rebuild"), &json!({})).await?;
        let time = begun.elapsed();
        let events = rebuilt["events"].as_u64().context("a rebuild says how many events it read")?;
        let verdict = server.post("/v1/operations/projections/verify", &json!({ "name": name })).await?;
        ensure!(verdict["agrees"] == json!(true), "{name} does not agree with the log after its rebuild: {verdict}");
        report.add(Row {
            what: format!("rebuild of {name}"),
            figure: format!("{} events/s", number(rate(events, time))),
            checked: format!(
                "{} events in {:.1} s, live again, agrees with the log",
                number(events as f64),
                time.as_secs_f64()
            ),
            ..Row::default()
        })?;
    }
    Ok(())
}

/// Rows about starting again on the same folder, after a stop and after a kill.
pub(super) async fn restarts(
    program: &Path,
    server: Server,
    data: &Path,
    events: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let stopped_in = server.stop().await?;
    let server = Server::start(program, data).await?;
    let after_stop = server.ready_after;
    ensure!(server.api.events().await? >= events, "events are missing after the stop");
    server.kill().await?;
    let server = Server::start(program, data).await?;
    let after_kill = server.ready_after;
    let now = server.api.events().await?;
    ensure!(now >= events, "events are missing after the kill: {now} of {events}");
    let row = |what: &str, figure: f64, beside: String| Row {
        what: format!("carelog serve ready after {what}, {} events", number(events as f64)),
        figure: format!("{figure:.2} s"),
        beside,
        checked: "every event is there".to_owned(),
        ..Row::default()
    };
    let stop = format!("the stop itself took {:.2} s", stopped_in.as_secs_f64());
    report.add(row("a stop", after_stop.as_secs_f64(), stop))?;
    report.add(row("kill -9", after_kill.as_secs_f64(), String::new()))?;
    server.stop().await?;
    Ok(())
}
