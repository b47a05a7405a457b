//! Appends in process, through the port: each client has a stream of its own and awaits that its event is durable
//! before it makes the next. Beside them the bare segment and PostgreSQL, under the same demand. They take turns, so
//! that what else the machine does disturbs them alike.

mod bare_segment;
pub(crate) mod event;
mod postgres;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use carelog_clock::SystemClock;
use carelog_domain::ports::EventLog;
use carelog_event_log::{LocalLog, Options};

use crate::percentiles::Times;
use crate::pressure::Pressure;
use crate::report::{Report, Row, number, rate, share};
use bare_segment::BareSegment;
use event::Writer;

/// How many clients there are, and frames of a batch of the bare segment.
const CLIENTS: [usize; 3] = [1, 16, 64];

/// How often they take turns.
const ROUNDS: u32 = 5;

/// What some clients did in some time.
#[derive(Default)]
struct Measured {
    count: u64,
    time: Duration,
    times: Times,
}

impl Measured {
    fn rate(&self) -> f64 {
        rate(self.count, self.time)
    }

    fn join(&mut self, round: Measured) {
        self.count += round.count;
        self.time += round.time;
        self.times.join(round.times);
    }
}

/// A row for each number of clients.
pub(crate) async fn measure(
    work: &Path,
    postgres: Option<&str>,
    pressure: &Pressure,
    report: &mut Report,
) -> anyhow::Result<()> {
    let segment = BareSegment::filled(&work.join("bare-segment"))?;
    let round = pressure.appends / ROUNDS;
    for clients in CLIENTS {
        let (mut ours, mut bare, mut theirs) = (Measured::default(), Measured::default(), Measured::default());
        for _ in 0..ROUNDS {
            let folder = work.join("appends");
            ours.join(local_log(&folder, clients, round).await?);
            std::fs::remove_dir_all(&folder)?;
            bare.join(segment.measure(clients, round)?);
            if let Some(parameters) = postgres {
                theirs.join(postgres::measure(parameters, clients, round).await?);
            }
        }
        let mut beside =
            format!("bare segment {}/s (we reach {})", number(bare.rate()), share(ours.rate(), bare.rate()));
        if postgres.is_some() {
            let (rate, factor) = (number(theirs.rate()), ours.rate() / theirs.rate());
            let times = theirs.times.percentiles();
            beside.push_str(&format!("; PostgreSQL {rate}/s, p50 / p99 {times} (we: {factor:.1} x)"));
        }
        report.add(Row {
            what: format!("appends in process, {clients} {}", if clients == 1 { "client" } else { "clients" }),
            figure: format!("{}/s", number(ours.rate())),
            beside,
            checked: format!("head says {} events, as many as were acknowledged", number(ours.count as f64)),
            times: ours.times.percentiles().to_string(),
        })?;
    }
    segment.remove()
}

async fn local_log(folder: &Path, clients: usize, time: Duration) -> anyhow::Result<Measured> {
    let options = Options::new(folder, Arc::new(SystemClock));
    let log: Arc<dyn EventLog> = Arc::new(LocalLog::open(options).context("the log could not be opened")?);
    let begun = Instant::now();
    let until = begun + time;
    let tasks: Vec<_> = (0..clients).map(|client| tokio::spawn(write(log.clone(), client, until))).collect();
    let mut times = Times::default();
    for task in tasks {
        times.join(task.await.context("a client stopped in the middle")??);
    }
    let (count, time) = (times.count() as u64, begun.elapsed());
    let size: u64 = log.head().await?.iter().map(|head| head.size).sum();
    ensure!(size == count, "{count} appends were acknowledged, but the log holds {size} events");
    Ok(Measured { count, time, times })
}

async fn write(log: Arc<dyn EventLog>, client: usize, until: Instant) -> anyhow::Result<Times> {
    let mut writer = Writer::new("appends", client);
    let mut times = Times::default();
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(times);
        }
        writer.append(&*log).await?;
        times.add(begun.elapsed());
    }
}
