//! The port `SqlStore` on one SQLite file: WAL, `synchronous=NORMAL`, one thread that writes and a pool of connections
//! that read.
//!
//! Writes that arrive while the disk is busy share one commit: each runs in a savepoint of its own, so that one which
//! fails leaves the others standing (no timer is involved). A read call sees one snapshot.

mod failure;
mod readers;
mod statement;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carelog_domain::ports::{BoxFuture, Failure, Rows, SqlStore, Statement};
use rusqlite::{Connection, OpenFlags};

use failure::failure;
use readers::Readers;
use writer::Writer;

/// Prepared statements kept by each connection.
const STATEMENTS_KEPT: usize = 256;

/// A read store in one SQLite file.
pub struct SqliteStore {
    writer: Writer,
    readers: Arc<Readers>,
}

impl SqliteStore {
    /// Opens the file, making it (readable by its owner alone) if there is none.
    ///
    /// # Errors
    /// When it cannot be opened or is not an SQLite database.
    pub fn open(path: impl Into<PathBuf>) -> Result<SqliteStore, Failure> {
        SqliteStore::open_with(path, 4)
    }

    /// As [`SqliteStore::open`], with this many connections for reading.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_with(path: impl Into<PathBuf>, readers: usize) -> Result<SqliteStore, Failure> {
        let path = path.into();
        create_private(&path)?;
        let writer = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER_PRAGMAS)?;
        let connections: Result<Vec<Connection>, Failure> =
            (0..readers.max(1)).map(|_| connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE, READER_PRAGMAS)).collect();
        Ok(SqliteStore { writer: Writer::start(writer)?, readers: Arc::new(Readers::new(connections?)) })
    }
}

impl SqlStore for SqliteStore {
    fn write(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<Vec<u64>, Failure>> {
        Box::pin(self.writer.write(statements))
    }

    fn read(&self, queries: Vec<Statement>) -> BoxFuture<'_, Result<Vec<Rows>, Failure>> {
        let readers = Arc::clone(&self.readers);
        Box::pin(readers.read(queries))
    }
}

/// `NORMAL`: a commit is atomic and waits for no disk. What a power cut takes is taken whole, checkpoint and rows, and is
/// projected again from the log, which is what is durable.
const WRITER_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000; \
     PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000; \
     PRAGMA journal_size_limit = 67108864;";

const READER_PRAGMAS: &str = "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; \
     PRAGMA mmap_size = 268435456;";

fn connect(path: &Path, mode: OpenFlags, pragmas: &str) -> Result<Connection, Failure> {
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .and_then(|connection| connection.execute_batch(pragmas).map(|()| connection))
        .map_err(|error| failure(&format!("could not open {}", path.display()), error))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

/// Read models hold personal values in the open: the file is its owner's alone (WAL and index inherit its mode).
fn create_private(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ()).map_err(|error| {
        let message = format!("could not make {}; check that its folder exists and may be written", path.display());
        Failure::lasting(failure::PORT, message).caused_by(error)
    })
}
