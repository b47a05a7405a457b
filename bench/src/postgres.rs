//! The program with its read models in PostgreSQL: GraphQL beside PostGraphile on the same rows, rebuilds beside a bare
//! COPY of the rows that they write. Everything happens in a database of its own, which is removed at the end.

mod asked;
pub(crate) mod database;
mod pages;
mod postgraphile;
mod rebuilds;

use std::path::Path;

use anyhow::{Context, ensure};
use futures::future::try_join_all;

use crate::api::Api;
use crate::http::hospital::Hospital;
use crate::http::wrk::{self, Script};
use crate::pressure::Pressure;
use crate::report::Report;
use crate::server::Server;
use asked::Asked;
use database::Database;
use pages::Pages;
use postgraphile::{PostGraphile, Start};

/// Connections that book.
const BOOKERS: usize = 64;

/// Rows about the program on PostgreSQL. `parameters` name the server, `postgraphile` the folder that setup made.
pub(crate) async fn measure(
    program: &Path,
    work: &Path,
    parameters: &str,
    postgraphile: &Path,
    pressure: &Pressure,
    report: &mut Report,
) -> anyhow::Result<()> {
    postgraphile::node(postgraphile)?; // Before minutes go by.
    let database = Database::fresh(parameters).await?;
    let data = work.join("server-on-postgres");
    std::fs::create_dir_all(&data).with_context(|| format!("{} cannot be made", data.display()))?;
    let server = Server::start_with(program, &data, &[("CARELOG_SQL", &database.url)]).await?;
    let mut hospital = Hospital::open(&server.api, work, pressure.patients, 1).await?;
    let rows = book(&server.api, &mut hospital, pressure).await?;
    database.settle().await?;
    let yardsticks = start_yardsticks(&database, work, postgraphile).await?;
    let asked = std::iter::once(Asked::carelog(&server.api))
        .chain(yardsticks.iter().map(|yardstick| Asked::postgraphile(&yardstick.name(), &yardstick.api)))
        .collect();
    Pages { asked, hospital: hospital.ids[0].clone(), rows, work }.measure(pressure.queries, report).await?;
    for yardstick in yardsticks {
        yardstick.stop().await?;
    }
    rebuilds::measure(&server.api, &database, report).await?;
    server.stop().await?;
    database.remove().await
}

/// PostGraphile as it finds the tables, and told what no constraint says.
async fn start_yardsticks(database: &Database, work: &Path, folder: &Path) -> anyhow::Result<Vec<PostGraphile>> {
    database.ensure_first_set().await?;
    let starts = [Start::MayBeNull, Start::IsNeverNull];
    try_join_all(starts.map(|start| PostGraphile::start(folder, &database.url, work, start))).await
}

/// Books for a while; how many appointments the read model then holds, compared with what wrk saw succeed.
async fn book(api: &Api, hospital: &mut Hospital, pressure: &Pressure) -> anyhow::Result<u64> {
    let (time, from) = (pressure.held, hospital.next());
    let counted = wrk::run(Script::Bookings, &[&api.base], BOOKERS, time, &hospital.lua, from).await?;
    let counted = counted.all_succeeded("bookings with read models in PostgreSQL")?;
    hospital.advance_to(counted.next);
    api.drain().await?;
    let (succeeded, made) = (counted.succeeded(), hospital.appointments(api).await?);
    // When wrk stops, a request of each connection is on its way: it is carried out, but nobody counts the answer.
    ensure!(
        (succeeded..=succeeded + BOOKERS as u64).contains(&made),
        "wrk counted {succeeded} bookings, the read model in PostgreSQL {made} appointments"
    );
    Ok(made)
}
