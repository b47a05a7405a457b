//! The program under load, through HTTP, as clients use it: commands, lag, queries, rebuilds, restart, memory; all on
//! one data folder that grows from part to part.

mod commands;
pub(crate) mod hospital;
mod lag;
mod queries;
mod upkeep;
pub(crate) mod wrk;

use std::path::Path;

use crate::pressure::Pressure;
use crate::report::{Report, Row, number};
use crate::server::Server;
use hospital::Hospital;

/// Rows about the program.
pub(crate) async fn measure(
    program: &Path,
    work: &Path,
    pressure: &Pressure,
    report: &mut Report,
) -> anyhow::Result<()> {
    let data = work.join("server");
    std::fs::create_dir_all(&data)?;
    let server = Server::start(program, &data).await?;
    let mut hospital = Hospital::open(&server.api, work, pressure.patients, 1).await?;
    commands::measure(&server.api, &mut hospital, pressure, report).await?;
    lag::measure(&server.api, &mut hospital, pressure, report).await?;
    queries::measure(&server.api, &hospital, pressure, report).await?;
    upkeep::rebuilds(&server.api, report).await?;
    let (events, memory) = (server.api.events().await?, server.memory_peak_bytes()?);
    report.add(Row {
        what: "memory of the server, most ever (VmHWM)".to_owned(),
        figure: format!("{} MB", number(memory as f64 / 1e6)),
        checked: format!("after all of the above, with {} events", number(events as f64)),
        ..Row::default()
    })?;
    upkeep::restarts(program, server, &data, events, report).await
}
