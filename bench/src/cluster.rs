//! Carelog as a cluster: three brokers with replication 3 and two in sync, four partitions, one node and three. Beside it,
//! on the same brokers, what bounds it: a bare idempotent producer that reads its records back.

mod bare;
mod publisher;
mod running;

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use crate::http::hospital::Hospital;
use crate::http::wrk::{self, Script};
use crate::percentiles::Percentiles;
use crate::pressure::Pressure;
use crate::report::{Report, Row, number, rate, share};
use bare::Bare;
use running::Cluster;
pub(crate) use running::Shape;

/// Enough to be in every partition.
const HOSPITALS: usize = 10;
/// What a client of the bare producer sends at once: the least that can be, and what a booking is (the appointment, the seat
/// and the patient's schedule).
const RECORDS_TOGETHER: [usize; 2] = [1, 3];

/// What is measured, and where.
pub(crate) struct Programs<'a> {
    /// The program itself.
    pub(crate) carelog: &'a Path,
    /// What starts brokers, stores and nodes.
    pub(crate) cluster: &'a Path,
}

/// How commands are measured.
pub(crate) struct Loads<'a> {
    /// On which nodes.
    pub(crate) nodes: &'a [Shape],
    /// Connections of a burst on each.
    pub(crate) connections: &'a [usize],
}

/// Rows about commands over HTTP, and, where one node with everything is among them, about the publisher.
pub(crate) async fn measure(
    programs: &Programs<'_>,
    loads: &Loads<'_>,
    work: &Path,
    pressure: &Pressure,
    report: &mut Report,
) -> anyhow::Result<()> {
    for (number, &shape) in loads.nodes.iter().enumerate() {
        let cluster = Cluster::start(programs.cluster, &work.join(format!("cluster-{number}")), shape).await?;
        let mut hospital = Hospital::open(cluster.api(), work, pressure.patients, HOSPITALS).await?;
        for &connections in loads.connections {
            let mut bare = Vec::new();
            for together in RECORDS_TOGETHER {
                bare.push(bare::measure(&cluster.brokers, connections, together, pressure.burst).await?);
            }
            burst(&cluster, &mut hospital, connections, pressure.burst, &bare, report).await?;
        }
        if matches!(shape, Shape::One) {
            publisher::measure(programs.carelog, work, &cluster.brokers, pressure, report).await?;
        }
        cluster.stop().await?;
    }
    Ok(())
}

async fn burst(
    cluster: &Cluster,
    hospital: &mut Hospital,
    connections: usize,
    time: Duration,
    bare: &[Bare],
    report: &mut Report,
) -> anyhow::Result<()> {
    let (api, nodes) = (cluster.api(), cluster.nodes.len());
    let (some, seconds) = (|count: usize| if count == 1 { "" } else { "s" }, time.as_secs());
    let alone = if cluster.has_worker() { ", deciding only" } else { "" };
    let on = format!("{nodes} node{}{alone}, {connections} connection{}", some(nodes), some(connections));
    let name = format!("POST /v1/appointments on Kafka, {on}, {seconds} s");
    let (appointments, events) = (hospital.appointments(api).await?, api.events().await?);
    let urls: Vec<&str> = cluster.nodes.iter().map(|node| node.base.as_str()).collect();
    cluster.hold_worker().await?;
    let counted = wrk::run(Script::Bookings, &urls, connections, time, &hospital.lua, hospital.next());
    let counted = counted.await?.all_succeeded(&name)?;
    hospital.advance_to(counted.next);
    let during = api.events().await? - events;
    cluster.release_worker().await?;
    let left = api.drain().await?;
    let made = hospital.appointments(api).await? - appointments;
    let succeeded = counted.succeeded();
    // When wrk stops, a request of each connection is on its way: it is carried out, but nobody counts the answer.
    ensure!(
        (succeeded..=succeeded + connections as u64).contains(&made),
        "{name}: wrk counted {succeeded} successes, the read model {made} appointments"
    );
    let (written, ours) = (rate(during, time), counted.percentiles());
    let beside: Vec<String> = bare.iter().map(|bare| against(bare, written, &ours)).collect();
    report.add(Row {
        what: name,
        figure: format!("{}/s, {} events/s", number(counted.rate()), number(written)),
        times: ours.to_string(),
        beside: beside.join("; "),
        checked: format!(
            "{} answered with 201, {} appointments; left over: sagas {} events, read models {}; caught up in {:.1} s",
            number(succeeded as f64),
            number(made as f64),
            number(left.sagas_behind as f64),
            number(left.models_behind as f64),
            left.time.as_secs_f64()
        ),
    })
}

/// What the bare producer did, and what of it we do.
fn against(bare: &Bare, written: f64, ours: &Percentiles) -> String {
    let together = match bare.together {
        1 => "one record at a time".to_owned(),
        several => format!("{several} at a time"),
    };
    format!(
        "bare producer, read back, {together}: {} records/s, {} (we reach {} in events/s, p50 {:.1} x)",
        number(bare.rate),
        bare.times,
        share(written, bare.rate),
        ours.p50.as_secs_f64() / bare.times.p50.as_secs_f64().max(f64::EPSILON)
    )
}
