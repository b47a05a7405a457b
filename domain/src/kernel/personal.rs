//! Personal data in events. `Personal<T, P>` says on the event field itself that the value is personal and for which
//! purpose it is kept; nothing else has to remember it. It is sealed before it is written and opened when it is read
//! (crate `carelog-schemas`, module `sealing`).
//!
//! ```text
//! in memory, on its way to be sealed   {"$personal": <value>, "purpose": "identity"}
//! in the log                           {"$sealed": "<key id and ciphertext>"}
//! after its key was erased             {"$erased": true}
//! ```

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a personal value is kept: each subject has one key for each of these, erased apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Who the person is: name, birth date, gender, contacts, identifiers.
    Identity,
    /// Their care: reasons, results, documents.
    Clinical,
    /// Their money: payers, payment references.
    Billing,
    /// Staff data of practitioners.
    Staff,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Purpose; 4] = [Purpose::Identity, Purpose::Clinical, Purpose::Billing, Purpose::Staff];

    /// The word used in stored text.
    pub const fn word(self) -> &'static str {
        match self {
            Purpose::Identity => "identity",
            Purpose::Clinical => "clinical",
            Purpose::Billing => "billing",
            Purpose::Staff => "staff",
        }
    }

    /// The purpose a stored word names.
    pub fn from_word(word: &str) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| purpose.word() == word)
    }
}

/// A type that stands for a [`Purpose`].
pub trait PurposeOf {
    /// The purpose.
    const PURPOSE: Purpose;
}

macro_rules! purposes {
    ($($(#[$doc:meta])* $alias:ident = $marker:ident;)*) => {
        /// Markers of the purposes, for [`Personal`]'s second parameter.
        pub mod marker {
            $(
                /// See the purpose of the same name.
                #[derive(Clone, Copy, PartialEq, Eq, Debug)]
                pub struct $marker;
                impl super::PurposeOf for $marker {
                    const PURPOSE: super::Purpose = super::Purpose::$marker;
                }
            )*
        }
        $($(#[$doc])* pub type $alias<T> = Personal<T, marker::$marker>;)*
    };
}

purposes! {
    /// Personal data that says who somebody is.
    Identity = Identity;
    /// Personal data about somebody's care.
    Clinical = Clinical;
    /// Personal data about somebody's money.
    Billing = Billing;
    /// Personal data about staff.
    Staff = Staff;
}

/// A personal value, open, still sealed, or erased for good.
pub enum Personal<T, P> {
    /// Readable.
    Open(T, PhantomData<P>),
    /// As stored; whoever reads it did not ask for it to be opened.
    Sealed(String),
    /// Its key was destroyed and a tombstone says so.
    Erased,
}

impl<T, P> Personal<T, P> {
    /// A readable value.
    pub const fn new(value: T) -> Self {
        Personal::Open(value, PhantomData)
    }

    /// The value, if it is readable.
    pub const fn open(&self) -> Option<&T> {
        match self {
            Personal::Open(value, _) => Some(value),
            Personal::Sealed(_) | Personal::Erased => None,
        }
    }

    /// True once its key was destroyed.
    pub const fn is_erased(&self) -> bool {
        matches!(self, Personal::Erased)
    }
}

impl<T: Clone, P> Clone for Personal<T, P> {
    fn clone(&self) -> Self {
        match self {
            Personal::Open(value, _) => Personal::new(value.clone()),
            Personal::Sealed(text) => Personal::Sealed(text.clone()),
            Personal::Erased => Personal::Erased,
        }
    }
}

impl<T: PartialEq, P> PartialEq for Personal<T, P> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Personal::Open(a, _), Personal::Open(b, _)) => a == b,
            (Personal::Sealed(a), Personal::Sealed(b)) => a == b,
            (Personal::Erased, Personal::Erased) => true,
            _ => false,
        }
    }
}

impl<T: Eq, P> Eq for Personal<T, P> {}

/// Never shows the value: logs and panics must not leak it.
impl<T, P: PurposeOf> fmt::Debug for Personal<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self {
            Personal::Open(..) => "open",
            Personal::Sealed(_) => "sealed",
            Personal::Erased => "erased",
        };
        write!(f, "<{} {state}>", P::PURPOSE.word())
    }
}

impl<T, P> From<T> for Personal<T, P> {
    fn from(value: T) -> Self {
        Personal::new(value)
    }
}

#[derive(Serialize)]
struct Plain<'a, T> {
    #[serde(rename = "$personal")]
    value: &'a T,
    purpose: Purpose,
}

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    #[serde(rename = "$personal", default = "Option::default", skip_serializing_if = "Option::is_none")]
    value: Option<T>,
    #[serde(rename = "$sealed", default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    #[serde(rename = "$erased", default, skip_serializing_if = "Option::is_none")]
    erased: Option<bool>,
}

impl<T: Serialize, P: PurposeOf> Serialize for Personal<T, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Personal::Open(value, _) => Plain { value, purpose: P::PURPOSE }.serialize(serializer),
            Personal::Sealed(text) => {
                Stored::<()> { value: None, sealed: Some(text.clone()), erased: None }.serialize(serializer)
            }
            Personal::Erased => Stored::<()> { value: None, sealed: None, erased: Some(true) }.serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned, P> Deserialize<'de> for Personal<T, P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::<T>::deserialize(deserializer)?;
        match stored {
            Stored { value: Some(value), .. } => Ok(Personal::new(value)),
            Stored { sealed: Some(text), .. } => Ok(Personal::Sealed(text)),
            Stored { erased: Some(true), .. } => Ok(Personal::Erased),
            _ => Err(serde::de::Error::custom("a personal value is $personal, $sealed or $erased")),
        }
    }
}

impl<T: JsonSchema, P: PurposeOf> JsonSchema for Personal<T, P> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Personal_{}_{}", P::PURPOSE.word(), T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let plain = generator.subschema_for::<T>();
        schemars::json_schema!({
            "x-carelog-personal": P::PURPOSE.word(),
            "x-carelog-plain": plain,
            "oneOf": [
                { "type": "object", "properties": { "$sealed": { "type": "string" } }, "required": ["$sealed"] },
                { "type": "object", "properties": { "$erased": { "const": true } }, "required": ["$erased"] },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_personal_value_survives_json_and_never_shows_in_debug() {
        let name: Identity<String> = Personal::new("Ada".to_owned());
        let json = serde_json::to_value(&name).expect("json");
        assert_eq!(json, serde_json::json!({ "$personal": "Ada", "purpose": "identity" }));
        assert_eq!(serde_json::from_value::<Identity<String>>(json).expect("read"), name);
        assert_eq!(format!("{name:?}"), "<identity open>");
    }

    #[test]
    fn an_erased_value_reads_as_erased() {
        let value: Clinical<String> = serde_json::from_value(serde_json::json!({ "$erased": true })).expect("read");
        assert!(value.is_erased());
        assert!(serde_json::from_value::<Clinical<String>>(serde_json::json!("bare")).is_err());
    }
}
