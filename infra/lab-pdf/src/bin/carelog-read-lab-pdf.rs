//! The child process by itself, for this crate's tests: the program `carelog` has the same as a hidden subcommand.
//! An optional argument holds the limits as JSON.

use std::process::ExitCode;

use carelog_lab_pdf::{Limits, child_main};

fn main() -> ExitCode {
    let limits = match std::env::args().nth(1).map(|text| serde_json::from_str(&text)) {
        None => Limits::default(),
        Some(Ok(limits)) => limits,
        Some(Err(_)) => return ExitCode::FAILURE,
    };
    child_main(limits)
}
