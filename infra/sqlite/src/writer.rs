//! The one thread that writes. Requests that wait while it commits share the next commit.

use std::future::Future;
use std::thread::JoinHandle;

use carelog_domain::ports::{Failure, Statement};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::failure::{PORT, failure};
use crate::statement::execute;

/// Requests that may share a commit; bounds how long the first of them waits.
const SHARED_MAX: usize = 64;
/// Requests that may wait; more than that and whoever writes waits in turn.
const WAITING_MAX: usize = 256;

type Outcome = Result<Vec<u64>, Failure>;

struct Request {
    statements: Vec<Statement>,
    answer: oneshot::Sender<Outcome>,
}

pub(crate) struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> Result<Writer, Failure> {
        let (requests, waiting) = mpsc::channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || run(&connection, waiting))
            .map_err(|error| Failure::lasting(PORT, "could not start the writing thread").caused_by(error))?;
        Ok(Writer { requests: Some(requests), thread: Some(thread) })
    }

    pub(crate) fn write(&self, statements: Vec<Statement>) -> impl Future<Output = Outcome> + Send + 'static {
        let requests = self.requests.clone();
        async move {
            let stopped = || Failure::lasting(PORT, "the store is closed");
            let (answer, outcome) = oneshot::channel();
            let requests = requests.ok_or_else(stopped)?;
            requests.send(Request { statements, answer }).await.map_err(|_| stopped())?;
            drop(requests);
            outcome.await.map_err(|_| stopped())?
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already reported to whoever waited; there is nothing left to close.
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, mut waiting: mpsc::Receiver<Request>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut shared = vec![first];
        while shared.len() < SHARED_MAX {
            match waiting.try_recv() {
                Ok(request) => shared.push(request),
                Err(_) => break,
            }
        }
        commit(connection, shared);
    }
}

fn commit(connection: &Connection, requests: Vec<Request>) {
    let begun = run_plain(connection, "BEGIN IMMEDIATE");
    let outcomes: Vec<Outcome> = match &begun {
        Ok(()) => requests.iter().map(|request| apply(connection, &request.statements)).collect(),
        Err(_) => requests.iter().map(|_| Ok(vec![])).collect(),
    };
    // Some errors (a full disk) end the whole transaction: then nothing of it was written, whoever it was for.
    let committed = begun.and_then(|()| match connection.is_autocommit() {
        true => Err(Failure::passing(PORT, "the transaction was ended by an error in it")),
        false => run_plain(connection, "COMMIT"),
    });
    if committed.is_err() && !connection.is_autocommit() {
        // Leaves the connection usable; the error that matters is the commit's.
        let _ = run_plain(connection, "ROLLBACK");
    }
    for (outcome, request) in outcomes.into_iter().zip(requests) {
        let outcome = match &committed {
            Ok(()) => outcome,
            Err(error) => Err(not_committed(error)),
        };
        // Whoever asked may have stopped waiting.
        let _ = request.answer.send(outcome);
    }
}

/// One request in a savepoint, so that it fails alone.
fn apply(connection: &Connection, statements: &[Statement]) -> Outcome {
    if connection.is_autocommit() {
        return Err(Failure::passing(PORT, "the transaction was ended by an error in it"));
    }
    run_plain(connection, "SAVEPOINT request")?;
    let outcome: Outcome = statements.iter().map(|statement| execute(connection, statement)).collect();
    match outcome {
        Ok(affected) => run_plain(connection, "RELEASE request").map(|()| affected),
        Err(error) => {
            if !connection.is_autocommit() {
                run_plain(connection, "ROLLBACK TO request")?;
                run_plain(connection, "RELEASE request")?;
            }
            Err(error)
        }
    }
}

fn run_plain(connection: &Connection, sql: &str) -> Result<(), Failure> {
    let mut prepared = connection.prepare_cached(sql).map_err(|error| failure(&format!("could not {sql}"), error))?;
    prepared.execute([]).map(|_| ()).map_err(|error| failure(&format!("could not {sql}"), error))
}

/// The failure of a commit, for each of those who shared it.
fn not_committed(error: &Failure) -> Failure {
    let message = format!("the transaction was not committed: {}", error.message);
    let cause = error.source.as_ref().map(ToString::to_string);
    let failed = if error.retry_helps { Failure::passing } else { Failure::lasting };
    match cause {
        Some(cause) => failed(PORT, message).caused_by(cause),
        None => failed(PORT, message),
    }
}
