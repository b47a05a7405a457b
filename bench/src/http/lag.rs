//! How late a query sees a command: a client that books at a steady rate, and for every twentieth booking asks for it,
//! from the moment of its 201, with the token it was given.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::hospital::Hospital;
use crate::api::Api;
use crate::percentiles::Times;
use crate::pressure::Pressure;
use crate::report::{Report, Row, number, rate};

/// One of so many bookings is asked for.
const SAMPLE: u64 = 20;
const QUERY: &str = "query ($id: ID!) { appointment(id: $id) { id status } }";

/// How long one booking took, and how long after its answer a query saw it.
struct Seen {
    command: Duration,
    query: Option<Duration>,
}

/// A row about lag.
pub(super) async fn measure(
    server: &Api,
    hospital: &mut Hospital,
    pressure: &Pressure,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (count, first) = (pressure.paced_rate * pressure.paced.as_secs(), hospital.next());
    hospital.advance_to(first + count);
    let before = hospital.appointments(server).await?;
    let (http, base) = (server.http.clone(), Arc::<str>::from(server.base.as_str()));
    let mut running = JoinSet::new();
    let begun = Instant::now();
    for index in 0..count {
        let due = begun + Duration::from_secs_f64(index as f64 / pressure.paced_rate as f64);
        tokio::time::sleep_until(due.into()).await;
        let (key, body) = (format!("bench-{}", first + index), hospital.booking(first + index));
        running.spawn(one(http.clone(), base.clone(), key, body, index % SAMPLE == 0));
    }
    let sending = begun.elapsed();
    let (mut commands, mut queries) = (Times::default(), Times::default());
    while let Some(seen) = running.join_next().await {
        let seen = seen.context("a client stopped in the middle")??;
        commands.add(seen.command);
        seen.query.into_iter().for_each(|time| queries.add(time));
    }
    let left = server.drain().await?;
    let made = hospital.appointments(server).await? - before;
    ensure!(made == count, "{count} bookings were answered with 201, the read model holds {made} more appointments");
    report.add(Row {
        what: format!(
            "lag at {} commands/s for {} s: from the 201 to the answer of a query with its token",
            number(pressure.paced_rate as f64),
            pressure.paced.as_secs()
        ),
        figure: format!("{} samples", queries.count()),
        times: queries.percentiles().to_string(),
        beside: format!("the commands themselves: {}", commands.percentiles()),
        checked: format!(
            "{} commands sent at {}/s, {} appointments; left over: sagas {} events, caught up in {:.1} s",
            number(count as f64),
            number(rate(count, sending)),
            number(made as f64),
            number(left.sagas_behind as f64),
            left.time.as_secs_f64()
        ),
    })
}

async fn one(http: Client, base: Arc<str>, key: String, body: Value, sampled: bool) -> anyhow::Result<Seen> {
    let begun = Instant::now();
    let answer = loop {
        let request = http.post(format!("{base}/v1/appointments")).header("idempotency-key", &key).json(&body);
        let answer = request.send().await?;
        // More than it carries out at once: sent again with the same key, as a client is told to.
        if answer.status() != reqwest::StatusCode::SERVICE_UNAVAILABLE {
            break answer.error_for_status().context("a booking was refused")?;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let command = begun.elapsed();
    if !sampled {
        answer.bytes().await?;
        return Ok(Seen { command, query: None });
    }
    let asking = Instant::now();
    let token = answer.headers().get("carelog-token").cloned().context("a booking is answered with a token")?;
    let done: Value = answer.json().await?;
    let query = json!({ "query": QUERY, "variables": { "id": done["id"] } });
    let found = loop {
        let request = http.post(format!("{base}/graphql")).header("carelog-token", &token).json(&query);
        let found: Value = request.send().await?.error_for_status()?.json().await?;
        if found["errors"][0]["extensions"]["code"] != "not-yet" {
            break found;
        }
    };
    let seen = asking.elapsed();
    ensure!(found["data"]["appointment"]["id"] == done["id"], "a query with the token did not see it: {found}");
    Ok(Seen { command, query: Some(seen) })
}
