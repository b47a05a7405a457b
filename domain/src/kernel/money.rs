//! Money: whole minor units of one ISO 4217 currency, never a float, arithmetic checked.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 currency by its three letters, with the exponent the standard gives it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Currency([u8; 3]);

/// Why an amount could not be read or computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a currency code of ISO 4217.
    #[error("{0:?} is not an ISO 4217 currency code such as GBP")]
    UnknownCurrency(String),
    /// Two currencies in one sum.
    #[error("{left} and {right} cannot be added")]
    CurrenciesDiffer {
        /// Currency of the first amount.
        left: Currency,
        /// Currency of the second amount.
        right: Currency,
    },
    /// The result does not fit 64 bits of minor units.
    #[error("the amount does not fit 64 bits of minor units")]
    Overflow,
    /// Not a decimal amount of that currency.
    #[error("{text:?} is not an amount with at most {exponent} decimals")]
    NotAnAmount {
        /// What was read.
        text: String,
        /// Decimals the currency has.
        exponent: u32,
    },
}

impl Currency {
    /// Decimals between its major and minor unit (ISO 4217 table A.1): JPY 0, GBP 2, KWD 3.
    pub fn exponent(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }

    /// Its three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

/// The active codes of ISO 4217 (table A.1, without funds, metals and testing codes).
const ACTIVE: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
    CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD \
    HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD \
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR \
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS \
    UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let known = ACTIVE.split_ascii_whitespace().find(|code| *code == text);
        let bytes = known.and_then(|code| <[u8; 3]>::try_from(code.as_bytes()).ok());
        bytes.map(Currency).ok_or_else(|| MoneyError::UnknownCurrency(text.to_owned()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217" })
    }
}

/// An amount: `minor` units of `currency` (pence, fils, yen). May be negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// Whole minor units.
    pub minor: i64,
    /// Their currency.
    pub currency: Currency,
}

impl Money {
    /// An amount of minor units.
    pub const fn new(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Money {
        Money { minor: 0, currency }
    }

    /// The sum of both.
    ///
    /// # Errors
    /// When the currencies differ or the sum overflows.
    pub fn plus(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Money { minor, ..self })
    }

    /// This less the other.
    ///
    /// # Errors
    /// When the currencies differ or the difference overflows.
    pub fn minus(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Money { minor, ..self })
    }

    /// This many times.
    ///
    /// # Errors
    /// When the product overflows.
    pub fn times(self, quantity: i64) -> Result<Money, MoneyError> {
        let minor = self.minor.checked_mul(quantity).ok_or(MoneyError::Overflow)?;
        Ok(Money { minor, ..self })
    }

    /// The share of `basis_points` (1/100 of a per cent), rounded half-up to a minor unit (half away from zero).
    ///
    /// # Errors
    /// When the result overflows.
    pub fn share(self, basis_points: u32) -> Result<Money, MoneyError> {
        let exact = i128::from(self.minor) * i128::from(basis_points);
        let rounded = (exact.abs() + 5_000) / 10_000 * exact.signum();
        let minor = i64::try_from(rounded).map_err(|_| MoneyError::Overflow)?;
        Ok(Money { minor, ..self })
    }

    /// As a plain decimal with the currency's own number of decimals, such as `120.00`.
    pub fn decimal(&self) -> String {
        let exponent = self.currency.exponent() as usize;
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = exponent + 1);
        let (major, minor) = digits.split_at(digits.len() - exponent);
        let sign = if self.minor < 0 { "-" } else { "" };
        if exponent == 0 { format!("{sign}{major}") } else { format!("{sign}{major}.{minor}") }
    }

    /// Reads a plain decimal of a currency; more decimals than the currency has are refused.
    ///
    /// # Errors
    /// When the text is not such a decimal or does not fit.
    pub fn parse_decimal(text: &str, currency: Currency) -> Result<Money, MoneyError> {
        let exponent = currency.exponent();
        let bad = || MoneyError::NotAnAmount { text: text.to_owned(), exponent };
        let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (major, minor) = rest.split_once('.').unwrap_or((rest, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if major.is_empty()
            || !digits(major)
            || !digits(minor)
            || minor.len() > exponent as usize
            || rest.ends_with('.')
        {
            return Err(bad());
        }
        let padded = format!("{major}{minor:0<width$}", width = exponent as usize);
        let minor: i64 = padded.parse().map_err(|_| MoneyError::Overflow)?;
        Ok(Money { minor: sign * minor, currency })
    }

    fn same_currency(self, other: Money) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::CurrenciesDiffer { left: self.currency, right: other.currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect("a currency")
    }

    #[test]
    fn decimals_follow_the_currency() {
        assert_eq!(Money::new(12_000, currency("GBP")).decimal(), "120.00");
        assert_eq!(Money::new(-5, currency("GBP")).decimal(), "-0.05");
        assert_eq!(Money::new(500, currency("JPY")).decimal(), "500");
        assert_eq!(Money::new(1, currency("KWD")).decimal(), "0.001");
        assert_eq!(Money::parse_decimal("4.5", currency("KWD")), Ok(Money::new(4_500, currency("KWD"))));
        assert!(Money::parse_decimal("4.55", currency("JPY")).is_err());
        assert!(Money::parse_decimal("1.", currency("GBP")).is_err());
    }

    #[test]
    fn a_share_is_rounded_half_up() {
        assert_eq!(Money::new(25, currency("GBP")).share(2_000), Ok(Money::new(5, currency("GBP"))));
        assert_eq!(Money::new(33, currency("GBP")).share(5_000), Ok(Money::new(17, currency("GBP"))));
        assert_eq!(Money::new(-33, currency("GBP")).share(5_000), Ok(Money::new(-17, currency("GBP"))));
    }

    #[test]
    fn sums_are_checked() {
        let most = Money::new(i64::MAX, currency("GBP"));
        assert_eq!(most.plus(Money::new(1, currency("GBP"))), Err(MoneyError::Overflow));
        assert!(most.plus(Money::new(1, currency("EUR"))).is_err());
        assert!("ZZZ".parse::<Currency>().is_err());
    }
}
