//! Letting a read model skip an event it cannot take: a command, so that who did it and why is on record.

use carelog_domain::kernel::{Actor, CommandId, Position, Staff};
use carelog_domain::ports::{CommandBus, CommandDone, CommandError, CommandRequest, Credential};
use carelog_domain::process::commands::SkipProjectionEvent;

/// Sends the command; the projection goes on as soon as the event it makes was projected.
///
/// # Errors
/// As the command bus says.
pub async fn skip(
    bus: &dyn CommandBus,
    actor: Actor,
    credential: Credential,
    model: &str,
    position: Position,
    reason: &str,
) -> Result<CommandDone, CommandError> {
    let command = SkipProjectionEvent { projection: model.to_owned(), position, reason: Staff::new(reason.to_owned()) };
    let key = format!("{model}@{position}");
    let id = CommandId::of_client_key(&actor.tenant, "SkipProjectionEvent", &key);
    let request = CommandRequest {
        credential,
        traceparent: carelog_schemas::trace_context::current(),
        ..CommandRequest::now(id, command, actor)
    };
    bus.send(request).await
}
