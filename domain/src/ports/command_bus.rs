//! How a command reaches the write side, whoever sends it: REST, a saga or an import.

use uuid::Uuid;

use super::{BoxFuture, Failure};
use crate::command::Command;
use crate::kernel::{Actor, CommandId, EventId, StreamName, Timestamp, Token, Version};
use crate::rejection::Rejection;

/// A keyed hash of a command's canonical body.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub [u8; 32]);

/// Decides and appends commands. Returns only when what it reports is durable.
pub trait CommandBus: Send + Sync {
    /// Carries one command out, once, however often it is sent with the same id.
    fn send(&self, request: CommandRequest) -> BoxFuture<'_, Result<CommandDone, CommandError>>;
}

/// A command on its way.
#[derive(Clone, Debug)]
pub struct CommandRequest {
    /// Its identity, for ever.
    pub id: CommandId,
    /// What is asked.
    pub command: Command,
    /// Who asks.
    pub actor: Actor,
    /// What they proved that with, for another process that decides the command and asks again.
    pub credential: Credential,
    /// When it happened, if not now; needs the permission `import` or the system.
    pub occurred_at: Option<Timestamp>,
    /// True when an import had to assume that time (stored with every event of the command).
    pub occurred_assumed: bool,
    /// The version the leading stream must be at (`If-Match`).
    pub if_match: Option<Version>,
    /// The first command of the chain of causes; itself when `None`.
    pub correlation: Option<CommandId>,
    /// The event that caused it, with its recorded-at.
    pub cause: Option<(EventId, Timestamp)>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

impl CommandRequest {
    /// A command that happens now and that nothing caused.
    pub fn now(id: CommandId, command: impl Into<Command>, actor: Actor) -> CommandRequest {
        CommandRequest {
            id,
            command: command.into(),
            actor,
            credential: Credential::default(),
            occurred_at: None,
            occurred_assumed: false,
            if_match: None,
            correlation: None,
            cause: None,
            traceparent: None,
        }
    }
}

/// What somebody proved who they are with: the value of the `Authorization` header, if there was one. Never shown.
#[derive(Clone, Default)]
pub struct Credential(Option<String>);

impl Credential {
    /// This one.
    pub fn new(authorization: Option<String>) -> Credential {
        Credential(authorization)
    }

    /// As it came.
    pub fn into_inner(self) -> Option<String> {
        self.0
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Credential(...)" } else { "Credential(none)" })
    }
}

/// What a command came to.
#[derive(Clone, PartialEq, Debug)]
pub struct CommandDone {
    /// The command.
    pub command: CommandId,
    /// The leading stream: that of the batch's first event.
    pub stream: StreamName,
    /// Its version after the command.
    pub version: Version,
    /// The id of what was made or changed.
    pub subject: Uuid,
    /// Ids of the events.
    pub events: Vec<EventId>,
    /// Where they are.
    pub token: Token,
    /// True when it had been done before.
    pub repeated: bool,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The domain says no.
    #[error("{0}")]
    Rejected(Rejection),
    /// The leading stream is not at the version of `If-Match`.
    #[error("the resource is at version {found}, not {expected}")]
    VersionDiffers {
        /// What was asked for.
        expected: Version,
        /// What it is.
        found: Version,
    },
    /// The key was used before with another body.
    #[error("this idempotency key was used before with another body")]
    KeyReused,
    /// The same command is being carried out right now.
    #[error("a request with this idempotency key is still running")]
    StillRunning,
    /// This process may not decide it now, nor pass it on to one that may: the partition is being taken over, or there
    /// is no touch with the others. Nothing was done.
    #[error("no process of the platform could be asked to carry it out yet")]
    NobodyOwns(#[source] Failure),
    /// Accepted, but not known to be durable: ask again with the same key.
    #[error("the outcome is not known yet; ask again with the same key")]
    OutcomeUnknown(#[source] Failure),
    /// A port could not.
    #[error("the command could not be carried out")]
    Failed(#[source] Failure),
}
