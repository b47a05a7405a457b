//! Connections that read. Each call takes one, reads on one snapshot off the async threads, and gives it back; a read
//! that nobody waits for any more is ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use carelog_domain::ports::{Failure, Rows, Statement};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::failure::{PORT, failure};
use crate::statement::query;

/// Steps of SQLite's machine between two looks at whether anybody waits: some tens of microseconds.
const STEPS_BETWEEN_LOOKS: std::ffi::c_int = 10_000;

pub(crate) struct Readers {
    free: Arc<Semaphore>,
    connections: Mutex<Vec<Connection>>,
}

/// Somebody waits for a read. Dropped with the future that does, at the end or before.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Readers {
    pub(crate) fn new(connections: Vec<Connection>) -> Readers {
        Readers { free: Arc::new(Semaphore::new(connections.len())), connections: Mutex::new(connections) }
    }

    pub(crate) async fn read(self: Arc<Self>, queries: Vec<Statement>) -> Result<Vec<Rows>, Failure> {
        let closed = |error| Failure::lasting(PORT, "the store is closed").caused_by(error);
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(closed)?;
        // A blocking thread cannot be cancelled: left alone, a few slow queries that timed out would hold every
        // connection. The flag is this call's own, so a late one ends nobody else's read.
        let given_up = Arc::new(AtomicBool::new(false));
        let _waiting = Waiting(Arc::clone(&given_up));
        // Connection and permit go back from the blocking thread, also when nobody waits for the answer any more.
        let work = tokio::task::spawn_blocking(move || {
            let mut connection = self.connections.lock().pop().expect("a permit is held for each connection taken out");
            let found = snapshot(&mut connection, &queries, given_up);
            self.connections.lock().push(connection);
            drop(permit);
            found
        });
        work.await.map_err(|error| Failure::lasting(PORT, "a read panicked").caused_by(error))?
    }
}

fn snapshot(
    connection: &mut Connection,
    queries: &[Statement],
    given_up: Arc<AtomicBool>,
) -> Result<Vec<Rows>, Failure> {
    let several = queries.len() > 1; // One statement is its own snapshot.
    if several {
        plain(connection, "BEGIN")?;
    }
    let found =
        watched(connection, given_up, |connection| queries.iter().map(|each| query(connection, each)).collect());
    if several {
        plain(connection, "COMMIT")?;
    }
    found
}

/// Reads, and looks from time to time whether anybody still waits. What begins and ends the snapshot is not part of it,
/// or the connection would go back in the middle of one.
fn watched(
    connection: &mut Connection,
    given_up: Arc<AtomicBool>,
    read: impl FnOnce(&Connection) -> Result<Vec<Rows>, Failure>,
) -> Result<Vec<Rows>, Failure> {
    let failed = |error| failure("could not watch a read", error);
    let look = move || given_up.load(Ordering::Relaxed);
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(look)).map_err(failed)?;
    let found = read(connection);
    connection.progress_handler(0, None::<fn() -> bool>).map_err(failed)?;
    found
}

fn plain(connection: &Connection, sql: &str) -> Result<(), Failure> {
    let prepared = connection.prepare_cached(sql).and_then(|mut prepared| prepared.execute([]));
    prepared.map(|_| ()).map_err(|error| failure(&format!("could not {sql}"), error))
}
