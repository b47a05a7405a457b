//! Who is asking, from what came with a request.

use super::{BoxFuture, Failure};
use crate::kernel::Actor;

/// Turns credentials into an actor.
pub trait Authenticator: Send + Sync {
    /// The actor behind the value of an `Authorization` header (`None` when there was no such header).
    fn authenticate(&self, authorization: Option<&str>) -> BoxFuture<'_, Result<Actor, Unauthenticated>>;

    /// True when it lets anyone in who reaches it: the program then listens on loopback alone.
    fn trusts_everyone(&self) -> bool;
}

/// Why nobody could be made of the credentials.
#[derive(Debug, thiserror::Error)]
pub enum Unauthenticated {
    /// None were given.
    #[error("credentials are needed")]
    Missing,
    /// They are wrong, expired or revoked.
    #[error("the credentials are not valid")]
    Invalid,
    /// They could not be checked.
    #[error("the credentials could not be checked")]
    Failed(#[source] Failure),
}
