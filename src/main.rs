//! The program `carelog`: a match on the subcommand. What each does stands in its own file.

mod cli;
mod client;
mod homes;
mod import;
mod landing;
mod ledger;
mod log;
mod operations;
mod output;
mod progress;
mod projections;
mod publisher;
mod roles;
mod sagas;
mod schemas;
mod serve;
mod settings;
mod version;
mod wiring;

use std::process::ExitCode;

use carelog_event_log::OpenError;
use clap::Parser;

use cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::ReadLabPdf) {
        // Before any thread or runtime: the child limits itself first and then reads one file.
        return carelog_lab_pdf::child_main(carelog_lab_pdf::Limits::default());
    }
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            match error.downcast_ref::<OpenError>() {
                Some(OpenError::Damaged(_) | OpenError::BehindCheckpoint { .. }) => ExitCode::from(output::DIFFERENCES),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = settings::load(&cli)?;
    let telemetry = carelog_telemetry::start(settings.log_format(), cli.command.log_filter())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        match cli.command {
            Command::Serve(_) => serve::run(&settings, &telemetry).await,
            Command::Import(arguments) => import::run(&arguments, cli.json).await,
            Command::Log(command) => log::run(command, &settings, cli.json).await,
            Command::Projections(command) => projections::run(command, &settings, cli.json).await,
            Command::Sagas(command) => sagas::run(command, &settings, cli.json).await,
            Command::Ledger(command) => ledger::run(command, &settings, cli.json).await,
            Command::Schemas(command) => schemas::run(&command, cli.json),
            Command::Version => version::run(cli.json),
            Command::ReadLabPdf => unreachable!("handled before the runtime starts"),
        }
    })?;
    // What still waits in blocking tasks must not hold up the exit: all that was acknowledged is durable.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    Ok(code)
}
