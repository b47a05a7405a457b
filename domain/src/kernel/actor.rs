//! Who asks. Every request carries an actor, and every event keeps who caused it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HospitalId;

/// What somebody may be to the chain; `policy` says what each may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the installation: hospitals, practitioners, policies, projections.
    Administrator,
    /// Registers patients and keeps the appointment book.
    FrontDesk,
    /// Treats patients.
    Practitioner,
    /// Hands in and checks lab reports.
    Laboratory,
    /// Takes payments, credits and refunds.
    Billing,
    /// Reads the history and its proofs.
    Auditor,
    /// Reads public topics, which name nobody.
    Analyst,
    /// Brings another system's past in, with its own times.
    Importer,
    /// Carelog itself: sagas and workers.
    System,
}

impl Role {
    /// The word used in stored text.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Administrator => "administrator",
            Role::FrontDesk => "front-desk",
            Role::Practitioner => "practitioner",
            Role::Laboratory => "laboratory",
            Role::Billing => "billing",
            Role::Auditor => "auditor",
            Role::Analyst => "analyst",
            Role::Importer => "importer",
            Role::System => "system",
        }
    }
}

/// Why they ask (HL7 v3 PurposeOfUse, in words).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PurposeOfUse {
    /// Care of the patient (TREAT).
    #[default]
    Treatment,
    /// Money (HPAYMT).
    Payment,
    /// Running the place (HOPERAT).
    Operations,
    /// Audit (HSYSADMIN, audit review).
    Audit,
}

/// Which hospitals somebody acts for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// The whole chain.
    Chain,
    /// These hospitals alone.
    Hospitals(Vec<HospitalId>),
}

/// Who asks, as what, why and for which hospitals.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// The chain's or client's name that scopes idempotency keys.
    pub tenant: String,
    /// A stable id of the user, never a name.
    pub user: String,
    /// What they may act as.
    pub roles: Vec<Role>,
    /// Why they ask.
    pub purpose: PurposeOfUse,
    /// For which hospitals.
    pub reach: Reach,
}

impl Actor {
    /// Carelog itself, in the name of one of its parts (`saga:appointment-billing`).
    pub fn system(part: &str) -> Actor {
        Actor {
            tenant: "carelog".to_owned(),
            user: part.to_owned(),
            roles: vec![Role::System],
            purpose: PurposeOfUse::Operations,
            reach: Reach::Chain,
        }
    }

    /// What events keep of an actor: user, the first role, purpose.
    pub fn recorded(&self) -> RecordedActor {
        RecordedActor {
            user: self.user.clone(),
            role: self.roles.first().copied().unwrap_or(Role::System),
            purpose: self.purpose,
        }
    }
}

/// Who caused an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RecordedActor {
    /// A stable id of the user.
    pub user: String,
    /// As what they acted.
    pub role: Role,
    /// Why.
    pub purpose: PurposeOfUse,
}
