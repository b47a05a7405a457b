//! Values that messages are made of.

use carelog_domain::kernel::{HospitalId, Money};
use carelog_domain::scheduling::Period;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cloud_event::Seconds;

/// Stands for a person, or for something of theirs, within one topic: a keyed hash, cut to 128 bits. The same person has
/// another one in every topic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Pseudonym(String);

impl Pseudonym {
    /// From the keyed hash.
    pub fn of_hash(hash: &[u8; 32]) -> Pseudonym {
        Pseudonym(hex::encode(&hash[..16]))
    }

    /// 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Pseudonym {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pseudonym".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// An amount of money: a plain decimal with the currency's own number of decimals.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Amount {
    /// Such as `120.00`.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    pub amount: String,
    /// ISO 4217.
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    pub currency: String,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Amount {
        Amount { amount: money.decimal(), currency: money.currency.to_string() }
    }
}

/// A stretch of time, `end` exclusive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Span {
    /// Inclusive.
    pub start: Seconds,
    /// Exclusive.
    pub end: Seconds,
}

impl From<&Period> for Span {
    fn from(period: &Period) -> Span {
        Span { start: period.start.into(), end: period.end.into() }
    }
}

/// Hospitals are no persons: they keep their ids, so that facts of all topics can be told apart by hospital.
pub type Hospital = HospitalId;
