//! The schema's own scalars, `Money`, and ids as they come in.

use std::str::FromStr;

use async_graphql::{ID, InputType, InputValueError, InputValueResult, Scalar, ScalarType, SimpleObject, Value};
use carelog_domain::kernel;

use crate::problem::{Answer, Problem};
use crate::sql::Row;

/// An instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DateTime(pub(crate) kernel::Timestamp);

/// An instant: RFC 3339, such as `2024-12-01T09:00:00Z`. Any offset is read; UTC is written.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        parse_text::<Self, _>(value, "an instant such as \"2024-12-01T09:00:00Z\"").map(DateTime)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A calendar date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Date(pub(crate) kernel::LocalDate);

/// A calendar date on the hospital's wall, such as `2024-12-01`; it has no zone.
#[Scalar(name = "Date")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        parse_text::<Self, _>(value, "a date such as \"2024-12-01\"").map(Date)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A decimal number as a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Decimal(pub(crate) String);

/// A decimal number as a text, digits kept: `"120.00"`, `"4.10"`. Never a float, so nothing is lost.
#[Scalar(name = "Decimal")]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) if is_decimal(&text) => Ok(Decimal(text)),
            Value::String(_) | Value::Number(_) => {
                Err(InputValueError::custom("not a decimal text such as \"120.00\""))
            }
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

fn parse_text<S: InputType, T: FromStr>(value: Value, expected: &str) -> Result<T, InputValueError<S>> {
    match value {
        Value::String(text) => text.parse().map_err(|_| InputValueError::custom(format!("not {expected}"))),
        other => Err(InputValueError::expected_type(other)),
    }
}

/// An amount in one currency. `amount` has the currency's own number of decimals: `"120.00"` GBP, `"500"` JPY,
/// `"0.125"` KWD.
#[derive(Clone, SimpleObject, Debug)]
pub(crate) struct Money {
    /// The amount; may be negative.
    amount: Decimal,
    /// ISO 4217, such as `GBP`.
    currency: String,
}

impl From<kernel::Money> for Money {
    fn from(money: kernel::Money) -> Money {
        Money { amount: Decimal(money.decimal()), currency: money.currency.to_string() }
    }
}

impl Money {
    /// Minor units in one column, their currency in another.
    pub(crate) fn of_row(row: &Row, column: &'static str, currency: &'static str) -> Answer<Money> {
        Ok(kernel::Money::new(row.int(column)?, row.parsed(currency)?).into())
    }
}

/// Reads an id argument.
pub(crate) fn read_id<T: FromStr<Err = kernel::NotAnId>>(id: &ID, argument: &'static str) -> Answer<T> {
    id.parse().map_err(|error: kernel::NotAnId| {
        Problem::at(argument, "malformed-parameter", format!("{argument} is not a {} id (a UUID)", error.kind))
    })
}

/// Reads an id argument that may be left out.
pub(crate) fn read_maybe_id<T: FromStr<Err = kernel::NotAnId>>(
    id: Option<&ID>,
    argument: &'static str,
) -> Answer<Option<T>> {
    id.map(|id| read_id(id, argument)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<S: ScalarType>(value: impl Into<Value>) -> Option<S> {
        <S as ScalarType>::parse(value.into()).ok()
    }

    #[test]
    fn an_instant_with_an_offset_is_written_in_utc() {
        let instant: DateTime = read("2024-12-01T11:00:00+02:00").expect("an instant");
        assert_eq!(ScalarType::to_value(&instant), Value::from("2024-12-01T09:00:00Z"));
        assert!(read::<DateTime>("yesterday").is_none());
        assert!(read::<Date>("2024-13-01").is_none());
    }

    #[test]
    fn money_keeps_the_decimals_of_its_currency() {
        let amount = |minor, code: &str| {
            let money: Money = kernel::Money::new(minor, code.parse().expect("a currency")).into();
            money.amount.0
        };
        assert_eq!(amount(12_000, "GBP"), "120.00");
        assert_eq!(amount(500, "JPY"), "500");
        assert_eq!(amount(125, "KWD"), "0.125");
    }

    #[test]
    fn a_float_is_no_decimal() {
        assert!(read::<Decimal>(1.5).is_none());
        assert!(read::<Decimal>("1.50").is_some());
        assert!(read::<Decimal>("1.").is_none());
    }
}
