//! What an error of PostgreSQL means for whoever runs the program.
//!
//! What the server says may quote a row (`DETAIL: Failing row contains ...`), and failures are logged and kept in
//! `read_model_faults`: only the code and, where it names no value, the first line of the message go on.

use std::error::Error as _;

use carelog_domain::ports::Failure;
use deadpool_postgres::{HookError, PoolError, TimeoutType};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity};

pub(crate) const PORT: &str = "postgres";

/// The failure an error becomes: what was being done, what the operator can do, whether to try again.
pub(crate) fn failure(doing: &str, error: &Error) -> Failure {
    let (advice, retry_helps) = match error.as_db_error() {
        None => ("the connection broke; check the server and the network", true),
        Some(said) => meaning(said),
    };
    let failed = if retry_helps { Failure::passing } else { Failure::lasting };
    failed(PORT, format!("{doing}: {advice}")).caused_by(said(error))
}

fn meaning(said: &DbError) -> (&'static str, bool) {
    match advice(said.code().code()) {
        (_, false) if ends_the_connection(said) => {
            ("the server, or the pooler before it, ended the connection; see what it says", true)
        }
        advice => advice,
    }
}

/// True of what is never the fault of a statement. PgBouncer gives all that it says itself, such as that the server behind it
/// has gone, as fatal and with one code, which PostgreSQL has for statements that do not fit.
fn ends_the_connection(said: &DbError) -> bool {
    match said.parsed_severity() {
        Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
        None => matches!(said.severity(), "FATAL" | "PANIC"),
    }
}

fn advice(code: &str) -> (&'static str, bool) {
    match code {
        "08P01" | "26000" => ("the statement does not fit its parameters", false),
        "40001" | "40P01" => ("another transaction was in the way", true),
        "55P03" => ("a lock was not to be had in time", true),
        "57014" => ("it took longer than a statement may, or was cancelled by an operator", true),
        "57P01" | "57P02" | "57P03" | "57P05" => ("the server is stopping or starting", true),
        "25006" => ("this server only reads; give the address of the primary", true),
        "53100" => ("the server's disk is full; make room, then it goes on by itself", true),
        "53300" => ("the server has no connection left; raise max_connections or lower connections_max", true),
        "28000" | "28P01" => ("the server refuses the user; check name, password and pg_hba.conf", true),
        "3D000" => ("there is no such database; create it", true),
        "42501" => ("the user may not do this; it has to own the schema", true),
        "XX001" | "XX002" => ("the database is damaged; restore it, or rebuild the read models from the log", false),
        code => match &code[..2] {
            "08" => ("the connection broke; check the server and the network", true),
            "53" => ("the server lacks memory or another resource", true),
            "58" => ("the server's disk failed; check it and its log", true),
            "23" => ("a row breaks a rule of its table", false),
            "22" => ("a value cannot be kept", false),
            _ => ("the statement does not fit the tables", false),
        },
    }
}

/// A connection that is not to be had is never the fault of a statement, so trying again helps as soon as it is mended.
pub(crate) fn no_connection(address: &str, error: PoolError) -> Failure {
    let cause = match error {
        PoolError::Timeout(TimeoutType::Wait) => {
            let message = format!("all connections to {address} are busy; raise connections_max, or find what is slow");
            return Failure::passing(PORT, message);
        }
        PoolError::Timeout(_) => "no answer in time".to_owned(),
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
            let advice =
                error.as_db_error().map_or("check that it runs, its address and sslmode", |said| meaning(said).0);
            return Failure::passing(PORT, format!("could not connect to {address}: {advice}")).caused_by(said(&error));
        }
        other => other.to_string(),
    };
    Failure::passing(PORT, format!("could not connect to {address}: check that it runs")).caused_by(cause)
}

/// The server chose this transaction to end, or the connection was gone: it had no effect, and may be tried again at
/// once as long as no commit was sent.
pub(crate) fn again_at_once(error: &Error) -> bool {
    match error.as_db_error() {
        // A pooler without a connection to give has been waited for long enough.
        Some(said) if said.message().contains("query_wait_timeout") => false,
        Some(said) => matches!(said.code().code(), "40001" | "40P01") || ends_the_connection(said),
        None => error.is_closed() || error.source().is_some_and(|cause| cause.is::<std::io::Error>()),
    }
}

/// True when the server itself said that a commit failed. A fatal error may come after the commit was made.
pub(crate) fn is_certain(error: &Error) -> bool {
    error.as_db_error().is_some_and(|said| said.severity() == "ERROR")
}

/// An error without what may be somebody's data.
fn said(error: &Error) -> String {
    match error.as_db_error() {
        Some(error) => without_values(error),
        None => with_causes(error),
    }
}

/// An error of the driver: it names what broke, never a value.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

fn without_values(error: &DbError) -> String {
    let code = error.code().code();
    let place = [error.table(), error.column(), error.constraint()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    // Class 22 quotes the value that it cannot take.
    let message = if code.starts_with("22") { "data exception" } else { error.message() };
    if place.is_empty() { format!("{message} ({code})") } else { format!("{message} ({code}, {place})") }
}
