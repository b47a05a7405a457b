//! Who is asking, and whether the request may come from where it comes: the layer in front of every route.
//!
//! Without real identities (the local authenticator) anyone who reaches the port is the owner of the machine, so the
//! program listens on loopback alone, and a web page that gets a browser to call us must not reach anything:
//! `Host` must be one we serve (rebinding), a foreign `Origin` is refused, and a change needs a content type that no
//! plain HTML form or simple cross-origin request can send.

mod guard;
mod local;

pub use guard::{Guard, guard};
pub use local::LocalAuthenticator;
