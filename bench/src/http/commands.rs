//! `POST /v1/appointments`, in bursts and held, beside a bare axum handler. What wrk saw succeed is compared with the
//! appointments that GraphQL counts once sagas and read models have caught up.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::hospital::Hospital;
use super::wrk::{self, Counted, Script};
use crate::api::Api;
use crate::pressure::Pressure;
use crate::report::{Report, Row, number, rate, share};

/// Connections of a burst.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// Connections of the load that is held.
const HELD: usize = 64;

/// A row for each burst, and one for the load that is held.
pub(super) async fn measure(
    server: &Api,
    hospital: &mut Hospital,
    pressure: &Pressure,
    report: &mut Report,
) -> anyhow::Result<()> {
    for connections in CONNECTIONS {
        let bare = bare_axum(hospital, connections, pressure.burst).await?;
        let load = Load { what: "burst", connections, time: pressure.burst };
        load.measure(server, hospital, bare.rate(), report).await?;
    }
    let bare = bare_axum(hospital, HELD, pressure.burst).await?;
    let load = Load { what: "held", connections: HELD, time: pressure.held };
    load.measure(server, hospital, bare.rate(), report).await
}

struct Load {
    what: &'static str,
    connections: usize,
    time: Duration,
}

impl Load {
    async fn measure(
        &self,
        server: &Api,
        hospital: &mut Hospital,
        bare: f64,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let Load { what, connections, time } = self;
        let name = format!("POST /v1/appointments, {connections} connections, {what} {} s", time.as_secs());
        let (appointments, events) = (hospital.appointments(server).await?, server.events().await?);
        let urls = [server.base.as_str()];
        let counted = wrk::run(Script::Bookings, &urls, *connections, *time, &hospital.lua, hospital.next());
        let counted = counted.await?.all_succeeded(&name)?;
        hospital.advance_to(counted.next);
        let left = server.drain().await?;
        let made = hospital.appointments(server).await? - appointments;
        let written = server.events().await? - events;
        let succeeded = counted.succeeded();
        // When wrk stops, a request of each connection is on its way: it is carried out, but nobody counts the answer.
        ensure!(
            (succeeded..=succeeded + *connections as u64).contains(&made),
            "{name}: wrk counted {succeeded} successes, the read model {made} appointments"
        );
        report.add(Row {
            what: name,
            figure: format!("{}/s", number(counted.rate())),
            times: counted.percentiles().to_string(),
            beside: format!("bare axum {}/s (we reach {})", number(bare), share(counted.rate(), bare)),
            checked: format!(
                "{} answered with 201, {} appointments, {} events; left over: sagas {} events, read models {}; caught \
                 up in {:.1} s ({} events/s from first to last)",
                number(succeeded as f64),
                number(made as f64),
                number(written as f64),
                number(left.sagas_behind as f64),
                number(left.models_behind as f64),
                left.time.as_secs_f64(),
                number(rate(written, *time + left.time)),
            ),
        })
    }
}

async fn bare_axum(hospital: &Hospital, connections: usize, time: Duration) -> anyhow::Result<Counted> {
    let (mut child, base) = start_bare_axum().await?;
    let counted = wrk::run(Script::Bookings, &[&base], connections, time, &hospital.lua, 0).await?;
    child.kill().await.context("the bare server could not be ended")?;
    counted.all_succeeded("bare axum")
}

async fn start_bare_axum() -> anyhow::Result<(Child, String)> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let mut child = Command::new(program)
        .arg("bare-axum")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the bare server could not be started")?;
    let output = child.stdout.take().context("the output of the bare server is piped")?;
    let base = BufReader::new(output).lines().next_line().await?;
    Ok((child, base.context("the bare server said no address")?))
}
