//! `make bench`: measures Carelog beside what bounds it, in one run, and prints a table. Every figure is checked
//! against a count taken afterwards; what does not agree ends the run. docs/benchmarks.md keeps what was measured.

mod api;
mod appends;
mod bare_axum;
mod cluster;
mod http;
mod machine;
mod million;
mod percentiles;
mod postgres;
mod pressure;
mod report;
mod rows;
mod server;
mod year;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use cluster::{Commands, Shape};
use pressure::Pressure;
use report::Report;

/// Measures Carelog. Without a command: everything.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    run: Run,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Clone)]
struct Run {
    /// Short and small, to see whether it works; the figures mean little
    #[arg(long)]
    quick: bool,
    /// Only these parts, separated by commas
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "appends,rows,million,server,postgres,year,cluster"
    )]
    only: Vec<Part>,
    /// The program to measure
    #[arg(long, default_value = "target/release/carelog", value_name = "FILE")]
    program: PathBuf,
    /// Connections at which commands are measured on the cluster
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256", value_name = "NUMBERS")]
    connections: Vec<usize>,
    /// Nodes with which commands are measured on the cluster
    #[arg(long, value_enum, value_delimiter = ',', default_value = "one,one-deciding,three,three-deciding")]
    nodes: Vec<Shape>,
    /// Commands that are measured on the cluster
    #[arg(long, value_enum, value_delimiter = ',', default_value = "bookings,contacts")]
    commands: Vec<Commands>,
    /// Where everything is written; emptied first
    #[arg(long, default_value = "target/bench/work", value_name = "FOLDER")]
    work: PathBuf,
    /// What starts brokers, stores and nodes, for the part `cluster`
    #[arg(long, default_value = "target/release/examples/cluster", value_name = "FILE")]
    cluster: PathBuf,
    /// The clinic's year that is imported
    #[arg(long, default_value = "target/data/2024-12-01", value_name = "FOLDER")]
    year: PathBuf,
    /// A PostgreSQL server to measure beside, such as "host=127.0.0.1 port=15439 user=postgres"
    #[arg(long, value_name = "PARAMETERS")]
    postgres: Option<String>,
    /// Where scripts/setup put PostGraphile, which is measured beside
    #[arg(long, default_value = "target/bench-postgraphile", value_name = "FOLDER")]
    postgraphile: PathBuf,
    /// Where the table goes, besides standard output
    #[arg(long, default_value = "target/bench/report.md", value_name = "FILE")]
    report: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Appends in process, beside the bare segment and PostgreSQL
    Appends,
    /// Rows of read models into PostgreSQL, beside COPY; only with --postgres
    Rows,
    /// A log of a million events: scan, restart
    Million,
    /// The program under load: commands, lag, queries, rebuilds, restart, memory
    Server,
    /// GraphQL and rebuilds with read models in PostgreSQL, beside PostGraphile and COPY; only with --postgres
    Postgres,
    /// The import of a clinic's year
    Year,
    /// One node and three on three brokers: commands and the publisher, beside bare producers
    Cluster,
}

#[derive(Subcommand)]
enum Command {
    /// An axum handler that reads the same JSON and answers as much, and does nothing else
    BareAxum,
    /// Fills a log and goes on until it is killed; says when it has as many events as asked for
    #[command(hide = true)]
    Fill { folder: PathBuf, events: u64 },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::BareAxum) => bare_axum::serve().await,
        Some(Command::Fill { folder, events }) => million::fill_until_killed(&folder, events).await,
        None => measure(&cli.run).await,
    }
}

async fn measure(run: &Run) -> anyhow::Result<()> {
    let pressure = if run.quick { Pressure::quick() } else { Pressure::full() };
    if run.work.exists() {
        std::fs::remove_dir_all(&run.work).with_context(|| format!("{} cannot be emptied", run.work.display()))?;
    }
    std::fs::create_dir_all(&run.work).with_context(|| format!("{} cannot be made", run.work.display()))?;
    let mut report = Report::begin(&run.report, run.quick)?;
    for part in [Part::Appends, Part::Rows, Part::Million, Part::Server, Part::Postgres, Part::Year, Part::Cluster] {
        if !run.only.contains(&part) {
            continue;
        }
        match part {
            Part::Appends => appends::measure(&run.work, run.postgres.as_deref(), &pressure, &mut report).await?,
            Part::Rows => match &run.postgres {
                Some(parameters) => rows::measure(parameters, &pressure, &mut report).await?,
                None => println!("no rows: there is no PostgreSQL to write them to"),
            },
            Part::Million => million::measure(&run.work, &pressure, &mut report).await?,
            Part::Server => http::measure(&run.program, &run.work, &pressure, &mut report).await?,
            Part::Postgres => match &run.postgres {
                Some(parameters) => {
                    let folder = &run.postgraphile;
                    postgres::measure(&run.program, &run.work, parameters, folder, &pressure, &mut report).await?;
                }
                None => println!("nothing on PostgreSQL: there is no server of it"),
            },
            Part::Year => year::measure(&run.program, &run.work, &run.year, &mut report).await?,
            Part::Cluster => {
                let programs = cluster::Programs { carelog: &run.program, cluster: &run.cluster };
                let loads =
                    cluster::Loads { nodes: &run.nodes, connections: &run.connections, commands: &run.commands };
                cluster::measure(&programs, &loads, &run.work, &pressure, &mut report).await?;
            }
        }
    }
    report.end()
}
