//! Connections that read. Each call takes one, reads on one snapshot off the async threads, and gives it back.

use std::sync::Arc;

use carelog_domain::ports::{Failure, Rows, Statement};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::failure::{PORT, failure};
use crate::statement::query;

pub(crate) struct Readers {
    free: Arc<Semaphore>,
    connections: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(connections: Vec<Connection>) -> Readers {
        Readers { free: Arc::new(Semaphore::new(connections.len())), connections: Mutex::new(connections) }
    }

    pub(crate) async fn read(self: Arc<Self>, queries: Vec<Statement>) -> Result<Vec<Rows>, Failure> {
        let closed = |error| Failure::lasting(PORT, "the store is closed").caused_by(error);
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(closed)?;
        // Connection and permit go back from the blocking thread, also when nobody waits for the answer any more.
        let work = tokio::task::spawn_blocking(move || {
            let connection = self.connections.lock().pop().expect("a permit is held for each connection taken out");
            let found = snapshot(&connection, &queries);
            self.connections.lock().push(connection);
            drop(permit);
            found
        });
        work.await.map_err(|error| Failure::lasting(PORT, "a read panicked").caused_by(error))?
    }
}

fn snapshot(connection: &Connection, queries: &[Statement]) -> Result<Vec<Rows>, Failure> {
    let plain = |sql: &str| {
        let prepared = connection.prepare_cached(sql).and_then(|mut prepared| prepared.execute([]));
        prepared.map_err(|error| failure(&format!("could not {sql}"), error))
    };
    if let [single] = queries {
        return Ok(vec![query(connection, single)?]); // One statement is its own snapshot.
    }
    plain("BEGIN")?;
    let found = queries.iter().map(|each| query(connection, each)).collect();
    plain("COMMIT")?;
    found
}
