//! What runs in the child process: bind itself, read the file from standard input, write the answer to standard output.
//! It writes nothing else anywhere: an error text could hold what stands in the file.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::{Extraction, FailureReason, Limits, extract};

/// What the child says to its parent, as one JSON document.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Answer {
    /// What stands in the file.
    Read(Box<Extraction>),
    /// Why nothing could be read.
    Failed(FailureReason),
}

/// The program's hidden subcommand. To be called before anything else was started: no runtime, no log, no second thread.
pub fn child_main(limits: Limits) -> ExitCode {
    // The text of a panic may hold what stands in the file.
    std::panic::set_hook(Box::new(|_| {}));
    if limits.bind_this_process().is_err() {
        return ExitCode::FAILURE;
    }
    let mut answer = serde_json::to_vec(&answer(&limits)).unwrap_or_default();
    if answer.len() > limits.output_bytes_max {
        answer = serde_json::to_vec(&Answer::Failed(FailureReason::TooLarge)).unwrap_or_default();
    }
    match std::io::stdout().write_all(&answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer(limits: &Limits) -> Answer {
    let mut file = Vec::new();
    let room = limits.input_bytes_max as u64 + 1;
    if std::io::stdin().lock().take(room).read_to_end(&mut file).is_err() {
        return Answer::Failed(FailureReason::Broken);
    }
    if file.len() > limits.input_bytes_max {
        return Answer::Failed(FailureReason::TooLarge);
    }
    match catch_unwind(AssertUnwindSafe(|| extract(&file, limits))) {
        Ok(Ok(extraction)) => Answer::Read(Box::new(extraction)),
        Ok(Err(reason)) => Answer::Failed(reason),
        Err(_) => Answer::Failed(FailureReason::ReaderCrashed),
    }
}
