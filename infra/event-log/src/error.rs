//! What can go wrong below the port, and what the operator is told.

use std::io;
use std::path::{Path, PathBuf};

use carelog_domain::kernel::Position;
use carelog_domain::ports::{Failure, Root};

/// Why a log was not opened, or a check of it stopped.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the data folder {folder} is in use by another process; stop that one first, or choose another folder")]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// It has another number of partitions.
    #[error("the log in {folder} has {found} partitions, not {asked}; the number cannot change after it was made")]
    PartitionsDiffer {
        /// The folder.
        folder: PathBuf,
        /// As it is.
        found: u16,
        /// As asked.
        asked: u16,
    },
    /// Something that was durable is no longer as it was written.
    #[error("{0}")]
    Damaged(Damage),
    /// A checkpoint is ahead of the log, or saw another history.
    #[error(
        "the log of partition {} ends at {} with root {}, but {known_by} has seen {size} frames with root {root}; \
         the folder was replaced by an older or another one: restore the newer one, nothing was changed",
        .position.partition, .position.offset, .found.map_or_else(|| "unknown".to_owned(), |root| root.to_string())
    )]
    BehindCheckpoint {
        /// The end of the log.
        position: Position,
        /// Who knows better.
        known_by: String,
        /// How many frames they have seen.
        size: u64,
        /// The root they have seen.
        root: Root,
        /// The root the log has at that size, if it is that long.
        found: Option<Root>,
    },
    /// Options that make no sense.
    #[error("{0}")]
    BadOptions(String),
    /// The operating system said no.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The index could not be opened.
    #[error("the index in {path} cannot be used; stop the program, delete that folder and start again: it is rebuilt")]
    Index {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.to_owned();
        move |source| OpenError::Io { doing, path, source }
    }
}

impl From<Damage> for OpenError {
    fn from(damage: Damage) -> OpenError {
        OpenError::Damaged(damage)
    }
}

/// A place in a file that does not hold what was written there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("damage in {}, byte {byte}: {what}; the log does not start and nothing was changed: restore this file from a \
         copy, or have the disk examined", .file.display())]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub byte: u64,
    /// What was found.
    pub what: String,
}

/// Our name as a port in failures.
const PORT: &str = "event log";

pub(crate) fn lasting(message: impl Into<String>) -> Failure {
    Failure::lasting(PORT, message)
}

pub(crate) fn passing(message: impl Into<String>) -> Failure {
    Failure::passing(PORT, message)
}

/// An error with all its causes, for one line of a log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
