//! Instants, local dates and zones. Facts are instants; availability and billing days are local wall time in an IANA
//! zone. Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use super::local_date::LocalDate;

/// An instant: microseconds since 1970-01-01T00:00:00Z. In JSON an RFC 3339 text in UTC, of the years 1 to 9999: RFC
/// 3339 has no others. Arithmetic stops at their ends, so that what was computed can be read again too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

/// What was wrong with a text that should be a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct NotATime {
    /// What was read.
    pub text: String,
    /// What it should have been, with an example.
    pub expected: &'static str,
}

impl Timestamp {
    /// The first instant that can be written, 0001-01-01T00:00:00Z.
    pub const MIN: Timestamp = Timestamp(-62_135_596_800_000_000);
    /// The last one, a microsecond before the year 10000.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_999_999);

    /// The instant this many microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, 0 for instants before it (ids hold 48 bits).
    pub const fn millis(self) -> u64 {
        if self.0 < 0 { 0 } else { (self.0 / 1000) as u64 }
    }

    /// The instant `minutes` later (earlier when negative).
    pub const fn plus_minutes(self, minutes: i64) -> Timestamp {
        self.plus_micros(minutes.saturating_mul(60_000_000))
    }

    /// The instant `micros` later.
    pub const fn plus_micros(self, micros: i64) -> Timestamp {
        let later = self.0.saturating_add(micros);
        match later {
            _ if later < Self::MIN.0 => Self::MIN,
            _ if later > Self::MAX.0 => Self::MAX,
            _ => Timestamp(later),
        }
    }

    /// As a chrono instant.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    /// The nearest instant that can be written.
    fn from(instant: DateTime<Utc>) -> Timestamp {
        Timestamp(instant.timestamp_micros()).clamp(Timestamp::MIN, Timestamp::MAX)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let bad = || NotATime { text: text.to_owned(), expected: "an instant such as 2024-12-01T09:00:00Z" };
        let read = DateTime::parse_from_rfc3339(text).map_err(|_| bad())?;
        let instant = Timestamp(read.timestamp_micros());
        // An offset can move a year that was written with four digits out of them.
        (Self::MIN..=Self::MAX).contains(&instant).then_some(instant).ok_or_else(bad)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'_, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// When a fact happened and when we wrote it down. Rules use `occurred_at`; for live traffic both are now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it is recorded; never before `occurred_at`. The log may still move it later by microseconds.
    pub recorded_at: Timestamp,
}

impl Times {
    /// Live traffic: it happens as it is recorded.
    pub const fn live(now: Timestamp) -> Times {
        Times { occurred_at: now, recorded_at: now }
    }
}

/// An IANA time zone, such as `Europe/London`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Zone(chrono_tz::Tz);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Zone = Zone(chrono_tz::Tz::UTC);

    /// The local date at an instant.
    pub fn date_of(&self, instant: Timestamp) -> LocalDate {
        LocalDate::nearest(self.local(instant).date())
    }

    /// The wall time at an instant.
    pub fn local(&self, instant: Timestamp) -> NaiveDateTime {
        instant.to_utc().with_timezone(&self.0).naive_local()
    }

    /// The instant at which a span that begins at this wall time begins: an ambiguous time is the earlier one, a time
    /// in a gap is shifted forward by the gap.
    pub fn start_instant(&self, date: LocalDate, time: NaiveTime) -> Timestamp {
        self.instant(date.and_time(time), Ambiguity::Earlier)
    }

    /// The instant at which a span that ends at this wall time ends: an ambiguous time is the later one, a time in a
    /// gap is shifted forward by the gap.
    pub fn end_instant(&self, date: LocalDate, time: NaiveTime) -> Timestamp {
        self.instant(date.and_time(time), Ambiguity::Later)
    }

    fn instant(&self, wall: NaiveDateTime, ambiguity: Ambiguity) -> Timestamp {
        let chosen = match self.0.from_local_datetime(&wall) {
            chrono::LocalResult::Single(instant) => instant,
            chrono::LocalResult::Ambiguous(earlier, later) => match ambiguity {
                Ambiguity::Earlier => earlier,
                Ambiguity::Later => later,
            },
            chrono::LocalResult::None => return self.after_gap(wall),
        };
        Timestamp::from(chosen.with_timezone(&Utc))
    }

    /// A wall time that the clocks skipped, read with the offset in force before the gap: that is the wall time
    /// shifted forward by the gap.
    fn after_gap(&self, wall: NaiveDateTime) -> Timestamp {
        use chrono::Offset;
        let before = wall - TimeDelta::days(1);
        let offset = match self.0.offset_from_local_datetime(&before) {
            chrono::LocalResult::Single(offset) | chrono::LocalResult::Ambiguous(offset, _) => offset.fix(),
            chrono::LocalResult::None => chrono::Offset::fix(&Utc),
        };
        Timestamp::from((wall - TimeDelta::seconds(i64::from(offset.local_minus_utc()))).and_utc())
    }
}

enum Ambiguity {
    Earlier,
    Later,
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl FromStr for Zone {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        text.parse()
            .map(Zone)
            .map_err(|_| NotATime { text: text.to_owned(), expected: "an IANA time zone such as Europe/London" })
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Zone {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "an IANA time zone" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn london() -> Zone {
        "Europe/London".parse().expect("a zone")
    }

    fn date(y: i32, m: u32, d: u32) -> LocalDate {
        LocalDate::from_ymd_opt(y, m, d).expect("a date")
    }

    fn wall(h: u32, m: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(h, m, 0).expect("a time")
    }

    #[test]
    fn a_wall_time_in_a_gap_is_shifted_by_the_gap() {
        let spring = date(2025, 3, 30);
        assert_eq!(london().start_instant(spring, wall(1, 30)), "2025-03-30T01:30:00Z".parse().expect("instant"));
        let howe: Zone = "Australia/Lord_Howe".parse().expect("a zone");
        // 2025-10-05 02:00 +10:30 becomes 02:30 +11:00: a half-hour gap.
        assert_eq!(
            howe.start_instant(date(2025, 10, 5), wall(2, 15)),
            "2025-10-04T15:45:00Z".parse().expect("instant")
        );
    }

    #[test]
    fn an_ambiguous_start_is_the_earlier_and_an_ambiguous_end_the_later() {
        let autumn = date(2025, 10, 26);
        assert_eq!(london().start_instant(autumn, wall(1, 30)), "2025-10-26T00:30:00Z".parse().expect("instant"));
        assert_eq!(london().end_instant(autumn, wall(1, 30)), "2025-10-26T01:30:00Z".parse().expect("instant"));
    }

    #[test]
    fn an_instant_is_written_and_read_as_rfc_3339() {
        let at: Timestamp = "2024-12-01T09:00:00.000123Z".parse().expect("instant");
        assert_eq!(serde_json::to_string(&at).expect("json"), "\"2024-12-01T09:00:00.000123Z\"");
        assert_eq!(at.micros() % 1_000_000, 123);
    }

    #[test]
    fn an_instant_that_was_taken_can_be_read_again() {
        for text in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2024-12-31T23:59:60Z"] {
            let at: Timestamp = text.parse().expect("an instant");
            assert_eq!(at.to_string().parse(), Ok(at), "{text}");
        }
        for text in ["0000-01-01T00:00:00+01:00", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-23:00"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text} is outside of the years 1 to 9999 in UTC");
        }
    }

    #[test]
    fn arithmetic_and_zones_stay_within_what_can_be_written() {
        assert_eq!(Timestamp::MAX.plus_minutes(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.plus_micros(-1), Timestamp::MIN);
        let kiritimati: Zone = "Pacific/Kiritimati".parse().expect("a zone");
        assert_eq!(kiritimati.date_of(Timestamp::MAX), LocalDate::MAX);
        let (new_york, tokyo): (Zone, Zone) =
            ("America/New_York".parse().expect("a zone"), "Asia/Tokyo".parse().expect("a zone"));
        assert_eq!(new_york.date_of(Timestamp::MIN), LocalDate::MIN);
        assert_eq!(new_york.end_instant(LocalDate::MAX, wall(23, 59)), Timestamp::MAX);
        assert_eq!(tokyo.start_instant(LocalDate::MIN, wall(0, 0)), Timestamp::MIN);
    }
}
