//! Percentiles of measured times, by nearest rank: a figure that is told was really measured.

use std::fmt;
use std::time::Duration;

/// Times that were measured.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Takes one in.
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Takes all of another in.
    pub(crate) fn join(&mut self, other: Times) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The 50th and the 99th percentile.
    pub(crate) fn percentiles(mut self) -> Percentiles {
        self.0.sort_unstable();
        let rank = |percent: usize| {
            let rank = (self.0.len() * percent).div_ceil(100);
            self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Percentiles { p50: rank(50), p99: rank(99) }
    }
}

/// Half of all times were at most this, and 99 of 100 at most that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Percentiles {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| {
            let millis = time.as_secs_f64() * 1_000.0;
            if millis < 10.0 { format!("{millis:.2}") } else { format!("{millis:.0}") }
        };
        write!(f, "{} / {} ms", millis(self.p50), millis(self.p99))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_that_so_many_did_not_exceed() {
        let mut times = Times::default();
        (1..=200).rev().for_each(|millis| times.add(Duration::from_millis(millis)));
        let found = times.percentiles();
        assert_eq!((found.p50, found.p99), (Duration::from_millis(100), Duration::from_millis(198)));
        assert_eq!(found.to_string(), "100 / 198 ms");
    }

    #[test]
    fn one_time_is_every_percentile_and_none_is_nothing() {
        let mut times = Times::default();
        times.add(Duration::from_micros(1_500));
        assert_eq!(times.percentiles().to_string(), "1.50 / 1.50 ms");
        assert_eq!(Times::default().percentiles().p99, Duration::ZERO);
    }
}
