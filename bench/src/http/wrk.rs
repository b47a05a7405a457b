//! wrk, with a script that makes every request a different one, and what it counted.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::percentiles::Percentiles;
use crate::report::rate;

/// A script of ours.
#[derive(Clone, Copy)]
pub(crate) enum Script {
    /// Bookings, from a number on.
    Bookings,
    /// Changes of patients' contacts, at the versions that the data file has.
    Contacts,
    /// The appointments of some days.
    Appointments,
    /// Pages whose requests the data file has.
    Pages,
}

/// What wrk counted.
#[derive(Deserialize)]
pub(crate) struct Counted {
    requests: u64,
    micros: u64,
    refused: u64,
    broken: u64,
    p50: f64,
    p99: f64,
    /// The first number that no request has.
    pub(crate) next: u64,
}

impl Counted {
    /// Answers with a status below 400.
    pub(crate) fn succeeded(&self) -> u64 {
        self.requests - self.refused
    }

    /// Successes a second.
    pub(crate) fn rate(&self) -> f64 {
        rate(self.succeeded(), Duration::from_micros(self.micros))
    }

    /// How long a request took.
    pub(crate) fn percentiles(&self) -> Percentiles {
        let micros = |micros: f64| Duration::from_secs_f64(micros / 1e6);
        Percentiles { p50: micros(self.p50), p99: micros(self.p99) }
    }

    /// Ends the run when a request did not succeed: then it is not the load that was asked for.
    pub(crate) fn all_succeeded(self, what: &str) -> anyhow::Result<Counted> {
        ensure!(self.refused == 0, "{what}: {} of {} requests were refused", self.refused, self.requests);
        ensure!(self.broken == 0, "{what}: {} requests got no answer", self.broken);
        Ok(self)
    }
}

/// Runs a script against an address, or against several, each with its share of the connections.
pub(crate) async fn run(
    script: Script,
    urls: &[&str],
    connections: usize,
    time: Duration,
    data: &Path,
    from: u64,
) -> anyhow::Result<Counted> {
    let file = match script {
        Script::Bookings => concat!(env!("CARGO_MANIFEST_DIR"), "/wrk/bookings.lua"),
        Script::Contacts => concat!(env!("CARGO_MANIFEST_DIR"), "/wrk/contacts.lua"),
        Script::Appointments => concat!(env!("CARGO_MANIFEST_DIR"), "/wrk/appointments.lua"),
        Script::Pages => concat!(env!("CARGO_MANIFEST_DIR"), "/wrk/pages.lua"),
    };
    let threads = connections.min(urls.len().max(2)).to_string();
    let nodes: Vec<&str> = urls.iter().map(|url| url.trim_start_matches("http://")).collect();
    let output = Command::new("wrk")
        .args(["-t", &threads, "-c", &connections.to_string(), "-d", &format!("{}s", time.as_secs())])
        .args(["--timeout", "30s", "--latency", "-s", file, urls[0], "--"])
        .arg(data)
        .args([&threads, &from.to_string()])
        .env("LUA_PATH", concat!(env!("CARGO_MANIFEST_DIR"), "/wrk/?.lua"))
        .env("NODES", if nodes.len() > 1 { nodes.join(",") } else { String::new() })
        .output()
        .await
        .context("wrk could not be started; scripts/setup bench installs it")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("counted: "));
    let line =
        line.with_context(|| format!("wrk counted nothing: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    serde_json::from_str(line).with_context(|| format!("what wrk counted cannot be read: {line}"))
}
