//! Carelog as a cluster: three brokers with replication 3 and two in sync, four partitions, one node and three. Beside it,
//! on the same brokers, what bounds it: a bare idempotent producer that reads its records back.

mod bare;
mod burst;
mod publisher;
mod running;

use std::path::Path;

use crate::http::hospital::Hospital;
use crate::pressure::Pressure;
use crate::report::Report;
use burst::Burst;
pub(crate) use burst::Commands;
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
    /// Which.
    pub(crate) commands: &'a [Commands],
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
            let burst = Burst { cluster: &cluster, connections, time: pressure.burst, bare: &bare };
            for commands in loads.commands {
                match commands {
                    Commands::Bookings => burst.bookings(&mut hospital, report).await?,
                    Commands::Contacts => burst.contacts(&hospital, work, report).await?,
                }
            }
        }
        if matches!(shape, Shape::One) {
            publisher::measure(programs.carelog, work, &cluster.brokers, pressure, report).await?;
        }
        cluster.stop().await?;
    }
    Ok(())
}
