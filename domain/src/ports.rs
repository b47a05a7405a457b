//! The sockets of the domain: traits that adapters implement, one contract suite each (in `tests/`).
//!
//! Methods that wait return a [`BoxFuture`], so that every port can be held as `Arc<dyn Port>`.

pub mod assignment;
pub mod authenticator;
pub mod blob_store;
pub mod clock;
pub mod command_bus;
pub mod document_store;
pub mod event_log;
pub mod freshness;
pub mod key_store;
pub mod lab_reader;
pub mod peers;
pub mod publisher;
pub mod settlement;
pub mod sql_store;

use std::future::Future;
use std::pin::Pin;

pub use assignment::{Assigned, Assignment, Fixed};
pub use authenticator::{Authenticator, Unauthenticated};
pub use blob_store::{BlobName, BlobStore};
pub use clock::Clock;
pub use command_bus::{CommandBus, CommandDone, CommandError, CommandRequest, Credential, Fingerprint};
pub use document_store::{Document, DocumentKey, DocumentStore, DocumentWrite, KEY_BYTES_MAX, Page};
pub use event_log::{
    Accepted, AppendError, Batch, Condition, Direction, DurableEnds, EventFilter, EventLog, Expected, Head, Node,
    Owner, Root, Stored, Term, ToAppend,
};
pub use freshness::Freshness;
pub use key_store::{DataKey, KeyId, KeyState, KeyStore};
pub use lab_reader::LabReader;
pub use peers::{Answers, Peers, Unanswered};
pub use publisher::{Publication, PublishError, Publisher, TopicMark, TopicRecord};
pub use settlement::Settlement;
pub use sql_store::{FreshEnough, ROWS, Rows, SqlStore, SqlValue, Statement};

/// A future on the heap, so that traits with async methods can be objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A stream on the heap.
pub type BoxStream<'a, T> = Pin<Box<dyn futures::Stream<Item = T> + Send + 'a>>;

/// A port could not do it. Not a rejection: nobody's input was wrong.
#[derive(Debug, thiserror::Error)]
#[error("{port}: {message}")]
pub struct Failure {
    /// The port, such as `event log`.
    pub port: &'static str,
    /// What could not be done and what the operator can do about it.
    pub message: String,
    /// True when the same call may work later.
    pub retry_helps: bool,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// A failure that will not go away by itself.
    pub fn lasting(port: &'static str, message: impl Into<String>) -> Failure {
        Failure { port, message: message.into(), retry_helps: false, source: None }
    }

    /// A failure that may be gone on the next try.
    pub fn passing(port: &'static str, message: impl Into<String>) -> Failure {
        Failure { port, message: message.into(), retry_helps: true, source: None }
    }

    /// With the error that caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        self.source = Some(source.into());
        self
    }
}
