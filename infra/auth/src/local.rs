//! The authenticator of a machine with one owner.

use carelog_domain::kernel::{Actor, PurposeOfUse, Role, actor::Reach};
use carelog_domain::ports::{Authenticator, BoxFuture, Unauthenticated};

/// Takes everyone who reaches the port for the owner of the machine, who may do everything but run Carelog's own
/// processes. Only for loopback.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalAuthenticator;

impl LocalAuthenticator {
    /// The owner of the machine.
    pub fn owner() -> Actor {
        Actor {
            tenant: "local".to_owned(),
            user: "local".to_owned(),
            roles: vec![
                Role::Administrator,
                Role::FrontDesk,
                Role::Practitioner,
                Role::Laboratory,
                Role::Billing,
                Role::Auditor,
                Role::Analyst,
                Role::Importer,
            ],
            purpose: PurposeOfUse::Operations,
            reach: Reach::Chain,
        }
    }
}

impl Authenticator for LocalAuthenticator {
    fn authenticate(&self, _: Option<&str>) -> BoxFuture<'_, Result<Actor, Unauthenticated>> {
        Box::pin(async { Ok(LocalAuthenticator::owner()) })
    }

    fn trusts_everyone(&self) -> bool {
        true
    }
}
