//! Commands between processes of the platform: how a command and what it came to are written for another process, and
//! the answering side, which carries the command out if it owns the partition.
//!
//! A command travels with what its sender proved who they are with; whoever decides it asks that again, so that a process
//! can pass on no more than it was given. Only Carelog's own processes (sagas) need no more than the word of a node.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::command::Command;
use carelog_domain::kernel::{Actor, CommandId, EventId, Position, Role, StreamName, Timestamp, Token, Version};
use carelog_domain::ports::{
    Answers, Authenticator, BoxFuture, CommandDone, CommandError, CommandRequest, Credential, Failure, Node, Peers,
    Unanswered, Unauthenticated,
};
use carelog_domain::rejection::{self, Rejection, RejectionClass};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::write_side::{ApiRejection, WriteSide};

/// What the questions are about.
pub const SUBJECT: &str = "commands";

/// A command as it travels.
#[derive(Serialize, Deserialize)]
struct Asked {
    id: CommandId,
    command: Command,
    actor: Actor,
    credential: Option<String>,
    occurred_at: Option<Timestamp>,
    occurred_assumed: bool,
    if_match: Option<Version>,
    correlation: Option<CommandId>,
    cause: Option<(EventId, Timestamp)>,
    traceparent: Option<String>,
}

/// What it came to, as it travels.
#[derive(Serialize, Deserialize)]
enum Came {
    Done {
        command: CommandId,
        stream: StreamName,
        version: Version,
        subject: Uuid,
        events: Vec<EventId>,
        token: Vec<Position>,
        repeated: bool,
    },
    Rejected {
        code: String,
        field: Option<String>,
        message: String,
    },
    VersionDiffers {
        expected: Version,
        found: Version,
    },
    KeyReused,
    StillRunning,
    NobodyOwns {
        why: String,
    },
    OutcomeUnknown {
        why: String,
    },
    Failed {
        why: String,
        retry_helps: bool,
    },
}

/// Has another process carry a command out.
pub(crate) async fn send(
    peers: &dyn Peers,
    node: &Node,
    request: &CommandRequest,
) -> Result<CommandDone, CommandError> {
    let asked = Asked {
        id: request.id,
        command: request.command.clone(),
        actor: request.actor.clone(),
        credential: request.credential.clone().into_inner(),
        occurred_at: request.occurred_at,
        occurred_assumed: request.occurred_assumed,
        if_match: request.if_match,
        correlation: request.correlation,
        cause: request.cause,
        traceparent: request.traceparent.clone(),
    };
    let question = serde_json::to_vec(&asked).map_err(|error| CommandError::Failed(unwritten(error)))?;
    match peers.ask(node, SUBJECT, question.into()).await {
        Ok(answer) => serde_json::from_slice::<Came>(&answer)
            .map_err(|error| CommandError::OutcomeUnknown(unwritten(error)))?
            .result(),
        Err(Unanswered::NotReached(failure)) => Err(CommandError::NobodyOwns(failure)),
        Err(Unanswered::Unknown(failure)) => Err(CommandError::OutcomeUnknown(failure)),
    }
}

fn unwritten(error: serde_json::Error) -> Failure {
    Failure::lasting("peers", "a command, or what it came to, could not be written for or read from another process")
        .caused_by(error)
}

/// Carries out commands that other processes send here.
pub struct NodeCommands {
    side: Arc<WriteSide>,
    authenticator: Arc<dyn Authenticator>,
}

impl NodeCommands {
    /// Answers with this write side, and asks this authenticator again who sent a command.
    pub fn new(side: Arc<WriteSide>, authenticator: Arc<dyn Authenticator>) -> NodeCommands {
        NodeCommands { side, authenticator }
    }

    async fn carry_out(&self, asked: Asked) -> Result<CommandDone, CommandError> {
        let actor = self.actor(&asked).await?;
        let request = CommandRequest {
            id: asked.id,
            command: asked.command,
            actor,
            credential: Credential::new(asked.credential),
            occurred_at: asked.occurred_at,
            occurred_assumed: asked.occurred_assumed,
            if_match: asked.if_match,
            correlation: asked.correlation,
            cause: asked.cause,
            traceparent: asked.traceparent,
        };
        self.side.carry_out_here(&request).await
    }

    /// Who sent it: Carelog itself, or whoever the credential says, if that is who the other process took them for.
    async fn actor(&self, asked: &Asked) -> Result<Actor, CommandError> {
        if asked.actor.roles == [Role::System] {
            return Ok(asked.actor.clone());
        }
        let refused = |why: &str| CommandError::Failed(Failure::lasting("peers", why));
        match self.authenticator.authenticate(asked.credential.as_deref()).await {
            Ok(actor) if actor == asked.actor => Ok(actor),
            Ok(_) => Err(refused("another process took the sender of a command for somebody else than this one does")),
            Err(Unauthenticated::Failed(failure)) => Err(CommandError::Failed(failure)),
            Err(_) => Err(refused("the credential of a command passed on by another process is not valid here")),
        }
    }
}

impl Answers for NodeCommands {
    fn answer(&self, from: &str, question: Bytes) -> BoxFuture<'_, Result<Bytes, Failure>> {
        tracing::debug!(from, "a command passed on by another process");
        Box::pin(async move {
            let asked: Asked = serde_json::from_slice(&question).map_err(unwritten)?;
            let came = Came::of(self.carry_out(asked).await);
            serde_json::to_vec(&came).map(Bytes::from).map_err(unwritten)
        })
    }
}

impl Came {
    fn of(result: Result<CommandDone, CommandError>) -> Came {
        match result {
            Ok(done) => Came::Done {
                command: done.command,
                stream: done.stream,
                version: done.version,
                subject: done.subject,
                events: done.events,
                token: done.token.positions().collect(),
                repeated: done.repeated,
            },
            Err(CommandError::Rejected(no)) => {
                Came::Rejected { code: no.code.to_owned(), field: no.field.map(Cow::into_owned), message: no.message }
            }
            Err(CommandError::VersionDiffers { expected, found }) => Came::VersionDiffers { expected, found },
            Err(CommandError::KeyReused) => Came::KeyReused,
            Err(CommandError::StillRunning) => Came::StillRunning,
            Err(CommandError::NobodyOwns(failure)) => Came::NobodyOwns { why: told(&failure) },
            Err(CommandError::OutcomeUnknown(failure)) => Came::OutcomeUnknown { why: told(&failure) },
            Err(CommandError::Failed(failure)) => {
                Came::Failed { why: told(&failure), retry_helps: failure.retry_helps }
            }
        }
    }

    fn result(self) -> Result<CommandDone, CommandError> {
        let passing = |why: String| Failure::passing("peers", format!("another process answered: {why}"));
        Err(match self {
            Came::Done { command, stream, version, subject, events, token, repeated } => {
                let token: Token = token.into_iter().collect();
                return Ok(CommandDone { command, stream, version, subject, events, token, repeated });
            }
            Came::Rejected { code, field, message } => match known(&code) {
                Some((code, class)) => {
                    CommandError::Rejected(Rejection { code, class, field: field.map(Cow::Owned), message })
                }
                None => CommandError::Failed(Failure::lasting(
                    "peers",
                    format!("another process refused with {code}, which this version does not know"),
                )),
            },
            Came::VersionDiffers { expected, found } => CommandError::VersionDiffers { expected, found },
            Came::KeyReused => CommandError::KeyReused,
            Came::StillRunning => CommandError::StillRunning,
            Came::NobodyOwns { why } => CommandError::NobodyOwns(passing(why)),
            Came::OutcomeUnknown { why } => CommandError::OutcomeUnknown(passing(why)),
            Came::Failed { why, retry_helps } => CommandError::Failed(Failure { retry_helps, ..passing(why) }),
        })
    }
}

/// The code of a rejection as this version knows it.
fn known(code: &str) -> Option<(&'static str, RejectionClass)> {
    let own = ApiRejection::ALL.map(Rejection::from).map(|no| (no.code, no.class));
    rejection::all_codes().into_iter().chain(own).find(|(known, _)| *known == code)
}

/// A failure in words, with what caused it.
fn told(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut cause = std::error::Error::source(failure);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
