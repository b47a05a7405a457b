//! A log of a million events: how fast it is read from end to end, and how long it takes to open, in order and after a
//! `kill -9` in the middle of appends.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use carelog_clock::SystemClock;
use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Direction, EventFilter, EventLog};
use carelog_event_log::{LocalLog, Options};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::appends::event::Writer;
use crate::pressure::Pressure;
use crate::report::{Report, Row, number, rate};

/// Writers that fill a log, each awaiting that its event is durable.
const WRITERS: usize = 512;
/// How many events are read at once.
const CHUNK: usize = 1_024;

/// Rows about opening and reading.
pub(crate) async fn measure(work: &Path, pressure: &Pressure, report: &mut Report) -> anyhow::Result<()> {
    let folder = work.join("million");
    let begun = Instant::now();
    let acknowledged = fill_and_kill(&folder, pressure.events).await?;
    let filling = begun.elapsed();
    let (log, after_kill) = open(&folder)?;
    let size = size(&log).await?;
    ensure!(size >= acknowledged, "{acknowledged} events were acknowledged, the log opened with {size}");
    report.add(Row {
        what: format!("log opens after kill -9, {} events", number(size as f64)),
        figure: seconds(after_kill),
        beside: format!("filled in {} by {WRITERS} writers in another process", seconds(filling)),
        checked: format!("none of the {} acknowledged by the last count is missing", number(acknowledged as f64)),
        ..Row::default()
    })?;
    log.close();
    drop(log);
    let (log, in_order) = open(&folder)?;
    report.add(Row {
        what: format!("log opens after it was closed in order, {} events", number(size as f64)),
        figure: seconds(in_order),
        checked: "same size".to_owned(),
        ..Row::default()
    })?;
    let begun = Instant::now();
    let (events, bytes) = scan(&log).await?;
    let time = begun.elapsed();
    ensure!(events == size, "the scan saw {events} of {size} events");
    report.add(Row {
        what: "scan of the whole log, forward, in process".to_owned(),
        figure: format!("{} events/s", number(rate(events, time))),
        beside: format!("{} MB/s of data, from the page cache", number(rate(bytes, time) / 1e6)),
        checked: format!("{} events in {}, offsets without a gap", number(events as f64), seconds(time)),
        ..Row::default()
    })?;
    log.close();
    drop(log);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Fills a log in this process; prints how many are durable once there are as many as asked for, and goes on.
pub(crate) async fn fill_until_killed(folder: &Path, events: u64) -> anyhow::Result<()> {
    let log: Arc<dyn EventLog> = Arc::new(LocalLog::open(Options::new(folder, Arc::new(SystemClock)))?);
    let durable = Arc::new(AtomicU64::new(0));
    let tasks = (0..WRITERS).map(|number| {
        let (log, durable) = (log.clone(), durable.clone());
        tokio::spawn(async move {
            let mut writer = Writer::new("fill", number);
            loop {
                writer.append(&*log).await?;
                let count = durable.fetch_add(1, Ordering::Relaxed) + 1;
                if count == events {
                    println!("{count}");
                }
            }
        })
    });
    let ended: Vec<Result<anyhow::Result<()>, _>> = futures::future::join_all(tasks).await;
    ended.into_iter().try_for_each(|task| task.context("a writer stopped in the middle")?)
}

/// Has another process fill the log and kills it while it writes; how many it had said were durable.
async fn fill_and_kill(folder: &Path, events: u64) -> anyhow::Result<u64> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let mut child = Command::new(program)
        .arg("fill")
        .arg(folder)
        .arg(events.to_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the process that fills the log could not be started")?;
    let output = child.stdout.take().context("the output of the filling process is piped")?;
    let line = BufReader::new(output).lines().next_line().await?;
    child.kill().await.context("the filling process could not be killed")?;
    line.context("the filling process ended before the log was full")?.parse().context("a count")
}

fn open(folder: &Path) -> anyhow::Result<(LocalLog, Duration)> {
    let begun = Instant::now();
    let log = LocalLog::open(Options::new(folder, Arc::new(SystemClock))).context("the log did not open again")?;
    Ok((log, begun.elapsed()))
}

async fn size(log: &LocalLog) -> anyhow::Result<u64> {
    Ok(log.head().await?.iter().map(|head| head.size).sum())
}

async fn scan(log: &LocalLog) -> anyhow::Result<(u64, u64)> {
    let (mut events, mut bytes) = (0_u64, 0);
    for partition in (0..log.partitions()).map(Partition) {
        let (mut from, mut expected) = (Some(0), 0);
        while let Some(at) = from {
            let (found, next) = log.read(partition, at, Direction::Forward, &EventFilter::default(), CHUNK).await?;
            for stored in &found {
                let offset = stored.context.position.offset;
                ensure!(offset == expected, "offset {offset} follows {expected} in the scan");
                expected += 1;
                bytes += stored.data.len() as u64;
            }
            events += found.len() as u64;
            from = next;
        }
    }
    Ok((events, bytes))
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
