//! Asking the other processes of the platform.

use bytes::Bytes;

use super::{BoxFuture, Failure, Node};

/// Puts questions to other processes. What a question says is between who asks and who answers; both know that it came
/// from a process of the platform, that nobody else read or changed it, and that it was not sent twice.
pub trait Peers: Send + Sync {
    /// What `node` answers to a question about `subject`.
    fn ask(&self, node: &Node, subject: &'static str, question: Bytes) -> BoxFuture<'_, Result<Bytes, Unanswered>>;
}

/// Answers what other processes ask about one subject.
pub trait Answers: Send + Sync {
    /// The answer to a question of the process named `from`.
    fn answer(&self, from: &str, question: Bytes) -> BoxFuture<'_, Result<Bytes, Failure>>;
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The question never arrived, or was turned away unread.
    #[error("the question did not reach the other process")]
    NotReached(#[source] Failure),
    /// Whether it arrived, and what came of it, is not known.
    #[error("the other process did not answer")]
    Unknown(#[source] Failure),
}
