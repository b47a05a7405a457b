//! Commands over HTTP for some seconds, beside the bare producer: bookings, which are three events and what the sagas add
//! to them, and changes of a patient's contacts, which are one event each as a record of the producer is.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use super::bare::Bare;
use super::running::Cluster;
use crate::api::Drained;
use crate::http::hospital::Hospital;
use crate::http::wrk::{self, Counted, Script};
use crate::percentiles::Percentiles;
use crate::report::{Report, Row, number, rate, share};

/// Where, how hard and beside what it is measured.
pub(super) struct Burst<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) connections: usize,
    pub(super) time: Duration,
    pub(super) bare: &'a [Bare],
}

/// What wrk sends.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Commands {
    /// Appointments that are booked: three events, and some eight with what sagas answer
    Bookings,
    /// Changes of a patient's contacts: one event
    Contacts,
}

/// What came of one.
struct Outcome {
    name: String,
    counted: Counted,
    /// Events that the log grew by while it ran.
    during: u64,
    /// And until everything was handled.
    in_all: u64,
    left: Drained,
}

impl Burst<'_> {
    /// Each another booking.
    pub(super) async fn bookings(&self, hospital: &mut Hospital, report: &mut Report) -> anyhow::Result<()> {
        let api = self.cluster.api();
        let before = hospital.appointments(api).await?;
        let outcome = self.run("POST /v1/appointments", Script::Bookings, &hospital.lua, hospital.next()).await?;
        hospital.advance_to(outcome.counted.next);
        let made = hospital.appointments(api).await? - before;
        self.ensure_all_made(&outcome, made, "the read model has as many appointments")?;
        self.add(&outcome, &format!("201, {} appointments", number(made as f64)), report)
    }

    /// The contacts of one patient after the other, each time with the version that is to be changed.
    pub(super) async fn contacts(&self, hospital: &Hospital, work: &Path, report: &mut Report) -> anyhow::Result<()> {
        let data = work.join("contacts-data.lua");
        hospital.write_contacts(self.cluster.api(), &format!("contacts-{}", self.connections), &data).await?;
        let outcome = self.run("PUT /v1/patients/{patient}/contacts", Script::Contacts, &data, 0).await?;
        // Nothing follows from such a change: no saga takes it.
        self.ensure_all_made(&outcome, outcome.in_all, "the log has as many events more")?;
        self.add(&outcome, &format!("200, {} events", number(outcome.in_all as f64)), report)
    }

    async fn run(&self, command: &str, script: Script, data: &Path, from: u64) -> anyhow::Result<Outcome> {
        let Burst { cluster, connections, time, .. } = *self;
        let (api, nodes) = (cluster.api(), cluster.nodes.len());
        let some = |count: usize| if count == 1 { "" } else { "s" };
        let alone = if cluster.has_worker() { ", deciding only" } else { "" };
        let on = format!("{nodes} node{}{alone}, {connections} connection{}", some(nodes), some(connections));
        let name = format!("{command} on Kafka, {on}, {} s", time.as_secs());
        let events = api.events().await?;
        let urls: Vec<&str> = cluster.nodes.iter().map(|node| node.base.as_str()).collect();
        cluster.hold_worker().await?;
        let counted = wrk::run(script, &urls, connections, time, data, from).await?.all_succeeded(&name)?;
        let during = api.events().await? - events;
        cluster.release_worker().await?;
        let left = api.drain().await?;
        let in_all = api.events().await? - events;
        Ok(Outcome { name, counted, during, in_all, left })
    }

    /// When wrk stops, a request of each connection is on its way: it is carried out, but nobody counts the answer.
    fn ensure_all_made(&self, outcome: &Outcome, made: u64, what: &str) -> anyhow::Result<()> {
        let succeeded = outcome.counted.succeeded();
        let all = succeeded..=succeeded + self.connections as u64;
        ensure!(all.contains(&made), "{}: wrk counted {succeeded} successes, {what}: {made}", outcome.name);
        Ok(())
    }

    fn add(&self, outcome: &Outcome, made: &str, report: &mut Report) -> anyhow::Result<()> {
        let Outcome { name, counted, during, left, .. } = outcome;
        let (written, ours) = (rate(*during, self.time), counted.percentiles());
        let beside: Vec<String> = self.bare.iter().map(|bare| against(bare, written, &ours)).collect();
        report.add(Row {
            what: name.clone(),
            figure: format!("{}/s, {} events/s", number(counted.rate()), number(written)),
            times: ours.to_string(),
            beside: beside.join("; "),
            checked: format!(
                "{} answered with {made}; left over: sagas {} events, read models {}; caught up in {:.1} s",
                number(counted.succeeded() as f64),
                number(left.sagas_behind as f64),
                number(left.models_behind as f64),
                left.time.as_secs_f64()
            ),
        })
    }
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
