//! A calendar date on a wall, without a zone, in the years that can be written with four digits: what was written can
//! always be read again, and a date can be part of a stream's name.

use std::fmt;
use std::ops::{Deref, Sub};
use std::str::FromStr;

use chrono::{Days, NaiveDate, TimeDelta};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::NotATime;

/// A date of the years 1 to 9999; in JSON `2024-12-01`. The rules of each field say which of them make sense there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LocalDate(NaiveDate);

const EXPECTED: &str = "a date such as 2024-12-01";

impl LocalDate {
    /// The first one, 0001-01-01.
    pub const MIN: LocalDate = LocalDate::constant(1, 1, 1);
    /// The last one, 9999-12-31.
    pub const MAX: LocalDate = LocalDate::constant(9999, 12, 31);

    const fn constant(year: i32, month: u32, day: u32) -> LocalDate {
        match NaiveDate::from_ymd_opt(year, month, day) {
            Some(date) => LocalDate(date),
            None => panic!("the constant is a date"),
        }
    }

    /// This date, if there is such a date in these years.
    pub fn from_ymd_opt(year: i32, month: u32, day: u32) -> Option<LocalDate> {
        NaiveDate::from_ymd_opt(year, month, day).and_then(LocalDate::new)
    }

    /// The nearest date of these years: for dates that were computed from an instant at their very end.
    pub(super) fn nearest(date: NaiveDate) -> LocalDate {
        LocalDate(date.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The day after; `None` after the last.
    pub fn succ_opt(self) -> Option<LocalDate> {
        self.0.succ_opt().and_then(LocalDate::new)
    }

    /// The day before; `None` before the first.
    pub fn pred_opt(self) -> Option<LocalDate> {
        self.0.pred_opt().and_then(LocalDate::new)
    }

    /// The date so many days later, if there is one.
    pub fn checked_add_days(self, days: Days) -> Option<LocalDate> {
        self.0.checked_add_days(days).and_then(LocalDate::new)
    }

    /// The date so many days earlier, if there is one.
    pub fn checked_sub_days(self, days: Days) -> Option<LocalDate> {
        self.0.checked_sub_days(days).and_then(LocalDate::new)
    }

    fn new(date: NaiveDate) -> Option<LocalDate> {
        (Self::MIN.0..=Self::MAX.0).contains(&date).then_some(LocalDate(date))
    }
}

impl Deref for LocalDate {
    type Target = NaiveDate;

    fn deref(&self) -> &NaiveDate {
        &self.0
    }
}

impl TryFrom<NaiveDate> for LocalDate {
    type Error = NotATime;

    fn try_from(date: NaiveDate) -> Result<LocalDate, NotATime> {
        LocalDate::new(date).ok_or_else(|| NotATime { text: date.to_string(), expected: EXPECTED })
    }
}

impl Sub for LocalDate {
    type Output = TimeDelta;

    fn sub(self, earlier: LocalDate) -> TimeDelta {
        self.0 - earlier.0
    }
}

impl fmt::Display for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LocalDate {
    type Err = NotATime;

    /// Exactly four, two and two digits: chrono also takes signs, spaces and years of any length.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let bad = || NotATime { text: text.to_owned(), expected: EXPECTED };
        let plain = |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
        if text.len() != 10 || !text.bytes().enumerate().all(plain) {
            return Err(bad());
        }
        text.parse().ok().and_then(LocalDate::new).ok_or_else(bad)
    }
}

impl Serialize for LocalDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LocalDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'_, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for LocalDate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LocalDate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date" })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_can_be_written_can_be_read() {
        for text in ["0001-01-01", "1815-12-10", "2024-02-29", "9999-12-31"] {
            let date: LocalDate = text.parse().expect("a date");
            assert_eq!(serde_json::to_string(&date).expect("json"), format!("{text:?}"));
        }
    }

    #[test]
    fn years_that_need_more_than_four_digits_and_other_spellings_are_no_dates() {
        for text in ["+12000-01-01", "-0001-01-01", "0000-12-31", "2024-1-1", " 2024-01-01", "2025-02-29", "20240101"] {
            assert!(text.parse::<LocalDate>().is_err(), "{text}");
            assert!(serde_json::from_str::<LocalDate>(&format!("{text:?}")).is_err(), "{text}");
        }
        assert_eq!((LocalDate::MIN.pred_opt(), LocalDate::MAX.succ_opt()), (None, None));
    }
}
