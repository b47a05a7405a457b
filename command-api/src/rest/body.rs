//! What may stand in a request's body, and what is said when something else does: every refusal names the field as a
//! JSON pointer, and a field nobody knows is refused rather than ignored.

use std::fmt::Display;
use std::str::FromStr;

use carelog_domain::command::Command;
use carelog_domain::kernel::{Currency, Money};
use chrono::NaiveTime;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::Problem;

/// The plain form of a command: what a client sends.
pub(crate) trait Body: DeserializeOwned + JsonSchema {
    /// The command it asks for.
    ///
    /// # Errors
    /// A value that means nothing, with its field.
    fn command(self) -> Result<Command, Problem>;
}

/// The command a JSON body asks for.
pub(crate) fn read<B: Body>(body: Value) -> Result<Command, Problem> {
    if let Some(field) = with_nul(&body) {
        return Err(meaningless(&field, "a text must not hold the character U+0000"));
    }
    let mut unknown: Option<String> = None;
    let mut track = serde_path_to_error::Track::new();
    let read = {
        let tracked = serde_path_to_error::Deserializer::new(body, &mut track);
        let mut note = |path: serde_ignored::Path<'_>| {
            unknown.get_or_insert_with(|| pointer_of(&path.to_string()));
        };
        B::deserialize(serde_ignored::Deserializer::new(tracked, &mut note))
    };
    let body = read.map_err(|error| malformed(&track.path().to_string(), &error.to_string()))?;
    match unknown {
        Some(field) => Err(unknown_field(&field)),
        None => body.command(),
    }
}

/// The first text with the character U+0000, which nobody writes and some stores cannot keep.
fn with_nul(value: &Value) -> Option<String> {
    let below = |part: &str, value: &Value| with_nul(value).map(|rest| format!("/{part}{rest}"));
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(values) => values.iter().enumerate().find_map(|(index, value)| below(&index.to_string(), value)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| below(name, value)),
        _ => None,
    }
}

fn malformed(path: &str, message: &str) -> Problem {
    let mut field = pointer_of(path);
    let named = message.split('`').nth(1);
    if let (Some(name), true) = (named, message.starts_with("missing field")) {
        field = format!("{field}/{name}");
    }
    if let (Some(name), true) = (named, message.starts_with("unknown field")) {
        return unknown_field(&if field.ends_with(&format!("/{name}")) { field } else { format!("{field}/{name}") });
    }
    // Serde repeats the value it could not read, which may be personal; what it expected is enough.
    let expected = match message.rsplit_once("expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None if message.starts_with("missing field") => "the field is missing".to_owned(),
        None => "the value cannot be read as what it should be".to_owned(),
    };
    Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body is not what this operation takes")
        .at(if field.is_empty() { "/".to_owned() } else { field })
        .detail(expected)
}

fn unknown_field(field: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "unknown-field", "The body has a field that is not known")
        .at(field)
        .detail("leave the field out, or look up its name in the API description at /swagger-ui")
}

/// `a.b[0].c`, `a.b.0.?.c` and the like as a JSON pointer.
fn pointer_of(path: &str) -> String {
    let parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty() && *part != "?");
    parts.fold(String::new(), |pointer, part| format!("{pointer}/{}", part.replace('~', "~0").replace('/', "~1")))
}

/// A value that is written rightly but means nothing.
pub(crate) fn meaningless(field: &str, why: impl Display) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "meaningless-value", "A value means nothing here")
        .at(field)
        .detail(why.to_string())
}

/// A text that must mean something, such as a zone.
pub(crate) fn meaning<T: FromStr>(field: &str, text: &str, expected: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| meaningless(field, format_args!("expected {expected}")))
}

/// An amount of money: decimal digits and a currency.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MoneyBody {
    /// A decimal number with at most as many decimals as the currency has, such as `"12.50"`.
    pub(crate) amount: String,
    /// ISO 4217, such as `GBP`.
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    pub(crate) currency: String,
}

impl MoneyBody {
    /// The amount, named by its field in a refusal.
    pub(crate) fn money(&self, field: &str) -> Result<Money, Problem> {
        let currency: Currency =
            meaning(&format!("{field}/currency"), &self.currency, "an ISO 4217 currency code such as GBP")?;
        Money::parse_decimal(&self.amount, currency).map_err(|_| {
            meaningless(
                &format!("{field}/amount"),
                format_args!("expected an amount with at most {} decimals", currency.exponent()),
            )
        })
    }
}

/// A wall time, `08:00` or `08:00:00`.
pub(crate) fn wall_time(field: &str, text: &str) -> Result<NaiveTime, Problem> {
    let parsed = NaiveTime::parse_from_str(text, "%H:%M").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M:%S"));
    parsed.map_err(|_| meaningless(field, "expected a wall time such as 08:00"))
}

/// Bodies: plain data in camelCase, unknown fields refused.
macro_rules! bodies {
    ($($(#[$doc:meta])* struct $name:ident { $($(#[$field_doc:meta])* $field:ident : $ty:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub(crate) struct $name { $($(#[$field_doc])* pub(crate) $field: $ty),* }
    )*};
}

pub(crate) use bodies;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::bodies::appointments::CancelAppointmentBody;
    use serde_json::json;

    const ID: &str = "0193a000-0000-8abc-8000-000000000001";

    #[test]
    fn what_is_wrong_in_a_body_is_named_by_its_field() {
        let problem = |body| read::<CancelAppointmentBody>(body).expect_err("refused");
        let missing = problem(json!({ "appointment": ID }));
        assert_eq!((missing.code, missing.field.as_deref()), ("malformed-body", Some("/by")));
        let unknown = problem(json!({ "appointment": ID, "by": "pat", "resaon": "x" }));
        assert_eq!((unknown.code, unknown.field.as_deref()), ("unknown-field", Some("/resaon")));
        let wrong = problem(json!({ "appointment": ID, "by": 3 }));
        assert_eq!((wrong.code, wrong.field.as_deref()), ("malformed-body", Some("/by")));
        let nul = problem(json!({ "appointment": ID, "by": "pat", "reason": "a\0b" }));
        assert_eq!((nul.code, nul.field.as_deref()), ("meaningless-value", Some("/reason")));
        assert!(read::<CancelAppointmentBody>(json!({ "appointment": ID, "by": "pat" })).is_ok());
    }

    #[test]
    fn a_refusal_does_not_repeat_what_was_sent() {
        let body = json!({ "appointment": ID, "by": "Ada Lovelace" });
        let problem = read::<CancelAppointmentBody>(body).expect_err("refused");
        assert!(!serde_json::to_string(&problem).expect("json").contains("Ada"));
    }
}
