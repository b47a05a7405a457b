//! GraphQL: 20 appointments, each with its patient and its practitioner.

use anyhow::{Context, ensure};
use serde_json::json;

use super::hospital::Hospital;
use super::wrk::{self, Script};
use crate::api::Api;
use crate::pressure::Pressure;
use crate::report::{Report, Row, number};

const CONNECTIONS: usize = 16;
/// How many appointments a page has.
const PAGE: usize = 20;
const QUERY: &str = "query ($h: ID, $from: DateTime) {
    appointments(filter: { hospital: $h, from: $from }, first: 20) {
        nodes { id status start patient { id name } practitioner { id name } } } }";

/// A row about queries.
pub(super) async fn measure(
    server: &Api,
    hospital: &Hospital,
    pressure: &Pressure,
    report: &mut Report,
) -> anyhow::Result<()> {
    check(server, hospital).await?;
    let counted =
        wrk::run(Script::Appointments, &[&server.base], CONNECTIONS, pressure.queries, &hospital.lua, 0).await?;
    let counted = counted.all_succeeded("GraphQL")?;
    check(server, hospital).await?;
    let appointments = hospital.appointments(server).await?;
    report.add(Row {
        what: format!("GraphQL, 20 appointments with patient and doctor, {CONNECTIONS} connections"),
        figure: format!("{}/s", number(counted.rate())),
        times: counted.percentiles().to_string(),
        checked: format!(
            "{} answers; pages from all over {} appointments, the first, the middle and the last read whole",
            number(counted.succeeded() as f64),
            number(appointments as f64)
        ),
        ..Row::default()
    })
}

/// Reads pages of the range that wrk asks for, and looks at every name.
async fn check(server: &Api, hospital: &Hospital) -> anyhow::Result<()> {
    let half = hospital.starts.len() / 2;
    for slot in [0, half / 2, half - 1] {
        let found = server.query(QUERY, json!({ "h": hospital.ids[0], "from": hospital.starts[slot] })).await?;
        let nodes = found["appointments"]["nodes"].as_array().context("a page of appointments")?;
        let whole = nodes.iter().all(|node| {
            node["patient"]["name"].is_string() && node["practitioner"]["name"].is_string() && node["start"].is_string()
        });
        ensure!(nodes.len() == PAGE && whole, "a page is not whole: {found}");
    }
    Ok(())
}
